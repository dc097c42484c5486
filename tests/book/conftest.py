"""Programs in the manner of the book's sections; no figure is seen, and none is left open."""

import matplotlib
import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def unseen_figures():
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.close("all")
    before = plt.rcParams.copy()
    yield
    plt.close("all")
    plt.rcParams.update(before)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture
def clothes(monkeypatch):
    """Put 300 and 100 pictures in the place of Fashion-MNIST: class k has a bright square at the k-th place."""
    from fathom.d2l import old_data

    def draw(num, seed):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(10, (num,), generator=generator)
        images = torch.randint(40, (num, 1, 28, 28), generator=generator, dtype=torch.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 4)
            image[:, 8 * row : 8 * row + 6, 7 * column : 7 * column + 6] += 200
        return images, labels

    parts = (*draw(300, 1), *draw(100, 2))
    monkeypatch.setattr(old_data, "read_fashion_mnist", lambda root=None: parts)

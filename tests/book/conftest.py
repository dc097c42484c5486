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


@pytest.fixture(autouse=True)
def _restored_classes():
    """The book's cells add methods to the package's own classes; each test begins with those of the package."""
    from fathom.d2l import torch as d2l

    classes = [getattr(d2l, name) for name in ("Module", "Classifier", "DataModule", "Trainer", "LinearRegression")]
    classes += [d2l.SyntheticRegressionData, d2l.FashionMNIST, d2l.TimeMachine, d2l.MTFraEng, d2l.EncoderDecoder]
    classes += [d2l.RNNLMScratch, d2l.Seq2Seq]
    before = [dict(vars(kind)) for kind in classes]
    yield
    for kind, attributes in zip(classes, before, strict=True):
        for name in set(vars(kind)) - set(attributes):
            delattr(kind, name)
        for name, value in attributes.items():
            if vars(kind).get(name) is not value:
                setattr(kind, name, value)


@pytest.fixture
def clothes(monkeypatch):
    """Put 300 and 100 images in the place of Fashion-MNIST: class k has a bright square at the k-th place."""
    from fathom.d2l.topics import fashion, old_data

    def draw(num, seed):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(10, (num,), generator=generator)
        images = torch.randint(40, (num, 1, 28, 28), generator=generator, dtype=torch.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 4)
            image[:, 8 * row : 8 * row + 6, 7 * column : 7 * column + 6] += 200
        return images, labels

    parts = (*draw(300, 1), *draw(100, 2))
    for module in (fashion, old_data):
        monkeypatch.setattr(module, "read_fashion_mnist", lambda root=None: parts)

"""Small learnable worlds for the tests of the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.module import Classifier
from fathom.preprocess import Preprocess
from fathom.training.device import Execution


@pytest.fixture
def cpu() -> Execution:
    """Plain float32 on the CPU, so that nothing depends on what a machine would choose."""
    return Execution(torch.device("cpu"))


@pytest.fixture
def image_arrays() -> Callable[..., Arrays]:
    """Make noisy images of three classes, each with its own bright corner."""

    def make(n: int = 60, side: int = 8, seed: int = 0) -> Arrays:
        rng = np.random.default_rng(seed)
        labels = np.arange(n + 30) % 3
        images = rng.integers(0, 120, (n + 30, 1, side, side), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            top, left = 4 * (label // 2), 4 * (label % 2)
            image[0, top : top + 4, left : left + 4] += 100
        return Arrays(images[:n], labels[:n], images[n:], labels[n:], ("a", "b", "c"))

    return make


@pytest.fixture
def images(image_arrays) -> Callable[..., ArrayData]:
    """Make a data module of such images; batches of 16 leave a short last one."""

    def make(batch_size: int = 16, *, n: int = 60, val: float = 0.1, **options: Any) -> ArrayData:
        return ArrayData(image_arrays(n), batch_size, val=val, **options)

    return make


@pytest.fixture
def lines() -> Callable[..., ArrayData]:
    """Make a data module of a noiseless line in three dimensions."""

    def make(batch_size: int = 10, *, n: int = 50, val: float = 0.0, dtype: Any = np.float32) -> ArrayData:
        rng = np.random.default_rng(1)
        X = rng.normal(size=(n, 3)).astype(dtype)
        y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(dtype)
        return ArrayData(Arrays(X, y, None, None, ()), batch_size, val=val)

    return make


@pytest.fixture
def make_classifier() -> Callable[..., Classifier]:
    """Make a small convolutional classifier whose weights depend on ``seed`` alone."""

    def make(seed: int = 1, *, dropout: float = 0.0, batch_norm: bool = False, **options: Any) -> Classifier:
        torch.manual_seed(seed)
        layers: list[nn.Module] = [nn.Conv2d(1, 4, 3, padding=1)]
        if batch_norm:
            layers.append(nn.BatchNorm2d(4))
        # the second convolution has several channels in: only such weights look different in channels-last
        layers += [nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), nn.Flatten()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        layers.append(nn.LazyLinear(3))
        net = nn.Sequential(*layers)
        with torch.no_grad():
            net.eval()(torch.zeros(1, 1, 8, 8))
        return Classifier(net.train(), preprocess=Preprocess([0.3], [0.25]), **options)

    return make


@pytest.fixture
def same_weights() -> Callable[[nn.Module, nn.Module], bool]:
    """Whether two modules hold the same bits."""

    def same(a: nn.Module, b: nn.Module) -> bool:
        ours, theirs = a.state_dict(), b.state_dict()
        return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)

    return same

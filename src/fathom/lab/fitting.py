"""Images for convolutions in the lab: halved in size, with a learning rate chosen alike for every arm.

The rate is chosen on samples of seeds that no measurement uses, from the same grid for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from fathom.lab.data import Draw, LabData
from fathom.lab.networks import Training, fit_network
from fathom.training.divergence import Diverged

_TUNING = (10_000, 10_001)  # seeds from here on choose the learning rate
_LARGE = 20  # pixels a side


def draw_halved(data: LabData, seed: int, num_train: int, num_test: int) -> Draw:
    """Draw samples; large images at half their height and width, as means of 2×2 pixels: four times as fast."""
    draw = data.draw(seed, num_train, num_test)
    if draw.X.shape[2] < _LARGE:
        return draw
    return replace(draw, X=avg_pool2d(draw.X, 2), X_test=avg_pool2d(draw.X_test, 2))


def fit_accuracies(
    make: Callable[[], nn.Module], data: LabData, draw: Draw, seed: int, training: Training
) -> tuple[float, float]:
    """Train a network as ``fit_network`` does; return its accuracy on training and test samples."""
    net = fit_network(make, data, draw, seed, training).module.eval()
    return _accuracy(net, draw.X, draw.y), _accuracy(net, draw.X_test, draw.y_test)


def choose_rate(
    make: Callable[[], nn.Module],
    data: LabData,
    draw: Callable[[int], Draw],
    training: Training,
    rates: Sequence[float],
) -> Training:
    """Return the training with the rate that gives the best test accuracy on the seeds for it."""
    found = [_score(make, data, draw, replace(training, lr=rate)) for rate in rates]
    return replace(training, lr=rates[max(range(len(rates)), key=found.__getitem__)])


def _score(make: Callable[[], nn.Module], data: LabData, draw: Callable[[int], Draw], training: Training) -> float:
    try:
        return sum(fit_accuracies(make, data, draw(seed), seed, training)[1] for seed in _TUNING)
    except Diverged:
        return -math.inf


@torch.no_grad()
def _accuracy(net: nn.Module, X: Tensor, y: Tensor) -> float:
    return float((net(X).argmax(1) == y).float().mean())

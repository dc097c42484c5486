"""Any network, fitted by the ordinary Trainer: for convolutions, whose members cannot stand side by side.

A learning rate is chosen on samples of seeds that no measurement uses, from the same grid for every arm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from fathom.data.loaders.memory import MemoryLoader
from fathom.lab.data import Draw
from fathom.module import Classifier
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged
from fathom.training.trainer import Trainer

_TUNING = (10_000, 10_001)  # seeds from here on choose the learning rate
_LARGE = 20  # pixels a side


@dataclass(frozen=True)
class Training:
    """How a network is trained: SGD with momentum under a constant rate."""

    lr: float
    epochs: int
    batch_size: int = 64
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float | None = None


def fit_network(
    make: Callable[[], nn.Module],
    draw: Draw,
    training: Training,
    seed: int,
    callbacks: Sequence[Callback] = (),
) -> nn.Module:
    """Make a network from a seed and train it; return it in evaluation mode.

    Raises:  Diverged
    """
    torch.manual_seed(seed)
    module = Classifier(make())
    loader = MemoryLoader(draw.X, draw.y, min(training.batch_size, len(draw.X)), shuffle=True, seed=seed)
    trainer = Trainer(
        training.epochs,
        optimizer=f"sgd:lr={training.lr},momentum={training.momentum},weight_decay={training.weight_decay}",
        device="cpu",
        precision="fp32",  # the same numbers on every machine
        clip_norm=training.clip_norm,
        callbacks=callbacks,
        seed=seed,
        progress=False,
    )
    trainer.fit(module, loader)
    assert module.net is not None
    return module.net.eval()


def halved(draw: Draw) -> Draw:
    """Return images of half the height and width, where they are large: means of 2×2 pixels; four times as fast."""
    if draw.X.shape[2] < _LARGE:
        return draw
    return replace(draw, X=avg_pool2d(draw.X, 2), X_test=avg_pool2d(draw.X_test, 2))


@torch.no_grad()
def accuracy(net: nn.Module, X: Tensor, y: Tensor) -> float:
    """Return the share of correct classes."""
    return float((net(X).argmax(1) == y).float().mean())


def choose_rate(
    make: Callable[[], nn.Module],
    draw: Callable[[int], Draw],
    training: Training,
    rates: Sequence[float],
) -> Training:
    """Return the training with the rate that gives the best test accuracy on the seeds for it."""
    found = [_score(make, draw, replace(training, lr=rate)) for rate in rates]
    return replace(training, lr=rates[max(range(len(rates)), key=found.__getitem__)])


def _score(make: Callable[[], nn.Module], draw: Callable[[int], Draw], training: Training) -> float:
    total = 0.0
    for seed in _TUNING:
        drawn = draw(seed)
        try:
            total += accuracy(fit_network(make, drawn, training, seed), drawn.X_test, drawn.y_test)
        except Diverged:
            return -math.inf
    return total

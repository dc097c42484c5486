"""Early stopping, more samples and augmentation against overfitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Ensemble, Recipe, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_ARMS = {"plain": "none", "stopping": "early stopping", "more": "twice the samples", "shifts": "shifted copies"}
_SHIFTS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # by a pixel, down, right …


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with one remedy on labels of which some are wrong; yield the accuracy of the last, or the best, epoch."""
    data, samples, epochs = conditions.samples, conditions["samples"], conditions["epochs"]
    task = Task(data, samples * 2, conditions["noise"])
    X, y, X_test, y_test = task.sample(seeds)
    if arm != "more":  # the same first half in all other arms
        X, y = X[:, :samples], y[:, :samples]
    # as many steps for all: an epoch of more samples is longer
    recipe = Recipe((conditions["width"],), epochs=epochs, lr=conditions["lr"])
    if arm == "more":
        recipe = Recipe((conditions["width"],), epochs=epochs // 2, lr=conditions["lr"])
    if arm == "shifts":
        X, y = _with_shifts(X, data.X.shape[1:]), y.repeat(1, len(_SHIFTS) + 1)
        recipe = Recipe((conditions["width"],), epochs=epochs // (len(_SHIFTS) + 1), lr=conditions["lr"])
    best = _BestEpoch(X_test, y_test)
    if arm == "stopping":
        # a fifth of the training samples decides when; their labels are as wrong as the others
        held = samples // 5
        best = _BestEpoch(X_test, y_test, X[:, :held], y[:, :held])
        X, y = X[:, held:], y[:, held:]
    train_ensemble(X, y, recipe, seeds, num_outputs=data.num_classes, on_epoch=best)
    for value in best.accuracy.tolist():
        yield {"accuracy": value}


class _BestEpoch:
    """Remembers the test accuracy of the last epoch, or of the one with the best validation accuracy."""

    def __init__(self, X_test: Tensor, y_test: Tensor, X: Tensor | None = None, y: Tensor | None = None) -> None:
        self.test, self.val = (X_test, y_test), None if X is None or y is None else (X, y)
        self.best = self.accuracy = torch.full((len(X_test),), -1.0)

    def __call__(self, epoch: int, ensemble: Ensemble) -> None:
        accuracy = ensemble.accuracy(*self.test)
        if self.val is None:
            self.accuracy = accuracy
            return
        reached = ensemble.accuracy(*self.val)
        self.accuracy = torch.where(reached > self.best, accuracy, self.accuracy)
        self.best = torch.maximum(reached, self.best)


def _with_shifts(X: Tensor, shape: Sequence[int]) -> Tensor:
    """Append copies moved by a pixel, the edge repeated: (S, N, F) -> (S, 5·N, F)."""
    images = X.unflatten(2, tuple(shape)).flatten(0, 1)  # (S·N, C, H, W)
    H, W = shape[1:]
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
    copies = [images, *(padded[..., 1 + i : 1 + i + H, 1 + j : 1 + j + W] for i, j in _SHIFTS)]
    return torch.cat([copy.flatten(1).unflatten(0, X.shape[:2]) for copy in copies], 1)


CLAIM = Claim(
    number=11,
    title="Remedies against overfitting",
    statement="Early stopping, more training samples and augmentation reduce overfitting.",
    place="N0 Overfitting Solution; N4 epoch",
    paper="Prechelt 1998; Hestness et al. 2017",
    design=Design(
        factor="none, early stopping, twice the samples, copies shifted by a pixel",
        fixed="one hidden layer, ReLU, SGD with momentum 0.9, batch 64, 20 % of the training labels drawn anew",
        budget="the same number of steps at the same learning rate; early stopping pays its validation samples itself",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison(f"{label} − none", arm, "plain", "more", margin=0.01, unit="pp")
        for arm, label in _ARMS.items()
        if arm != "plain"
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images",),
    settings={"samples": 500, "width": 128, "noise": 0.2, "epochs": 100, "lr": 0.03},
    quick={"epochs": 50},
    reading=Reading(
        sentences=(
            "One label in five is wrong here, and a network that trains on learns those too.",
            "Test accuracy over training to the end: early stopping {c1}, twice the samples {c2}, shifted copies {c3}.",
            "More samples first, copies that keep the label second; stop early when there is nothing better.",
        ),
        would_change="Clean labels, where training on costs little, or copies that change the label.",
        depends_on="the remedy",
        chinese=(
            "早停、更多数据、数据增强可减轻过拟合",
            "标签有 20% 噪声时的准确率提升：早停 {c1}，两倍数据 {c2}，平移副本 {c3}",
        ),
    ),
)

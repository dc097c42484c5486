"""The training problems of the comparisons. Loads without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """A network, its data and its learning rate; plain SGD, as in the book.

    Args:
        model: name in Fathom's registry.
        num_samples: samples per epoch.
        epochs_per_round: how many epochs one measurement takes.
    """

    name: str
    title: str
    model: str
    input_shape: tuple[int, ...]
    num_classes: int
    num_samples: int
    batch_size: int
    lr: float
    epochs_per_round: int = 1
    seed: int = 0

    @property
    def is_regression(self) -> bool:
        """Whether it is a regression."""
        return len(self.input_shape) == 1

    @property
    def steps_per_round(self) -> int:
        """Optimiser steps in one measurement."""
        return -(-self.num_samples // self.batch_size) * self.epochs_per_round


LENET = Problem(
    "lenet", "LeNet (sigmoid) on Fashion-MNIST, batch 256", "lenet_sigmoid", (1, 28, 28), 10, 60_000, 256, lr=0.9
)
MLP = Problem("mlp", "MLP 784-256-10 on Fashion-MNIST, batch 256", "mlp", (1, 28, 28), 10, 60_000, 256, lr=0.1)
RESNET18 = Problem(
    "resnet18", "ResNet-18 on Fashion-MNIST at 96×96, batch 128", "resnet18", (1, 96, 96), 10, 1_024, 128, lr=0.01
)
REGRESSION = Problem(
    "regression", "linear regression 2→1, batch 10", "linear", (2,), 1, 1_000, 10, lr=0.03, epochs_per_round=20
)

QUICK_IMAGES = 1_024


def make_quick(problem: Problem) -> Problem:
    """Shrink a problem to what only shows that the benchmark runs."""
    if problem.is_regression:
        return replace(problem, num_samples=100, epochs_per_round=1)
    if problem.input_shape[-1] > 28:
        return replace(problem, num_samples=8, batch_size=4)
    samples = min(problem.num_samples, QUICK_IMAGES)
    return replace(problem, num_samples=samples, batch_size=min(problem.batch_size, samples))

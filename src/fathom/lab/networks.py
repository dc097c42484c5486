"""Any network on a draw of samples, by the ordinary Trainer: for arms that are more than a stack of dense layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.lab.data import Draw, LabData
from fathom.module import Classifier
from fathom.training.trainer import Trainer


@dataclass(frozen=True)
class Training:
    """How a network is trained; ``augment`` as ``fathom train --augment`` takes it."""

    epochs: int
    lr: float
    batch_size: int = 64
    augment: str | None = None
    optimizer: str = "sgd:momentum=0.9"


def fit_network(make: Callable[[], nn.Module], data: LabData, draw: Draw, seed: int, training: Training) -> Trainer:
    """Train a network whose first weights, batches and augmentation a seed decides; return the trainer.

    Args:
        make: called under the seed.
    Raises:  Diverged if the loss leaves the finite numbers
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = Classifier(make(), lr=training.lr)
    trainer = Trainer(
        training.epochs, optimizer=training.optimizer, seed=seed, device="cpu", precision="fp32", progress=False
    )
    trainer.fit(module, _as_arrays(data, draw, seed, training))
    return trainer


def measure_network(
    make: Callable[[], nn.Module], data: LabData, draw: Draw, seed: int, training: Training
) -> dict[str, float]:
    """Train as ``fit_network`` does; return accuracy and loss on the test samples."""
    found = fit_network(make, data, draw, seed, training).test(_as_arrays(data, draw, seed, training))
    return {"accuracy": found["test_accuracy"], "loss": found["test_loss"]}


def _as_arrays(data: LabData, draw: Draw, seed: int, training: Training) -> ArrayData:
    arrays = Arrays(
        draw.X.numpy(),
        draw.y.numpy(),
        draw.X_test.numpy(),
        draw.y_test.numpy(),
        tuple(map(str, range(data.num_classes))),
    )
    augment = make_augmentation(training.augment) if training.augment else None
    return ArrayData(arrays, training.batch_size, name=data.name, val=0.0, augment=augment, seed=seed)

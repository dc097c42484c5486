"""Fathom's trainer at the same work, with settings given or chosen by itself."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.gate import Gate
from bench.inputs import stored
from bench.problems import Problem
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.module import DataModule
from fathom.data.sources.catalog import load_arrays
from fathom.models.registry import create
from fathom.module import Classifier, Module, Regressor
from fathom.preprocess import Preprocess
from fathom.training.callbacks import Callback
from fathom.training.device import choose_execution
from fathom.training.optimizers import make_optimizer
from fathom.training.trainer import Trainer


class AtGate(Callback):
    """Wait for the turn before every epoch; after it, look at the test split if asked."""

    def __init__(self, gate: Gate, data: DataModule | None = None) -> None:
        self.gate, self.data = gate, data

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Wait."""
        self.gate.start_epoch()

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Report; the test pass comes after the clock has stopped."""
        metrics = {name: value for name, value in record.items() if name.startswith(("train_", "val_"))}
        data = self.data
        self.gate.end_epoch(lambda: metrics | trainer.test(data) if data is not None else metrics)


def run(
    problem: Problem,
    gate: Gate,
    execution: dict[str, Any],
    test: bool = False,
    catalog: bool = False,
    doctor: bool = False,
) -> None:
    """Train with plain SGD.

    Args:
        execution: arguments of ``choose_execution``; what is not given, Fathom chooses.
        test: give the accuracy on the test split after every epoch.
        catalog: read the data set as a user would, not the files that the benchmark prepared.
        doctor: watch the training, as ``fathom train`` does.
    """
    arrays = load_arrays("fashion_mnist") if catalog else read_arrays(problem, test)
    data = ArrayData(arrays, problem.batch_size, val=0.0, seed=problem.seed)
    torch.manual_seed(problem.seed)
    net = create(problem.model, input_shape=problem.input_shape, num_classes=problem.num_classes)
    module: Module = (
        Regressor(net) if problem.is_regression else Classifier(net, preprocess=Preprocess(*data.statistics()))
    )
    chosen = choose_execution(module, data.X[:1], device="cpu", **execution)
    gate.note(choices=chosen.describe())
    trainer = Trainer(
        gate.num_epochs,
        optimizer=partial(_make_sgd, lr=problem.lr),
        execution=chosen,
        # the gate last: what the doctor does with an epoch is part of its time
        callbacks=[*(_doctor() if doctor else ()), AtGate(gate, data if test else None)],
        progress=False,
        seed=problem.seed,
    )
    trainer.fit(module, data)


def _doctor() -> list[Callback]:
    from fathom.doctor.training.callback import Doctor

    path = Path(os.environ["BENCH_FOLDER"]) / "probes.jsonl"
    path.unlink(missing_ok=True)
    return [Doctor(path, facts={"loss": "cross_entropy", "classes": 10}, report=lambda trainer, finding: None)]


def read_arrays(problem: Problem, test: bool) -> Arrays:
    """Return the same samples that the others get."""
    X, y = (part.numpy() for part in stored(problem))
    X_test, y_test = (part.numpy() for part in stored(problem, "test")) if test else (None, None)
    names = () if problem.is_regression else tuple(str(number) for number in range(problem.num_classes))
    return Arrays(X, y, X_test, y_test, names)


def _make_sgd(module: nn.Module, lr: float) -> torch.optim.Optimizer:
    return make_optimizer("sgd", module, lr)

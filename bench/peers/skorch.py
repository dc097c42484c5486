"""skorch: https://skorch.readthedocs.io"""

from __future__ import annotations

from typing import Any

import torch

from bench.gate import Gate
from bench.inputs import TensorBatches, normalised
from bench.networks import make_loss, make_net
from bench.problems import Problem


def run(problem: Problem, gate: Gate) -> None:
    """Train with ``NeuralNetClassifier.fit`` or ``NeuralNetRegressor.fit`` on tensors."""
    from skorch import NeuralNetClassifier, NeuralNetRegressor
    from skorch.callbacks import Callback, EpochScoring

    class AtGate(Callback):
        def on_epoch_begin(self, net: Any, **_: Any) -> None:
            gate.start_epoch()

        def on_epoch_end(self, net: Any, **_: Any) -> None:
            names = ("train_loss", "train_accuracy")
            gate.end_epoch({name: net.history[-1][name] for name in names if name in net.history[-1]})

    def gather(dataset: Any, batch_size: int) -> TensorBatches:
        return TensorBatches(dataset.X, dataset.y, batch_size)

    accuracy = EpochScoring("accuracy", name="train_accuracy", on_train=True, lower_is_better=False)
    kind = NeuralNetRegressor if problem.is_regression else NeuralNetClassifier
    net = kind(
        make_net(problem),
        criterion=make_loss(problem),
        optimizer=torch.optim.SGD,
        lr=problem.lr,
        batch_size=problem.batch_size,
        max_epochs=gate.num_epochs,
        train_split=None,
        iterator_train=gather,
        callbacks=[AtGate()] if problem.is_regression else [accuracy, AtGate()],
        callbacks__print_log=None,
        verbose=0,
        device="cpu",
    )
    net.fit(*normalised(problem))

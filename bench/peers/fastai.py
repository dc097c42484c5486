"""fastai: https://docs.fast.ai"""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.gate import Gate
from bench.inputs import normalised
from bench.networks import make_loss, make_net
from bench.problems import Problem


def run(problem: Problem, gate: Gate) -> None:
    """Train with ``Learner.fit``."""
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.metrics import accuracy
    from fastai.optimizer import SGD

    X, y = normalised(problem)

    class Gathered(DataLoader):
        """Whole batches by one indexing, as fastai's own loader for tables does."""

        def create_item(self, index: int) -> int:
            return index

        def create_batch(self, indices: list[int]) -> tuple[Any, Any]:
            return X[indices], y[indices]

    class AtGate(Callback):
        order = 90  # after the recorder

        def before_train(self) -> None:
            gate.start_epoch()

        def after_train(self) -> None:
            # The recorder's row so far: epoch, training loss, training metrics.
            gate.end_epoch(dict(zip(("train_loss", "train_accuracy"), self.recorder.log[1:], strict=False)))

    train = Gathered(range(len(y)), bs=problem.batch_size, shuffle=True, num_workers=0)
    # It insists on a validation split; the clock does not run while it looks at this one batch.
    valid = Gathered(range(problem.batch_size), bs=problem.batch_size, num_workers=0)
    learner = Learner(
        DataLoaders(train, valid),
        make_net(problem),
        loss_func=make_loss(problem),
        opt_func=partial(SGD, mom=0.0),
        lr=problem.lr,
        metrics=[] if problem.is_regression else [accuracy],
        train_bn=False,
        cbs=[AtGate()],
    )
    learner.recorder.train_metrics = not problem.is_regression
    with learner.no_logging():  # without fastai.callback.progress there is no bar either
        learner.fit(gate.num_epochs)

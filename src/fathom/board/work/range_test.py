"""The range test of the learning rate: a short training from the run's start, whose rate grows at every step."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from fathom.board.work.opened import open_data, open_model
from fathom.build.assemble import build_trainer
from fathom.build.plan import draft
from fathom.errors import FathomError
from fathom.settings.config import replace_in
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged
from fathom.training.trainer import Trainer

LOWEST, HIGHEST = 1e-6, 10.0  # rates between which every optimiser's lies
_STEPS, _TIME_S = 120, 40.0
_BLOWN_UP = 4.0  # times the lowest smoothed loss: the test is over
_WEIGHT = 0.9  # of the smoothing


def sweep_rates(run: str) -> dict[str, Any]:
    """Return rates, losses of the steps, the losses smoothed, and a rate to begin with; nothing of the run changes.

    Source:  Smith 2017, "Cyclical Learning Rates for Training Neural Networks", §3.3; a tenth of the rate at which the
             loss is lowest is what fastai's finder advises
    Raises:  FathomError if the data are gone, or cannot be read twice
    """
    config = replace_in(
        open_model(run).config,
        training={"epochs": 1, "lr": LOWEST, "schedule": f"exponential:final={HIGHEST / LOWEST:g}", "warmup": 0.0,
                  "accumulate": 1, "monitor": None, "overfit_batches": 0, "fast_dev_run": False},
    )  # fmt: skip
    data = open_data(run)
    watch = _Watch()
    plan = draft(config, data=data).ready()
    batches = list(itertools.islice(_endless(data.train_dataloader()), _STEPS))
    execution = dataclasses.replace(plan.execution, compile="off")
    with contextlib.suppress(Diverged, _Over):
        build_trainer(plan.config, execution, [watch]).fit(plan.module, batches)
    return describe(watch.rates, watch.losses)


def describe(rates: list[float], losses: list[float]) -> dict[str, Any]:
    """Return the curve, and the rate that it advises: None where the loss never fell."""
    smoothed = list(_smooth(losses))
    lowest = min(range(len(smoothed)), key=smoothed.__getitem__, default=None)
    advised = None
    if lowest is not None and smoothed[lowest] < 0.98 * smoothed[0]:
        advised = float(f"{rates[lowest] / 10:.1g}")  # one digit is all that such a test gives
    return {"lr": rates, "loss": losses, "smoothed": smoothed, "advised": advised}


def _smooth(losses: list[float]) -> Iterator[float]:
    """Yield the exponential moving mean, corrected for its beginning as Adam's moments are."""
    mean = norm = 0.0
    for loss in losses:
        mean, norm = _WEIGHT * mean + (1 - _WEIGHT) * loss, _WEIGHT * norm + (1 - _WEIGHT)
        yield mean / norm


def _endless(loader: Any) -> Iterator[Any]:
    if iter(loader) is loader:
        raise FathomError("the training batches cannot be read twice")
    while True:
        is_empty = True
        for batch in loader:
            yield batch
            is_empty = False
        if is_empty:
            raise FathomError("the training loader gave no batch")


class _Over(Exception):
    """The loss has left all bounds, or the time is up."""


class _Watch(Callback):
    """Keeps rate and loss of each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._lowest = math.inf
        self._began = time.monotonic()

    def on_batch_end(self, trainer: Trainer, batch: Any, outputs: dict[str, Tensor]) -> None:
        """Note the loss at this rate; leave once it has blown up."""
        loss = float(outputs["loss"].detach())
        if not math.isfinite(loss):
            raise _Over
        self.rates.append(trainer.lr)
        self.losses.append(loss)
        *_, smoothed = _smooth(self.losses)
        self._lowest = min(self._lowest, smoothed)
        if smoothed > _BLOWN_UP * self._lowest or time.monotonic() - self._began > _TIME_S:
            raise _Over

"""Records of metrics: one per log interval, one per epoch."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from fathom.errors import FathomError
from fathom.monitor import find_monitor

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

_SHORTEST_S = 1e-9  # so that a rate is never divided by zero


def log_interval(trainer: Trainer) -> None:
    """Log what was learned since the last record."""
    # First: it waits for the device, so the time taken below is that of finished steps.
    trainer.flush()
    now = time.perf_counter()
    metrics = {f"train_{name}": value for name, value in trainer.meter.take_interval().items()}
    num_batches = trainer.feed.num_batches
    # of an epoch without a known length, only that it is under way
    position = trainer.epoch if num_batches is None else round(trainer.epoch + trainer.batch / num_batches, 4)
    trainer.call("on_log", _make_record(trainer, "step", position, metrics, trainer.interval_began, now))
    trainer.interval_began = (time.perf_counter(), trainer.num_samples)  # not `now`: what callbacks did is not training


def finish_epoch(trainer: Trainer) -> dict[str, Any]:
    """Validate, tell the schedule, and return the epoch's record; its rate is that of training alone."""
    if trainer.batch == 0:
        raise FathomError(f"the training loader gave no batch in epoch {trainer.epoch + 1}; can it be iterated again?")
    trainer.flush()
    trained = time.perf_counter()
    evaluated = {} if trainer.val_feed is None else trainer.validate(trainer.val_feed)
    trainer.stop_if_asked(
        in_epoch=False
    )  # then nothing of what follows has happened, and the resumed run validates again
    metrics = {f"train_{name}": value for name, value in trainer.meter.take_epoch().items()}
    metrics |= {f"val_{name}": value for name, value in evaluated.items()}
    trainer.schedule.observe(_watched(trainer, metrics))
    trainer.epoch, trainer.batch = trainer.epoch + 1, 0
    record = _make_record(trainer, "epoch", trainer.epoch, metrics, trainer.epoch_began, trained)
    trainer.records.append(record)
    trainer.interval_began = trainer.epoch_began = (time.perf_counter(), trainer.num_samples)
    return record


def _watched(trainer: Trainer, metrics: dict[str, float]) -> float:
    """Return what a schedule may follow: the monitored metric, else the validation loss, else the training loss."""
    if trainer.monitor is not None:
        return metrics[find_monitor(metrics, (trainer.monitor,)).name]
    return metrics.get("val_loss", metrics.get("train_loss", math.nan))


def _make_record(
    trainer: Trainer, event: str, epoch: float, metrics: dict[str, float], since: tuple[float, int], now: float
) -> dict[str, Any]:
    began, samples = since
    return {
        "event": event,
        "step": trainer.step,
        "epoch": epoch,
        **metrics,
        "lr": trainer.lr,
        "samples_per_s": round((trainer.num_samples - samples) / max(now - began, _SHORTEST_S), 1),
        "elapsed_s": round(time.perf_counter() - trainer.started, 4),
    }

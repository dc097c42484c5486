"""Which recorded metric decides which epoch is best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fathom.errors import FathomError, UsageError

_LOWER = ("loss", "perplexity")
_HIGHER = ("accuracy", "f1", "f1_binary", "precision", "precision_binary", "recall", "recall_binary", "auroc")


@dataclass(frozen=True)
class Monitor:
    """The name of a recorded metric, and whether a larger value is better."""

    name: str
    higher_is_better: bool

    @property
    def worst(self) -> float:
        """What every value is better than."""
        return -math.inf if self.higher_is_better else math.inf

    def improves(self, value: float, best: float, by: float = 0.0) -> bool:
        """Whether ``value`` is better than ``best`` by more than ``by``; NaN never is."""
        return value > best + by if self.higher_is_better else value < best - by


# Accuracy on validation if there is one, else its loss, else the training loss.
USUAL = (Monitor("val_accuracy", True), Monitor("val_loss", False), Monitor("train_loss", False))
# Samples; with fewer in the validation split its loss decides, not its accuracy: of 99 samples one is a percent, and an
# accuracy of 90 % has a standard error of 3
FEW_TO_VALIDATE = 100
LOSSES = USUAL[1:]  # what early stopping looks at unless it is told


def parse_monitor(text: str) -> Monitor:
    """Read ``val_f1``, or ``val_mine:max`` and ``val_mine:min`` where a name does not say which is better.

    Raises:  UsageError for another form
    """
    name, _, direction = text.partition(":")
    column = name.removeprefix("train_").removeprefix("val_")
    if column == name or not column:
        raise UsageError(f"monitor {text!r}: expected a recorded metric, such as val_f1 or train_loss")
    if direction in ("min", "max"):
        return Monitor(name, direction == "max")
    if direction:
        raise UsageError(f"monitor {text!r}: expected {name}:min or {name}:max")
    if column not in (*_LOWER, *_HIGHER):
        raise UsageError(f"monitor {text!r}: say which is better, {name}:min or {name}:max")
    return Monitor(name, column in _HIGHER)


def find_monitor(record: Mapping[str, Any], candidates: Sequence[Monitor] = USUAL) -> Monitor:
    """Return the first of ``candidates`` that an epoch's record holds.

    Raises:  FathomError if it holds none of them
    """
    for candidate in candidates:
        if record.get(candidate.name) is not None:
            return candidate
    held = ", ".join(name for name in record if name.startswith(("train_", "val_"))) or "no metric"
    raise FathomError(f"there is no {candidates[0].name} to monitor: the epoch's record holds {held}")


# Between equal accuracies the loss decides: it tells epochs apart that a small validation split cannot.
_TIE_BREAKER = Monitor("val_loss", False)
# Means over batches of other sizes round differently; one sample more or less is a larger difference than this share.
_TIE = 1e-6


def is_better_epoch(monitor: Monitor, record: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    """Whether an epoch's record is better than the best so far: by ``monitor``, where that ties by validation loss.

    A value that is not finite is never better, and a finite one always better than it.
    """
    value, earlier = _value(record, monitor), _value(best, monitor)
    if not math.isfinite(value) or not math.isfinite(earlier):
        return math.isfinite(value)
    if not math.isclose(value, earlier, rel_tol=_TIE):
        return monitor.improves(value, earlier)
    if monitor.name == _TIE_BREAKER.name:
        return monitor.improves(value, earlier)
    loss, earlier_loss = _value(record, _TIE_BREAKER), _value(best, _TIE_BREAKER)
    return _TIE_BREAKER.improves(loss, earlier_loss) or (math.isfinite(loss) and math.isnan(earlier_loss))


def _value(record: Mapping[str, Any], monitor: Monitor) -> float:
    value = record.get(monitor.name)
    return math.nan if value is None else float(value)

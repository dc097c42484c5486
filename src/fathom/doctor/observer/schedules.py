"""Learning-rate schedules: how often they step, and over how many steps they were planned."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch.optim import lr_scheduler

from fathom.doctor.observer.part import Part
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import SchedulerRecord

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer

# the argument that says over how many of its own steps a schedule goes
_HORIZONS = {
    "CosineAnnealingLR": "T_max",
    "OneCycleLR": "total_steps",
    "LinearLR": "total_iters",
    "PolynomialLR": "total_iters",
}


class Schedules(Part):
    """Follows the schedules of ``torch.optim.lr_scheduler``."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self._known: weakref.WeakKeyDictionary[Any, SchedulerRecord] = weakref.WeakKeyDictionary()
        self._depth = 0

    def install(self) -> list[Any]:
        kinds = [
            kind
            for kind in vars(lr_scheduler).values()
            if isinstance(kind, type) and kind.__module__ == lr_scheduler.__name__
        ]
        for kind in kinds:
            if "step" in vars(kind):
                self.observer.patches.wrap(kind, "step", self._stepped)
            if "__init__" in vars(kind) and issubclass(kind, lr_scheduler.LRScheduler):
                self.observer.patches.wrap(kind, "__init__", self._made)
        return []

    def _made(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._depth += 1  # a schedule steps once while it is made, and may make others
        try:
            result = original(*args, **kwargs)
        finally:
            self._depth -= 1
        if not self._depth and not self.observer.is_idle():
            with self.observer.own_work("schedule"):
                self._note(args[0])
        return result

    def _note(self, schedule: Any) -> SchedulerRecord:
        record = self._known.get(schedule)
        if record is not None:
            return record
        optimizer = getattr(schedule, "optimizer", None)
        followed = self.observer.steps.follow(optimizer) if optimizer is not None else None
        kind = type(schedule).__name__
        record = SchedulerRecord(kind, user_place(), -1 if followed is None else followed.index)
        horizon = getattr(schedule, _HORIZONS.get(kind, ""), None)
        record.horizon = float(horizon) if isinstance(horizon, (int, float)) else None
        if kind == "ExponentialLR":
            record.decay_per_step = float(schedule.gamma)
        elif kind == "StepLR":
            record.decay_per_step = float(schedule.gamma) ** (1 / max(1, schedule.step_size))
        record.optimizer_steps_at_creation = followed.record.steps if followed is not None else 0
        self._known[schedule] = record
        self.record.schedulers.append(record)
        return record

    def _stepped(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        is_outer = self._depth == 0
        self._depth += 1
        try:
            return original(*args, **kwargs)
        finally:
            self._depth -= 1
            if is_outer and not self.observer.is_idle():
                with self.observer.own_work("schedule"):
                    record = self._note(args[0])
                    record.steps += 1
                    record.step_place = record.step_place or user_place()
                    if record.optimizer >= 0 and self.record.optimizers[record.optimizer].steps == 0:
                        record.steps_before_optimizer += 1

"""The learning rate that the settings plan, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fathom.board.index.history import MOST_POINTS, History
from fathom.errors import FathomError
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.training.schedules.schedule import make_schedule


def plan_schedule(history: History) -> dict[str, Any]:
    """Return steps and planned rates; no steps, and the reason, where the plan depends on what happens."""
    try:
        run = RunReader(history.place.path)
        training = run.config.get("training")
        steps = _steps_per_epoch(history, run)
        lr, epochs = (training.get(name) if isinstance(training, Mapping) else None for name in ("lr", "epochs"))
        if not (isinstance(training, Mapping) and is_number(lr) and isinstance(epochs, int) and steps):
            return _without("the settings do not say how many steps there are")
        name, warmup = str(training.get("schedule") or "constant"), training.get("warmup") or 0
        if name.startswith(("plateau", "function")):
            return _without("this schedule follows what happens, so that it cannot be drawn beforehand")
        total = epochs * steps
        # below 1 a share of all steps, from 1 on a number of steps
        schedule = make_schedule(name, total, warmup if warmup < 1 else int(warmup))
    except (FathomError, TypeError, ValueError) as error:
        return _without(str(error))
    every = max(1, total // MOST_POINTS)
    at = list(range(0, total, every))
    # a record of step n holds the rate of the n-th step, which is step n - 1 counted from 0
    return {"name": name, "step": [step + 1 for step in at], "value": [lr * schedule.factor(step) for step in at]}


def _steps_per_epoch(history: History, run: RunReader) -> int | None:
    """Return optimiser steps an epoch: as recorded, else as many as the batches make."""
    first = next((r for r in history.records if r.get("event") == "epoch" and r["epoch"] == 1), None)
    if first is not None:
        return int(first["step"])
    within = next((r for r in history.records if r.get("event") == "step" and 0 < r["epoch"] < 1), None)
    if within is not None:
        return round(within["step"] / within["epoch"])
    splits, data = (run.data or {}).get("splits"), run.config.get("data")
    size = splits.get("train") if isinstance(splits, Mapping) else None
    batch = data.get("batch_size") if isinstance(data, Mapping) else None
    return -(-size // batch) if isinstance(size, int) and isinstance(batch, int) and batch > 0 else None


def _without(reason: str) -> dict[str, Any]:
    return {"name": "", "step": [], "value": [], "reason": reason}

"""What the logs of other programs have in common: names of metrics, records by step, the run's line."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fathom.board.index.following import size_and_time
from fathom.runs.folder.records import is_number

_RECENT_S = 60.0  # a log that grew within a minute is taken for that of a run that lives
_SPLITS = {"train": "train", "training": "train"} | dict.fromkeys(("val", "valid", "validation", "eval"), "val")


def metric_name(text: str) -> str:
    """Return a metric's name as Fathom writes it: the split first.

    >>> [metric_name(name) for name in ("Loss/train", "val/box_loss", "eval_top1", "loss")]
    ['train_loss', 'val_box_loss', 'val_top1', 'loss']
    """
    parts = [part for part in re.split(r"[/\s]+", text.strip().lower()) if part]
    if len(parts) == 1 and "_" in parts[0]:
        parts = parts[0].split("_", 1)
        if parts[0] not in _SPLITS:
            return "_".join(parts)
    split = next((_SPLITS[part] for part in parts if part in _SPLITS), "")
    return "_".join([*([split] if split else []), *(part for part in parts if part not in _SPLITS)]) or text


def merge_by_step(scalars: Iterable[tuple[int, float, str, float]]) -> list[dict[str, Any]]:
    """Put scalars (step, time, tag, value) of one step into one record."""
    records: dict[int, dict[str, Any]] = {}
    for step, at, tag, value in scalars:
        record = records.setdefault(step, {"event": "step", "step": step, "epoch": step, "time": at})
        name = metric_name(tag)
        record["epoch" if name == "epoch" else name] = value if math.isfinite(value) else None
    return [{"elapsed_s": record.pop("time"), **record} for record in records.values()]


class Summary:
    """Sizes and times of a log's files."""

    @staticmethod
    def stamp(paths: Sequence[Path]) -> object:
        """Return what changes when the log does, or when it is no longer recent."""
        found = [size_and_time(path) for path in paths]
        newest = max((changed for _, changed in found), default=0.0)
        return tuple(found), time.time() - newest < _RECENT_S


def summarise(records: Sequence[dict[str, Any]], paths: Sequence[Path]) -> dict[str, Any]:
    """Return the line of a run of another program."""
    found = [size_and_time(path) for path in paths]
    newest = max((changed for _, changed in found), default=0.0)
    metric, best = _best(records)
    began = next((r["elapsed_s"] for r in records if is_number(r.get("elapsed_s"))), None)
    ended = next((r["elapsed_s"] for r in reversed(records) if is_number(r.get("elapsed_s"))), None)
    epochs = [r["epoch"] for r in records if is_number(r.get("epoch"))]
    return {
        "condition": "running" if time.time() - newest < _RECENT_S else "done",
        "created": datetime.fromtimestamp(newest, UTC).isoformat() if newest else None,
        "epochs": int(max(epochs)) if epochs else 0,
        "val_metric": metric,
        "val": best,
        "train_s": ended - began if is_number(began) and is_number(ended) else None,
        "settings": {},
    }


def _best(records: Sequence[dict[str, Any]]) -> tuple[str | None, float | None]:
    for name, pick in (("val_accuracy", max), ("val_acc", max), ("val_top1", max), ("val_loss", min), ("loss", min)):
        values = [record[name] for record in records if is_number(record.get(name))]
        if values:
            return name, pick(values)
    return None, None

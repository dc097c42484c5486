"""What a run is doing at this moment, beyond what its records tell."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.board.index.runs import Entry
from fathom.errors import FathomError
from fathom.runs.folder import schema
from fathom.runs.folder.probes import PROBE
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number


def describe_now(entry: Entry) -> dict[str, Any]:
    """Return the plan, the machine, and when the last checkpoint was saved.

    ``checkpoint_age_s`` is in seconds; None without a checkpoint.
    """
    row = entry.row or {}
    facts: dict[str, Any] = {key: row.get(key) for key in ("condition", "created", "model", "data", "max_epochs")}
    facts |= {"name": entry.place.label, "problem": row.get("problem"), "checkpoint_age_s": _age(entry.place.path)}
    if entry.source.name != "fathom":
        return facts
    try:
        run = RunReader(entry.place.path)
    except FathomError as error:
        return facts | {"problem": str(error)}
    machine, choices = run.run.get("machine"), run.run.get("choices")
    model, probe = _optional(run) or {}, _last_probe(run)
    return facts | {
        "reads": _reads(model),
        "waiting_share": _waiting(probe),
        "memory": _memory(probe),
        "message": run.run.get("message"),
        "parameters": model.get("parameters"),
        "machine": _texts(machine),
        "choices": _texts(choices),
    }


def _optional(run: RunReader) -> dict[str, Any] | None:
    try:
        return run.model
    except FathomError:
        return None


def _reads(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what goes into the model: its kind, an image's size, a table's columns."""
    stored = model.get("input")
    if not isinstance(stored, Mapping):
        return None
    columns = stored.get("columns")
    names = [str(column.get("name")) for column in columns if isinstance(column, Mapping)] if columns else []
    return {name: stored.get(name) for name in ("kind", "width", "height")} | {"columns": names}


def _last_probe(run: RunReader) -> Mapping[str, Any]:
    try:
        return next((event for event in reversed(run.probes) if event.get("event") == PROBE), {})
    except FathomError:
        return {}


def _waiting(probe: Mapping[str, Any]) -> float | None:
    """Return the share of its time that training waited for data, between the last two probes; None without probes."""
    wait, interval = probe.get("wait_s"), probe.get("interval_s")
    return min(1.0, wait / interval) if is_number(wait) and is_number(interval) and interval > 0 else None


def _memory(probe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return whose memory was measured last, bytes and the most so far; None without a measurement."""
    found = probe.get("memory")
    if not isinstance(found, Mapping) or not is_number(found.get("bytes")):
        return None
    return {"of": str(found.get("of")), "bytes": found["bytes"], "peak_bytes": found.get("peak_bytes")}


def _texts(content: object) -> dict[str, str]:
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, Mapping) else {}


def _age(run: Path) -> float | None:
    try:
        return max(0.0, time.time() - (run / schema.CHECKPOINTS / "last").stat().st_mtime)
    except OSError:
        return None

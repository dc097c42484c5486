"""A summary of the weights that a run starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StartSummary:
    """How a run starts: lines for the user, further lines for the log, and plain values for ``run.json``."""

    notes: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

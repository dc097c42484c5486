"""What there is to say of the weights that a run begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Beginning:
    """How a run begins: lines for people, further lines for the log, and the same as plain values for ``run.json``."""

    notes: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

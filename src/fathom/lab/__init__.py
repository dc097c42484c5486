"""The lab: claims of the notes as experiments, each with a verdict; and tours of what is written from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fathom.lab.running import LabResult, run

__all__ = ["LabResult", "run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fathom.lab' has no attribute {name!r}")
    from fathom.lab import running  # what a tour does not need

    return getattr(running, name)

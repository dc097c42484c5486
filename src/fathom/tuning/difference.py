"""What a study that is to be resumed was asked for, against what is asked for now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fathom.tuning.study import StudySettings


def describe_difference(old: StudySettings, new: StudySettings) -> str | None:
    """Describe the first difference of the old study; None if the new settings continue it."""
    if old.space != new.space:
        return f"the space {', '.join(f'{name}={text}' for name, text in old.space.items())}"
    if old.pruner != new.pruner:
        return f"the pruner {old.pruner}"
    for name, value in _flatten(old.base).items():
        if _flatten(new.base).get(name) != value:
            return f"{name} {value!r}"
    return next((f"no {name}" for name in _flatten(new.base) if name not in _flatten(old.base)), None)


def _flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    from fathom.runs.analysis.comparison import flatten

    return flatten(tree)

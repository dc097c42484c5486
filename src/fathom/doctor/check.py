"""``fathom check`` as a function: what there is to know of data before anything is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fathom.build.failures import readable_failures
from fathom.build.kinds.names import data_kind, locate_data
from fathom.settings.config import Config
from fathom.settings.resolve import resolve

Level = Literal["error", "warning", "note"]

_UNBALANCED = 10  # times as many examples in the largest class as in the smallest
_FEW = 10  # examples of a class in the training part
_NATURAL = 0.01  # share of the rows of a table that may be the same by chance
_SHOWN = 10  # names in a line


@dataclass(frozen=True)
class Finding:
    """Something a user should know: an error spoils training, a warning its result."""

    level: Level
    text: str


@dataclass
class Part:
    """One split: how many examples, their labels (classes int64, or numbers float64), and a digest of each."""

    name: str
    size: int
    labels: np.ndarray | None = None
    digests: np.ndarray | None = None


@dataclass
class Check:
    """What was found.

    ``what`` says what is counted; ``columns`` are of tables, ``sheet`` is a PNG, ``broken`` are files with reasons.
    """

    name: str
    kind: str
    what: str
    parts: list[Part]
    facts: list[tuple[str, str]] = field(default_factory=list)
    class_names: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    sheet: bytes | None = None

    def add(self, level: Level, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(level, text))

    @property
    def is_sound(self) -> bool:
        """Whether there is no error among the findings."""
        return not any(finding.level == "error" for finding in self.findings)


def check(config: Config, *, on_read: Callable[[int, int], None] | None = None) -> Check:
    """Look into the data of a configuration, divided as training with it would divide them.

    Args:
        on_read: called with (files read, files in all) while pictures are decoded.
    Raises:  UsageError, FathomError where they cannot be read at all
    """
    from fathom.doctor import check_kinds

    config = locate_data(resolve(config))
    looks: dict[str, Callable[[Config], Check]] = {
        "named": check_kinds.look_into_arrays,
        "pictures": partial(check_kinds.look_into_pictures, on_read=on_read),
        "table": check_kinds.look_into_table,
        "text": check_kinds.look_into_text,
    }
    with readable_failures():
        found = looks[data_kind(config.data)](config)
    found.name = Path(found.name).name if data_kind(config.data) != "named" else found.name
    if found.class_names:
        judge_balance(found)
    judge_overlap(found)
    found.findings.sort(key=lambda finding: ("error", "warning", "note").index(finding.level))
    return found


def judge_balance(found: Check) -> None:
    """Compare the classes' sizes in the training part, and look for classes that a part lacks."""
    counts = {part.name: count_labels(part, len(found.class_names)) for part in found.parts if part.labels is not None}
    train = counts["train"]
    largest, smallest = int(train.argmax()), int(train.argmin())
    names = found.class_names
    if train[smallest] == 0:
        absent = [names[i] for i in np.flatnonzero(train == 0)]
        found.add("error", f"no training example of {enumerate_names(absent)}")
    elif train[largest] > _UNBALANCED * train[smallest]:
        found.add(
            "warning",
            f"unbalanced: {train[largest]:,} training examples of {names[largest]}, {train[smallest]:,} of "
            f"{names[smallest]}; accuracy alone will say little",
        )
    few = [f"{names[i]} ({train[i]})" for i in np.flatnonzero((train > 0) & (train < _FEW))]
    if few:
        found.add("warning", f"fewer than {_FEW} training examples of {enumerate_names(few)}")
    for name, part in counts.items():
        absent = [names[i] for i in np.flatnonzero((part == 0) & (train > 0))]
        if absent and name != "train" and part.sum():
            found.add("warning", f"the {name} part has no example of {enumerate_names(absent)}")
    share = float(train.max() / max(1, train.sum()))
    found.add("note", f"always saying {names[largest]} is right for {share:.1%} of the training part")


def judge_overlap(found: Check) -> None:
    """Look for the same example twice: in two parts, or in the training part under two labels."""
    parts = [part for part in found.parts if part.digests is not None and part.size]
    for i, first in enumerate(parts):
        for second in parts[i + 1 :]:
            assert first.digests is not None
            assert second.digests is not None
            same = int(np.isin(second.digests, first.digests).sum())
            if same:
                found.add(
                    "note" if found.kind == "table" and same < _NATURAL * second.size else "warning",
                    f"leakage: {same:,} of {second.size:,} {found.what} of the {second.name} part "
                    f"({same / second.size:.1%}) are in the {first.name} part too",
                )
    train = parts[0] if parts else None
    if train is None or train.digests is None:
        return
    unique, inverse, counts = np.unique(train.digests, return_inverse=True, return_counts=True)
    extra = train.size - len(unique)
    if extra:
        found.add("note", f"{extra:,} of the {train.size:,} {found.what} in the training part repeat another one")
    if train.labels is not None and found.class_names:
        order = np.lexsort((train.labels, inverse))
        group, label = inverse[order], train.labels[order]
        differs = (group[1:] == group[:-1]) & (label[1:] != label[:-1])
        torn = np.unique(group[1:][differs])
        if len(torn):
            found.add(
                "warning",
                f"contradiction: {int(counts[torn].sum()):,} training {found.what} are the same as others "
                "with another label",
            )


def count_labels(part: Part, num_classes: int) -> np.ndarray:
    """Count the examples of each class."""
    assert part.labels is not None
    return np.bincount(part.labels, minlength=num_classes)


def enumerate_names(names: Sequence[str]) -> str:
    """Write names in a line, not too many of them."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

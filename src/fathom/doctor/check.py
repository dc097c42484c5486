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

_UNBALANCED = 10  # times as many samples in the largest class as in the smallest
_FEW = 10  # samples of a class in the training split
_NATURAL = 0.01  # share of the rows of a table that may be the same by chance
_SHOWN = 10  # names in a line


@dataclass(frozen=True)
class Finding:
    """Something a user should know: an error spoils training, a warning its result."""

    level: Level
    text: str


@dataclass
class Split:
    """One split: how many samples, their labels (classes int64, or numbers float64), and a digest of each."""

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
    splits: list[Split]
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
    def has_no_errors(self) -> bool:
        """Whether there is no error among the findings."""
        return not any(finding.level == "error" for finding in self.findings)


def check(config: Config, *, on_read: Callable[[int, int], None] | None = None) -> Check:
    """Look into the data of a configuration, divided as training with it would divide them.

    Args:
        on_read: called with (files read, files in all) while images are decoded.
    Raises:  UsageError, FathomError where they cannot be read at all
    """
    from fathom.doctor import check_kinds

    config = locate_data(resolve(config))
    looks: dict[str, Callable[[Config], Check]] = {
        "named": check_kinds.inspect_arrays,
        "images": partial(check_kinds.inspect_images, on_read=on_read),
        "table": check_kinds.inspect_table,
        "text": check_kinds.inspect_text,
    }
    with readable_failures():
        found = looks[data_kind(config.data)](config)
    found.name = Path(found.name).name if data_kind(config.data) != "named" else found.name
    if found.class_names:
        check_class_balance(found)
    check_overlap(found)
    found.findings.sort(key=lambda finding: ("error", "warning", "note").index(finding.level))
    return found


def check_class_balance(found: Check) -> None:
    """Compare the classes' sizes in the training split, and look for classes that a split lacks."""
    counts = {
        split.name: count_labels(split, len(found.class_names)) for split in found.splits if split.labels is not None
    }
    train = counts["train"]
    largest, smallest = int(train.argmax()), int(train.argmin())
    names = found.class_names
    if train[smallest] == 0:
        absent = [names[i] for i in np.flatnonzero(train == 0)]
        found.add("error", f"no training sample of {enumerate_names(absent)}")
    elif train[largest] > _UNBALANCED * train[smallest]:
        found.add(
            "warning",
            f"unbalanced: {train[largest]:,} training samples of {names[largest]}, {train[smallest]:,} of "
            f"{names[smallest]}; accuracy alone will say little",
        )
    few = [f"{names[i]} ({train[i]})" for i in np.flatnonzero((train > 0) & (train < _FEW))]
    if few:
        found.add("warning", f"fewer than {_FEW} training samples of {enumerate_names(few)}")
    for name, split in counts.items():
        absent = [names[i] for i in np.flatnonzero((split == 0) & (train > 0))]
        if absent and name != "train" and split.sum():
            found.add("warning", f"the {name} split has no sample of {enumerate_names(absent)}")
    share = float(train.max() / max(1, train.sum()))
    found.add("note", f"always saying {names[largest]} is right for {share:.1%} of the training split")


def check_overlap(found: Check) -> None:
    """Look for the same sample twice: in two splits, or in the training split under two labels."""
    splits = [split for split in found.splits if split.digests is not None and split.size]
    for i, first in enumerate(splits):
        for second in splits[i + 1 :]:
            assert first.digests is not None
            assert second.digests is not None
            same = int(np.isin(second.digests, first.digests).sum())
            if same:
                found.add(
                    "note" if found.kind == "table" and same < _NATURAL * second.size else "warning",
                    f"leakage: {same:,} of {second.size:,} {found.what} of the {second.name} split "
                    f"({same / second.size:.1%}) are in the {first.name} split too",
                )
    train = splits[0] if splits else None
    if train is None or train.digests is None:
        return
    unique, inverse, counts = np.unique(train.digests, return_inverse=True, return_counts=True)
    extra = train.size - len(unique)
    if extra:
        found.add("note", f"{extra:,} of the {train.size:,} {found.what} in the training split repeat another one")
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


def count_labels(split: Split, num_classes: int) -> np.ndarray:
    """Count the samples of each class."""
    assert split.labels is not None
    return np.bincount(split.labels, minlength=num_classes)


def enumerate_names(names: Sequence[str]) -> str:
    """Write names in a line, not too many of them."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

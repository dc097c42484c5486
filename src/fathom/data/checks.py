"""What there is to know of data before anything is trained on them: what the checks of every kind share.

``check_arrays``, ``check_images``, ``check_table`` and ``check_text`` look into a data module of their kind; each ends
with ``check_splits``, which compares the classes and looks for the same sample twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fathom.data.label_spellings import find_alike
from fathom.data.splits.cutter import Cutter
from fathom.findings import Finding, NotChecked, Plain, by_severity, has_errors
from fathom.phrases import counted, enumerated, significant

# beyond ten to one accuracy is nearly that of the largest class
_UNBALANCED = 10  # times as many samples in the largest class as in the smallest
_RANGES = 12  # of a target that is a number: as many lines as a terminal shows at a glance
_FEW = 10  # samples of a class in the training split; accuracy on fewer says nothing of the class


@dataclass
class CheckedSplit:
    """One split: how many samples, what they are labelled with, and a digest of each.

    Attributes:
        labels: classes int64 (N,), labels that each hold or do not int64 (N, L), or numbers float64 (N,).
    """

    name: str
    size: int
    labels: np.ndarray | None = None  # None: the rows have no target
    digests: np.ndarray | None = None  # (N,), of what can be sorted; equal ones mean equal samples


@dataclass
class DataCheck:
    """What was found.

    ``what`` says what is counted; ``columns`` are of tables, ``broken`` are files with reasons, ``samples`` are rows of
    images: a class name and a PNG; ``augmented`` are such rows of one image each, followed by draws of augmentation.
    ``natural_repeats`` is the share of samples that may well be alike by chance, as short rows of a table are.
    """

    name: str
    what: str
    splits: list[CheckedSplit]
    facts: list[tuple[str, str]] = field(default_factory=list)
    class_names: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    not_checked: list[NotChecked] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    samples: list[tuple[str, bytes]] = field(default_factory=list)
    augmented: list[tuple[str, bytes]] = field(default_factory=list)
    natural_repeats: float = 0.0  # share of samples that may be alike by chance, by the kind of data

    @property
    def has_no_errors(self) -> bool:
        """Whether there is no error among the findings."""
        return not has_errors(self.findings)

    def count_labels(self) -> tuple[list[str], list[list[int]]]:
        """Return the names of the labels, and how many samples of each every split has.

        Numbers are counted in ranges of equal width; a split without labels has an empty list.
        """
        labelled = [split.labels for split in self.splits if split.labels is not None]
        if not labelled:
            return [], [[] for _ in self.splits]
        if self.class_names:
            # half way between whole numbers, so that each class has its bin
            edges = np.arange(len(self.class_names) + 1) - 0.5
            names = list(self.class_names)
        else:
            # of all splits together: their counts can be compared
            edges = np.histogram_bin_edges(np.concatenate(labelled), bins=_RANGES)
            ranges = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
            names = [f"{significant(low)} to {significant(high)}" for low, high in ranges]
        # (N, K) of labels is counted by column, see _count
        return names, [[] if s.labels is None else _count(s.labels, edges).tolist() for s in self.splits]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the samples as plain values."""
        names, counts = self.count_labels()
        return {
            "name": self.name,
            "what": self.what,
            "facts": dict(self.facts),
            "splits": [
                {"name": split.name, "size": split.size, "labels": dict(zip(names, count, strict=False))}
                for split, count in zip(self.splits, counts, strict=True)
            ],
            "columns": self.columns,
            "left_out": self.left_out,
            "broken": [{"file": file, "reason": reason} for file, reason in self.broken],
            "findings": [finding.to_dict() for finding in self.findings],
            "not_checked": [check.to_dict() for check in self.not_checked],
        }


def check_splits(found: DataCheck) -> DataCheck:
    """Add what is said of data of every kind, and put the gravest finding first; returns ``found``."""
    _check_names(found)
    if found.class_names and _check_labels(found):  # counts by class make no sense of labels outside
        _check_class_balance(found)
    _check_overlap(found)
    found.findings = by_severity(found.findings)
    return found


def _check_names(found: DataCheck) -> None:
    """Look for classes that are one class under two names."""
    for names in find_alike(found.class_names):
        found.findings.append(
            Finding(
                "data.label_spellings",
                "warning",
                f"classes whose names differ in case or blanks only: {enumerated([repr(name) for name in names])}",
                {f"name {k}": name for k, name in enumerate(names, 1)},
                cause="one class written in several ways is learned as several",
                remedy="write it one way in the file" if found.what == "rows" else "give them one name",
            )
        )


def _check_labels(found: DataCheck) -> bool:
    """Look for labels that are no class; False if there are, and nothing can be counted."""
    classes, is_sound = len(found.class_names), True
    for split in found.splits:
        # empty where there are none: nothing is outside
        labels = np.zeros(0, np.int64) if split.labels is None else split.labels
        outside = labels[(labels < 0) | (labels >= classes)]
        if len(outside):
            is_sound = False
            found.findings.append(
                Finding(
                    "data.labels_out_of_range",
                    "error",
                    f"{len(outside):,} labels of the {split.name} split are not among 0 to {classes - 1}, "
                    f"such as {outside[0]}",
                    {"labels": len(outside), "classes": classes, "first": int(outside[0])},
                    cause="they may count from 1, or stand for “no label”",
                    remedy="number the classes from 0",
                    place=f"{split.name} split",
                )
            )
    return is_sound


def _check_class_balance(found: DataCheck) -> None:
    """Compare the classes' sizes in the training split, and look for classes that a split lacks."""
    names = found.class_names
    edges = np.arange(len(names) + 1) - 0.5
    counts = {split.name: _count(split.labels, edges) for split in found.splits if split.labels is not None}
    if "train" not in counts:  # a file to be predicted has no training split
        return
    train = counts["train"]
    largest, smallest = int(train.argmax()), int(train.argmin())
    add = found.findings.append
    if train[smallest] == 0:  # first: an absent class makes the ratio below meaningless
        absent = [names[i] for i in np.flatnonzero(train == 0)]
        add(
            Finding(
                # The catalogue of faults counts a class that is never a target with the labels out of range.
                "data.labels_out_of_range",
                "error",
                f"no training sample of {enumerated(absent)}",
                {"classes": len(names), "missing": len(absent)},
                place="train split",
            )
        )
    elif train[largest] > _UNBALANCED * train[smallest]:
        add(
            Finding(
                "data.class_imbalance",
                "warning",
                f"unbalanced: {train[largest]:,} training samples of {names[largest]}, {train[smallest]:,} of "
                f"{names[smallest]}; accuracy alone will say little",
                {names[largest]: int(train[largest]), names[smallest]: int(train[smallest])},
                remedy="--balance weights or sampler gives each class the same say",
                place="train split",
            )
        )
    # not the absent ones, told above
    scarce = {names[i]: int(train[i]) for i in np.flatnonzero((train > 0) & (train < _FEW))}
    if scarce:
        listed = enumerated([f"{name} ({count})" for name, count in scarce.items()])
        text = f"fewer than {_FEW} training samples of {listed}"
        add(Finding("data.few_samples", "warning", text, dict(scarce), place="train split"))
    _check_absent_classes(found, counts)
    # the accuracy that a model must beat
    name, share = _find_commonest(next(split for split in found.splits if split.name == "train"), names)
    text = f"always saying {name} is right for {share:.1%} of the training split"
    add(Finding("data.chance_level", "note", text, {"class": name, "share": share}, place="train split"))


def _find_commonest(train: CheckedSplit, names: Sequence[str]) -> tuple[str, float]:
    """Return the commonest class, or set of labels, and its share of the samples."""
    assert train.labels is not None
    different, counts = np.unique(train.labels, axis=0, return_counts=True)  # axis=0: a row of labels is one value
    commonest = different[counts.argmax()]
    share = float(counts.max() / max(1, counts.sum()))
    if train.labels.ndim == 1:
        return names[int(commonest)], share
    # of labels: those set in the commonest combination
    return "|".join(names[i] for i in np.flatnonzero(commonest).tolist()) or "no label", share


def _count(labels: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count the samples of each class, or in each range, or with each label."""
    return labels.sum(0) if labels.ndim == 2 else np.histogram(labels, edges)[0]


def _check_absent_classes(found: DataCheck, counts: Mapping[str, np.ndarray]) -> None:
    """Look for classes that can be learned but are not measured."""
    for name, split in counts.items():
        # only what could be learned
        absent = [found.class_names[i] for i in np.flatnonzero((split == 0) & (counts["train"] > 0))]
        if absent and name != "train" and split.sum():
            text = f"the {name} split has no sample of {enumerated(absent)}"
            evidence: dict[str, Plain] = {"split": name, "missing": len(absent)}
            found.findings.append(Finding("data.class_not_evaluated", "warning", text, evidence, place=f"{name} split"))


def _check_overlap(found: DataCheck) -> None:
    """Look for the same sample twice: in two splits, or in the training split under two labels."""
    splits = [split for split in found.splits if split.digests is not None and split.size]
    if len(splits) < 2:
        reason = "there is one split only" if splits else f"{found.what} in a row have no splits to be compared in"
        found.not_checked.append(NotChecked("data.duplicates_across_splits", reason))
    for i, first in enumerate(splits):
        for second in splits[i + 1 :]:  # each pair once
            assert first.digests is not None
            assert second.digests is not None
            same = int(np.isin(second.digests, first.digests).sum())
            if same:
                share = same / second.size
                found.findings.append(
                    Finding(
                        "data.duplicates_across_splits",
                        "note" if share < found.natural_repeats else "warning",  # tables repeat rows by chance
                        f"leakage: {same:,} of {second.size:,} {found.what} of the {second.name} split "
                        f"({share:.1%}) are in the {first.name} split too",
                        {"shared": same, "size": second.size, "share": share},
                        place=f"{first.name} split, {second.name} split",
                    )
                )
    if splits:
        _check_repeats(found, splits[0])


def report_torn_groups(found: DataCheck, cutter: Cutter, places: Mapping[str, np.ndarray]) -> None:
    """Add a finding for every two given splits that share a group.

    Args:
        places: samples by the name of the split.
    """
    for (first, second), groups in cutter.list_torn(places).items():
        found.findings.append(
            Finding(
                "data.groups_across_splits",
                "warning",
                f"leakage: {counted(len(groups), 'group')} of the {second} split in the {first} split too "
                f"({enumerated(groups, 4)})",  # at most four names: enough to find them by
                {"groups": len(groups)},
                cause=f"the splits are given, and {cutter.source} says what belongs together",
                remedy="let the data be divided anew, as --split-column none does",
                place=f"{first} split, {second} split",
            )
        )


def _check_repeats(found: DataCheck, train: CheckedSplit) -> None:
    assert train.digests is not None
    # inverse: the group of equal samples that each belongs to
    unique, inverse, counts = np.unique(train.digests, return_inverse=True, return_counts=True)
    extra = train.size - len(unique)
    place = f"{train.name} split"
    if extra:
        text = f"{extra:,} of the {train.size:,} {found.what} in the training split repeat another one"
        evidence = {"repeated": extra, "size": train.size}
        found.findings.append(Finding("data.repeated_samples", "note", text, evidence, place=place))
    if train.labels is None or not found.class_names:
        return
    labels = np.unique(train.labels, axis=0, return_inverse=True)[1].reshape(-1)  # a number for each set of labels too
    order = np.lexsort((labels, inverse))  # equal samples side by side, by label within
    group, label = inverse[order], labels[order]
    differs = (group[1:] == group[:-1]) & (label[1:] != label[:-1])  # neighbours of one group with another label
    torn = np.unique(group[1:][differs])
    if len(torn):
        number = int(counts[torn].sum())  # all samples of such groups, those of the majority too
        text = f"contradiction: {number:,} training {found.what} are the same as others with another label"
        evidence = {"contradicting": number, "size": train.size}
        found.findings.append(Finding("data.contradicting_labels", "warning", text, evidence, place=place))


def show_numbers(values: Sequence[float]) -> str:
    """Write the first numbers of a list in a line."""
    return ", ".join(f"{value:.4g}" for value in values[:8]) + (" …" if len(values) > 8 else "")

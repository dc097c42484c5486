"""Which samples are held out: at random, by groups that stay whole, or the newest. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fathom.data.splits.duplicates import split_groups
from fathom.data.splits.folds import Fold
from fathom.data.splits.group_deal import deal_groups, join_groups, number_groups
from fathom.data.splits.split import stratified_split
from fathom.errors import UsageError
from fathom.phrases import counted, enumerated


@dataclass(frozen=True)
class Cutter:
    """Cuts samples in two, by their numbers.

    Attributes:
        labels: classes int64 (N,), in which every side gets its share; floating ones have no classes.
        digests: uint64 (N,), equal for samples that are the same, which stay together.
        groups: a name for each sample, such as a patient: a group stays whole; "" belongs to none. None cuts at random.
        times: float64 (N,): the newest are held out. NaN, for an unknown one, is kept.
        source: where groups or times come from, in words.
    Raises:  UsageError for both groups and times
    """

    labels: np.ndarray
    digests: np.ndarray | None = None  # (N,), equal for copies of a sample; None: not looked for
    groups: Sequence[str] | None = None  # name of each sample's group; "" for one that stands alone
    times: np.ndarray | None = None  # (N,), rising with time; NaN where it is not known
    source: str = ""

    def __post_init__(self) -> None:
        if self.groups is not None and self.times is not None:
            raise UsageError("--group-column and --time-column both say what is held out; leave one of them out")

    @property
    def how(self) -> str:
        """How samples are held out, in words."""
        return "as the newest" if self.times is not None else "at random" if self.groups is None else "by whole groups"

    def cut_share(self, index: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Hold a share out.

        Shape:   index int64 (n,) -> int64 (n_keep,), int64 (n_cut,), both out of ``index`` and sorted
        Raises:  UsageError if nothing would be left, there is one group only, or all are of one time
        """
        if self.times is not None:
            return self._cut_newest(index, share)
        if self.groups is not None:
            numbers = self._deal(index, (1 - share, share), seed)  # part 0 is kept, part 1 held out
            return index[numbers == 0], index[numbers == 1]
        return self._cut(index, partial(stratified_split, fraction=share, seed=seed))

    def cut_fold(self, index: np.ndarray, fold: Fold, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Hold a fold of a cross-validation out.

        Shape:   as ``cut_share``
        Raises:  UsageError for fewer groups than folds, and for times
        """
        if self.times is not None:
            raise UsageError(  # a fold by time would learn from the future
                f"a fold in the middle would be predicted from what came after it, and {self.source} says what is "
                "newer; train once instead, or leave --time-column out"
            )
        if self.groups is not None:
            numbers = self._deal(index, (1 / fold.of,) * fold.of, seed, fold.repeat)  # equal shares, one for each fold
            return index[numbers != fold.index], index[numbers == fold.index]
        return self._cut(index, partial(fold.cut, seed=seed))

    def describe(self, places: Mapping[str, np.ndarray], cut: Sequence[str], name: str = "sample") -> list[str]:
        """Say how the groups are spread over the splits, or from when on the newest are held out.

        Args:
            places: samples by the name of the split.
            cut: those that were cut, and not given.
            name: of a sample.
        """
        if self.times is not None:
            kept = int(np.isnan(self.times[places["train"]]).sum())
            unknown = f"; {counted(kept, name)} without a time kept for training" if kept else ""
            return [f"times: by {self.source}, {' and '.join(cut)} the newest{unknown}"] if cut else []
        if self.groups is None:
            return []
        numbers = number_groups(self.groups)
        sizes = ", ".join(f"{split} {len(np.unique(numbers[index])):,}" for split, index in places.items())
        alone = sum(not group for group in self.groups)
        without = f"; {counted(alone, name)} without one stand alone" if alone else ""  # "" is no group
        return [f"groups: by {self.source}, each on one side of a cut; {sizes}{without}"]

    def list_torn(self, places: Mapping[str, np.ndarray]) -> dict[tuple[str, str], list[str]]:
        """Return the groups that are in two splits, by the names of both: only given splits tear a group."""
        if self.groups is None:
            return {}
        inside = {split: {self.groups[i] for i in index} - {""} for split, index in places.items()}
        names = list(places)
        # each pair once, in the order of the splits
        pairs = [(first, second) for i, first in enumerate(names) for second in names[i + 1 :]]
        return {(a, b): sorted(inside[a] & inside[b]) for a, b in pairs if inside[a] & inside[b]}

    def describe_torn(self, places: Mapping[str, np.ndarray]) -> list[str]:
        """Say of each two splits which groups are in both."""
        return [
            f"leakage: {counted(len(groups), 'group')} of the {second} split in the {first} split too "
            f"({enumerated(groups, 4)})"
            for (first, second), groups in self.list_torn(places).items()
        ]

    def _cut(self, index: np.ndarray, cut: partial[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        if self.digests is not None:
            return split_groups(index, self.labels, self.digests, cut)  # copies of a sample go to one side
        kept, held_out = cut(self.labels[index])
        return index[kept], index[held_out]

    def _deal(self, index: np.ndarray, shares: Sequence[float], seed: int, repeat: int = 0) -> np.ndarray:
        assert self.groups is not None
        numbers = number_groups([self.groups[i] for i in index])
        if self.digests is not None:  # a copy may join two groups
            numbers = join_groups(numbers, self.digests[index])
        found = len(np.unique(numbers))  # each part needs one
        if found < len(shares):
            raise UsageError(
                f"{self.source}: {counted(found, 'group')} cannot be divided into {len(shares)}; "
                + ("choose fewer folds" if len(shares) > 2 else "choose another one, or --val 0")
            )
        return deal_groups(self.labels[index], numbers, shares, seed, repeat)

    def _cut_newest(self, index: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
        assert self.times is not None
        times = self.times[index]
        known = np.sort(times[~np.isnan(times)])  # from the oldest on
        wanted = round(share * len(index))
        if wanted >= len(known) or not wanted:
            raise UsageError(
                f"{self.source}: {counted(len(known), 'sample')} with a time, too few to hold {wanted:,} out"
            )
        is_newest = times >= known[-wanted]  # what is as old as the first of them goes with it; NaN is not
        if is_newest.sum() == len(known):
            raise UsageError(f"{self.source}: all times left are the same, so none is the newest")
        return index[~is_newest], index[is_newest]

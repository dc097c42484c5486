"""The same image more than once: kept on one side of a cut, and counted. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Duplicates:
    """What was found: rows are places in the list that the digests belong to.

    ``repeated`` counts training samples that repeat another one, ``shared`` those of each other split that are in the
    training split too, ``contradicting`` training samples that stand under several labels; the pairs are some of
    them, each with the place of its twin.
    """

    repeated: int
    shared: Mapping[str, int]
    contradicting: int
    shared_pairs: tuple[tuple[int, int], ...] = ()
    contradicting_pairs: tuple[tuple[int, int], ...] = ()


Cut = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # labels -> places to keep, places to hold out


def split_groups(index: np.ndarray, labels: np.ndarray, digests: np.ndarray, cut: Cut) -> tuple[np.ndarray, np.ndarray]:
    """Hold samples out so that those with one digest stay together.

    The first of each group decides; without a repeated digest the two sides are those of ``cut`` itself. Where all are
    one group, nothing is held out.

    Shape:   index (N,) into labels and digests -> int64 (n_keep,), int64 (n_cut,), both out of ``index`` and sorted
    """
    _, first, group = np.unique(digests[index], return_index=True, return_inverse=True)
    # in the order of the samples: `unique` sorts by digest, which would change the cut
    representatives = np.sort(first)
    if len(representatives) < 2:
        return index, index[:0]  # all are copies of one: nothing can be held out
    _, held_out = cut(labels[index][representatives])
    is_cut = np.zeros(len(first), dtype=bool)
    is_cut[group[representatives[held_out]]] = True  # a group goes where its first sample goes
    return index[~is_cut[group]], index[is_cut[group]]


def find_duplicates(
    splits: Mapping[str, np.ndarray], labels: np.ndarray, digests: np.ndarray, most_pairs: int = 20
) -> Duplicates:
    """Look for training samples that repeat one another or are in another split.

    Args:
        splits: places by the name of the split, "train" among them.
        most_pairs: how many pairs to name of each sort.
    """
    train = splits["train"]
    # first: place of one sample of each group; group: of each sample; counts: samples in each
    unique, first, group, counts = np.unique(digests[train], return_index=True, return_inverse=True, return_counts=True)
    # smallest and largest label of each group: unequal where it has several
    # a start that every label is below, and one that every label is above
    low, high = np.full(len(unique), labels.max(initial=0) + 1), np.full(len(unique), -1)
    np.minimum.at(low, group, labels[train])  # .at, since low[group] = … would keep one label of a repeated place
    np.maximum.at(high, group, labels[train])
    torn = low != high
    # those that differ from the first of their group
    twins = np.flatnonzero(torn[group] & (labels[train] != labels[train][first][group]))
    shared: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for name, index in splits.items():
        if name == "train" or not len(unique):
            continue
        # past the end where a digest is larger than all
        place = np.searchsorted(unique, digests[index]).clip(max=len(unique) - 1)
        same = np.flatnonzero(unique[place] == digests[index])
        shared[name] = len(same)
        # with the one in training, to be shown side by side
        pairs += [(int(index[i]), int(train[first[place[i]]])) for i in same[: most_pairs - len(pairs)]]
    return Duplicates(
        repeated=len(train) - len(unique),
        shared=shared,
        contradicting=int(counts[torn].sum()),
        shared_pairs=tuple(pairs),
        contradicting_pairs=tuple((int(train[i]), int(train[first[group[i]]])) for i in twins[:most_pairs]),
    )

"""Groups of samples dealt out whole, so that every part gets its share of every class. NumPy only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

_STREAM = 0x6209  # another stream of random words than those of ``split`` and the folds


def number_groups(names: Sequence[str]) -> np.ndarray:
    """Number the groups that samples belong to; each sample with the name "" is a group of its own.

    Shape:   -> int64 (N,)
    """
    # str: groups may be mixed numbers and texts
    _, numbers = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    alone = np.flatnonzero([not name for name in names])
    numbers = numbers.astype(np.int64)
    numbers[alone] = len(names) + np.arange(len(alone))  # past all other numbers
    return numbers


def join_groups(groups: np.ndarray, digests: np.ndarray) -> np.ndarray:
    """Join groups that share a digest, so that copies of a sample stay together too.

    Shape:   groups int64 (N,), digests (N,) -> int64 (N,)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, group = np.unique(groups, return_inverse=True)
    _, digest = np.unique(digests, return_inverse=True)
    size = group.max(initial=-1) + 1 + digest.max(initial=-1) + 1  # a node for each group, then for each digest
    # an edge from the group of each sample to its digest
    edges = coo_array((np.ones(len(group), bool), (group, group.max(initial=-1) + 1 + digest)), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    joined: np.ndarray = component[group].astype(np.int64)
    return joined


def deal_groups(
    labels: np.ndarray, groups: np.ndarray, shares: Sequence[float], seed: int, repeat: int = 0
) -> np.ndarray:
    """Deal groups out into parts of about these shares of every class; no part is empty.

    Groups go one by one where they are needed most, the larger ones first and those of about one size in random order.
    The keys are raw words of PCG64, whose stream NumPy promises never to change.

    Shape:   labels int64 or floating, without classes (N,), groups int64 (N,) -> int64 (N,), the part of each sample
    Equals:  in its balance, sklearn.model_selection.StratifiedGroupKFold
    """
    _, group = np.unique(groups, return_inverse=True)
    classes = labels if np.issubdtype(labels.dtype, np.integer) else np.zeros(len(labels), np.int64)
    _, label = np.unique(classes, return_inverse=True)
    total = np.bincount(label)  # (K,)
    # class and group in one number, so that one pass counts both
    pairs, counts = np.unique(group * len(total) + label, return_counts=True)
    content: list[list[tuple[int, int]]] = [[] for _ in range(group.max() + 1)]  # (class, samples) of each group
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        content[pair // len(total)].append((pair % len(total), count))
    sizes = np.bincount(group)  # (G,)
    keys = np.random.PCG64([seed, repeat, _STREAM]).random_raw(len(sizes))
    # larger ones are those with more binary digits: a full order by size would leave nothing to chance
    order = np.lexsort((keys, -np.floor(np.log2(sizes))))
    part = np.empty(len(sizes), np.int64)
    # samples of each class that a part still lacks
    needs = [[share * int(number) for number in total] for share in shares]
    for place in order.tolist():
        # by share of the class: rare classes weigh as much as common ones
        gains = [sum(need[c] * count / int(total[c]) for c, count in content[place]) for need in needs]
        part[place] = gains.index(max(gains))  # of equal gains the first part
        for c, count in content[place]:
            needs[part[place]][c] -= count
    _fill_empty(part, sizes, [{c for c, _ in group} for group in content], len(shares))
    dealt: np.ndarray = part[group]
    return dealt


def _fill_empty(part: np.ndarray, sizes: np.ndarray, classes: Sequence[set[int]], parts: int) -> None:
    """Give each empty part the smallest group of the part with most groups, rather one that is not alone in a class.

    Args:
        classes: those that each group has samples of.
    """
    for empty in np.flatnonzero(np.bincount(part, minlength=parts) == 0):
        fullest = np.bincount(part, minlength=parts).argmax()
        members = np.flatnonzero(part == fullest).tolist()  # the part with most groups can spare one
        often = Counter(c for group in members for c in classes[group])
        # False before True: a group whose classes others have too
        smallest = min(members, key=lambda group: (min(often[c] for c in classes[group]) == 1, sizes[group]))
        part[smallest] = empty

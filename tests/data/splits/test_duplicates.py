import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.data.splits.duplicates import find_duplicates, split_groups
from fathom.data.splits.folds import Fold
from fathom.data.splits.split import stratified_split


def test_without_copies_the_cut_is_the_stratified_one():
    rng = np.random.default_rng(0)
    labels, digests = rng.integers(0, 3, 100), rng.permutation(100).astype(np.uint64)
    index = np.sort(rng.permutation(100)[:80])
    kept, cut = split_groups(index, labels, digests, partial(stratified_split, fraction=0.2, seed=5))
    expected = stratified_split(labels[index], 0.2, 5)
    assert np.array_equal(kept, index[expected[0]])
    assert np.array_equal(cut, index[expected[1]])


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.45), st.integers(1, 60))
def test_copies_stay_on_one_side(seed, share, kinds):
    rng = np.random.default_rng(seed)
    digests = rng.integers(0, kinds, 60).astype(np.uint64)
    labels = rng.integers(0, 2, 60)
    index = np.arange(60)
    kept, cut = split_groups(index, labels, digests, partial(stratified_split, fraction=share, seed=seed % 100))
    assert not set(digests[kept]) & set(digests[cut])
    assert np.array_equal(np.sort(np.concatenate([kept, cut])), index)
    assert len(kept) > 0
    wanted, groups = round(share * len(np.unique(digests))), len(np.unique(digests))
    assert len(np.unique(digests[cut])) == (wanted if groups > 1 else 0)


def test_copies_stay_in_one_fold():
    rng = np.random.default_rng(0)
    digests, labels = rng.integers(0, 30, 80).astype(np.uint64), rng.integers(0, 2, 80)
    folds = [split_groups(np.arange(80), labels, digests, partial(Fold(i, 4).cut, seed=1))[1] for i in range(4)]
    assert sorted(np.concatenate(folds)) == list(range(80))
    for i, j in itertools.combinations(range(4), 2):
        assert not set(digests[folds[i]]) & set(digests[folds[j]])


def test_what_is_found():
    #                   0  1  2  3  4  5  6  7  8  9
    digests = np.array([1, 2, 1, 3, 3, 4, 1, 9, 3, 5], dtype=np.uint64)
    labels = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])
    parts = {"train": np.arange(6), "val": np.array([6, 7]), "test": np.array([8, 9])}
    found = find_duplicates(parts, labels, digests)
    assert (found.repeated, found.shared, found.contradicting) == (2, {"val": 1, "test": 1}, 2)
    assert found.shared_pairs == ((6, 0), (8, 3))
    assert found.contradicting_pairs == ((4, 3),)
    assert find_duplicates({"train": parts["train"][:0]}, labels, digests).repeated == 0


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_where_all_are_the_same_nothing_is_cut(share):
    digests = np.ones(5, dtype=np.uint64)
    kept, cut = split_groups(
        np.arange(5), np.zeros(5, dtype=np.int64), digests, partial(stratified_split, fraction=share)
    )
    assert (len(kept), len(cut)) == (5, 0)

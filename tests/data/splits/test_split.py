import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.splits.split import split, stratified_split
from fathom.errors import UsageError

labelled = st.lists(st.integers(0, 6), min_size=2, max_size=300).map(lambda values: np.array(values, dtype=np.int64))


@given(labels=labelled, fraction=st.floats(0, 0.9), seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_disjoint_complete_and_every_class_keeps_its_share(labels, fraction, seed):
    if round(fraction * len(labels)) == len(labels):
        return
    train, val = stratified_split(labels, fraction, seed)
    assert train.dtype == val.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([train, val])), np.arange(len(labels)))
    assert len(val) == round(fraction * len(labels))
    for label in np.unique(labels):
        share = fraction * (labels == label).sum()
        assert abs((labels[val] == label).sum() - share) < 1 + 1e-9


def test_seeded_and_shuffled():
    labels = np.repeat(np.arange(10), 100)
    first, again, other = (stratified_split(labels, 0.1, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(set(first % 100)) > 30  # not the same places of every class


def test_every_example_is_as_likely_to_be_held_out():
    counts = np.zeros(20)
    for seed in range(400):
        counts[split(20, 0.25, seed)[1]] += 1
    assert abs(counts - 100).max() < 4.5 * np.sqrt(400 * 0.25 * 0.75)


def test_the_split_never_changes():
    """Results would stop being comparable if another NumPy split differently; these numbers are fixed for good."""
    _, val = stratified_split(np.arange(1000) % 10, 0.1, seed=0)
    assert hashlib.sha256(val.astype("<i8").tobytes()).hexdigest()[:16] == "e2f0aa17ea1d9cbe"


def test_largest_remainders_get_what_is_left():
    labels = np.array([0] * 5 + [1] * 7 + [2] * 8)  # 0.25 of them: 1.25, 1.75, 2 of 5
    _, val = stratified_split(labels, 0.25, 3)
    assert np.bincount(labels[val]).tolist() == [1, 2, 2]


def test_floating_labels_get_a_plain_split():
    targets = np.linspace(0, 1, 50, dtype=np.float32)[:, None]
    train, val = stratified_split(targets, 0.2, 5)
    assert (len(train), len(val)) == (40, 10)
    assert np.array_equal(val, split(50, 0.2, 5)[1])


def test_nothing_held_out():
    train, val = split(5, 0.0)
    assert train.tolist() == [0, 1, 2, 3, 4]
    assert val.size == 0


@pytest.mark.parametrize(("n", "fraction"), [(10, 1.0), (10, -0.1), (10, float("nan")), (1, 0.9), (0, 0.5)])
def test_impossible_splits(n, fraction):
    with pytest.raises(UsageError):
        split(n, fraction)

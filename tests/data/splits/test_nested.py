"""Nested training splits: inside one another, stratified, decided by the seed alone."""

import itertools

import numpy as np
import pytest

from fathom.data.splits.division import Division
from fathom.data.splits.nested import take_nested
from fathom.errors import UsageError

LABELS = np.random.default_rng(0).choice(4, 1000, p=[0.5, 0.3, 0.15, 0.05])


def test_smaller_ones_lie_in_larger_ones():
    sizes = (10, 63, 125, 250, 500, 1000)
    found = [set(take_nested(LABELS, size, seed=3).tolist()) for size in sizes]
    assert [len(rows) for rows in found] == list(sizes)
    for small, large in itertools.pairwise(found):
        assert small < large


@pytest.mark.parametrize("size", [20, 100, 333])
def test_classes_keep_their_shares(size):
    counts = np.bincount(LABELS[take_nested(LABELS, size, seed=1)], minlength=4)
    assert np.abs(counts - size * np.bincount(LABELS) / 1000).max() <= 1


def test_the_seed_decides():
    first, again, other = (take_nested(LABELS, 100, seed).tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_numbers_have_no_classes():
    values = np.linspace(0, 1, 50)
    rows = take_nested(values, 20, seed=0)
    assert len(set(rows.tolist())) == 20
    assert rows.tolist() == sorted(rows.tolist())


def test_too_many_are_refused():
    with pytest.raises(UsageError, match=r"train_size=1,001: the training split has 1,000"):
        take_nested(LABELS, 1001, seed=0)


def test_a_division_thins_rows_of_all_labels():
    rows = np.arange(0, 1000, 2)
    kept = Division(train_size=50, train_seed=4).thin(rows, LABELS)
    assert set(kept) <= set(rows)
    assert len(kept) == 50
    assert Division().thin(rows, LABELS) is rows

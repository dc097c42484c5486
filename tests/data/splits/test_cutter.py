"""Groups stay whole, and the newest are held out."""

import numpy as np
import pytest

from fathom.data.splits.cutter import Cutter
from fathom.data.splits.folds import Fold
from fathom.data.splits.group_deal import deal_groups, join_groups, number_groups
from fathom.errors import UsageError


def population(seed, groups=40):
    """Draw samples of three classes in groups of unequal size, most of which hold mainly one class."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(1, 30, groups))
    own = rng.integers(0, 3, groups)[group]
    labels = np.where(rng.random(len(group)) < 0.7, own, rng.integers(0, 3, len(group)))
    order = rng.permutation(len(group))
    return labels[order], group[order]


def unevenness(labels, parts, number):
    """Return by how much the share of a class in a part is off, at most."""
    shares = [(parts[labels == c] == k).mean() for c in range(3) for k in range(number)]
    return max(abs(share - 1 / number) for share in shares)


def test_folds_are_as_even_as_those_of_scikit_learn():
    from sklearn.model_selection import StratifiedGroupKFold

    ours, theirs = [], []
    for seed in range(4):
        labels, group = population(seed, 25)
        parts = deal_groups(labels, group, [0.2] * 5, seed)
        assert all(len(np.unique(parts[group == g])) == 1 for g in np.unique(group))
        ours.append(unevenness(labels, parts, 5))
        other = np.zeros(len(labels), int)
        for k, (_, held_out) in enumerate(StratifiedGroupKFold(5).split(labels, labels, group)):
            other[held_out] = k
        theirs.append(unevenness(labels, other, 5))
    assert np.mean(ours) < np.mean(theirs) + 0.02


def test_a_share_is_held_out_in_whole_groups_and_depends_on_the_seed():
    labels, group = population(1)
    cutter = Cutter(labels, groups=[f"p{g}" for g in group])
    index = np.arange(len(labels))
    kept, held_out = cutter.cut_share(index, 0.1, 0)
    assert not set(group[kept]) & set(group[held_out])
    assert np.array_equal(np.sort(np.concatenate([kept, held_out])), index)
    assert abs(len(held_out) / len(index) - 0.1) < 0.03
    assert np.array_equal(cutter.cut_share(index, 0.1, 0)[1], held_out)
    assert not np.array_equal(cutter.cut_share(index, 0.1, 1)[1], held_out)


def test_every_group_is_in_one_fold_and_repeats_differ():
    labels, group = population(2)
    cutter = Cutter(labels, groups=[str(g) for g in group])
    index = np.arange(0, len(labels), 2)
    folds = [cutter.cut_fold(index, Fold(i, 4), 7) for i in range(4)]
    assert np.array_equal(np.sort(np.concatenate([held_out for _, held_out in folds])), index)
    for kept, held_out in folds:
        assert len(held_out)
        assert not set(group[kept]) & set(group[held_out])
    assert not np.array_equal(cutter.cut_fold(index, Fold(0, 4, 1), 7)[1], folds[0][1])
    with pytest.raises(UsageError, match="3 groups cannot be divided into 4; choose fewer folds"):
        Cutter(np.zeros(9, int), groups=list("aaabbbccc"), source="x").cut_fold(np.arange(9), Fold(0, 4), 0)


def test_few_groups_leave_no_side_empty_and_no_class_without_training_samples():
    labels, groups = np.array([0] * 6 + [1] * 6), list("aaabbbcccddd")
    for seed in range(8):
        kept, held_out = Cutter(labels, groups=groups).cut_share(np.arange(12), 0.05, seed)
        assert len(held_out)
        assert set(labels[kept]) == {0, 1}


def test_copies_of_a_sample_join_their_groups():
    assert join_groups(np.array([0, 0, 1, 2, 3]), np.array([5, 6, 6, 7, 8])).tolist() == [0, 0, 0, 1, 2]
    numbers = number_groups(["a", "", "b", "", "a"])
    assert numbers[0] == numbers[4]
    assert len(set(numbers.tolist())) == 4


def test_the_newest_are_held_out():
    times = np.array([5.0, 1, 9, np.nan, 7, 9, 3, 2, 4, 6])
    cutter = Cutter(np.zeros(10, int), times=times, source="column when")
    kept, held_out = cutter.cut_share(np.arange(10), 0.1, 0)
    assert held_out.tolist() == [2, 5]  # as old as each other
    assert kept.tolist() == [0, 1, 3, 4, 6, 7, 8, 9]
    with pytest.raises(UsageError, match="a fold in the middle would be predicted from what came after it"):
        cutter.cut_fold(np.arange(10), Fold(0, 2), 0)
    with pytest.raises(UsageError, match="all times left are the same"):
        Cutter(np.zeros(4, int), times=np.ones(4)).cut_share(np.arange(4), 0.5, 0)
    with pytest.raises(UsageError, match="leave one of them out"):
        Cutter(np.zeros(4, int), times=np.ones(4), groups=list("abcd"))


def test_given_splits_that_tear_a_group():
    cutter = Cutter(np.zeros(6, int), groups=["a", "b", "b", "c", "", ""], source="column patient")
    places = {"train": np.array([0, 1, 4]), "test": np.array([2, 3, 5])}
    assert cutter.list_torn(places) == {("train", "test"): ["b"]}
    assert cutter.describe_torn(places) == ["leakage: 1 group of the test split in the train split too (b)"]
    assert cutter.describe(places, [], "row") == [
        "groups: by column patient, each on one side of a cut; train 3, test 3; 2 rows without one stand alone"
    ]

"""Mini-batches: every sample once an epoch, reproducible, and refusals that say what was wrong."""

import numpy as np
import pytest

from fathom.scratch.learning.iterator import Batches

X, y = np.arange(20.0).reshape(10, 2), np.arange(10)


def test_an_epoch_shows_every_example_once_with_its_label():
    batches = Batches(X, y, 4, seed=1)
    parts = list(batches)
    assert [len(labels) for _, labels in parts] == [4, 4, 2]
    assert len(batches) == 3
    labels = np.concatenate([labels for _, labels in parts])
    assert sorted(labels) == list(y)
    assert list(labels) != list(y)
    for rows, numbers in parts:
        np.testing.assert_array_equal(rows, X[numbers])


def test_order_is_a_function_of_seed_and_epoch():
    batches = Batches(X, y, 10, seed=3)
    first, second = (next(iter(batches))[1].tolist() for _ in range(2))
    assert first != second
    again = Batches(X, y, 10, seed=3)
    again.epoch = 1
    assert next(iter(again))[1].tolist() == second
    assert Batches(X, y, 10, seed=4).order(0).tolist() != first


def test_stored_order_and_full_batches_only():
    batches = Batches(X, y, 4, shuffle=False, drop_last=True)
    assert [labels.tolist() for _, labels in batches] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(batches) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((X, y[:-1], 2), r"X has 10 samples \(shape \(10, 2\)\), y has 9"),
        ((X[:0], y[:0], 1), r"there is no sample; X has shape \(0, 2\)"),
        ((X, y, 0), "batch_size must be from 1 to the 10 samples, got 0"),
        ((X, y, 11), "batch_size must be from 1 to the 10 samples, got 11"),
    ],
)
def test_refusals(arguments, said):
    with pytest.raises(ValueError, match=said):
        Batches(*arguments)

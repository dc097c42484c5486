"""Characters, vocabulary and windows of a text."""

import doctest

import numpy as np
import pytest

from fathom.scratch.learning import sequences
from fathom.scratch.learning.sequences import Vocabulary, Windows, clean


def test_windows_hold_the_text_and_what_comes_next():
    text = np.arange(107)
    windows = Windows(text, num_steps=5, batch_size=4, seed=2)
    batches = list(windows)
    assert len(batches) == len(windows) == 5
    starts = set()
    for X, Y in batches:
        assert X.shape == Y.shape == (5, 4)
        np.testing.assert_array_equal(Y, X + 1)  # the text counts, so the next character is one more
        np.testing.assert_array_equal(np.diff(X, axis=0), 1)
        starts |= set(X[0].tolist())
    assert len(starts) == 20  # no piece twice
    assert len({start % 5 for start in starts}) == 1


def test_epochs_differ_and_repeat_with_the_seed():
    text = np.arange(1000)
    windows = Windows(text, 7, 3, seed=1)
    first, second = next(iter(windows))[0], next(iter(windows))[0]
    assert (first != second).any()
    np.testing.assert_array_equal(first, next(iter(Windows(text, 7, 3, seed=1)))[0])


@pytest.mark.parametrize("length", range(30, 46))
def test_no_window_runs_over_the_end(length):
    for seed in range(8):
        for X, Y in Windows(np.arange(length), 5, 1, seed=seed):
            assert max(X.max(), Y.max()) < length


def test_refusals():
    with pytest.raises(ValueError, match=r"needs 25 characters, the text has 24"):
        Windows(np.arange(24), 5, 4)
    with pytest.raises(ValueError, match="at least 1, got 0 and 4"):
        Windows(np.arange(24), 0, 4)
    with pytest.raises(ValueError, match="no character 'x'"):
        Vocabulary("abc").encode("axb")


def test_clean_and_examples():
    assert clean("  It's 1898!\n\tÜber ") == "it s ber"
    assert doctest.testmod(sequences).failed == 0

"""Accuracy, sums and times."""

import doctest
import time

import numpy as np
import pytest
import torch

from fathom.scratch.learning import measures
from fathom.scratch.learning.measures import Accumulator, Timer, accuracy


def test_accuracy_equals_torch():
    generator = np.random.default_rng(0)
    logits, labels = generator.standard_normal((50, 3)), generator.integers(0, 3, 50)
    expected = (torch.from_numpy(logits).argmax(1) == torch.from_numpy(labels)).double().mean().item()
    assert accuracy(logits, labels) == expected


@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (np.zeros((2, 3)), np.array([0, 3]), r"labels must be 0…2, the 3 columns of the logits; got 0…3"),
        (np.zeros((2, 3)), np.array([0, -1]), "got -1…0"),
        (np.zeros((2, 3)), np.array([0]), r"got \(2, 3\) and \(1,\)"),
        (np.zeros(3), np.array([0, 1, 2]), r"expected logits \(N, K\)"),
        (np.zeros((0, 3)), np.zeros(0, int), "the batch is empty"),
    ],
)
def test_accuracy_refuses(logits, labels, said):
    with pytest.raises(ValueError, match=said):
        accuracy(logits, labels)


def test_accumulator():
    sums = Accumulator(3)
    for _ in range(4):
        sums.add(1, np.float64(0.5), True)
    assert [sums[i] for i in range(3)] == [4.0, 2.0, 4.0]
    with pytest.raises(ValueError, match="holds 3 sums, got 2 values"):
        sums.add(1, 2)
    sums.reset()
    assert sums[0] == 0.0


def test_timer():
    timer = Timer()
    assert timer.mean_s == 0.0
    for _ in range(2):
        with timer:
            time.sleep(0.002)
    assert len(timer.times_s) == 2
    assert min(timer.times_s) >= 0.002
    assert timer.total_s == pytest.approx(2 * timer.mean_s) == timer.running_totals_s[-1]
    with pytest.raises(ValueError, match=r"stop\(\) before start\(\)"):
        timer.stop()


def test_examples_in_the_docstrings():
    assert doctest.testmod(measures).failed == 0

"""Two models on the same samples: the bound of chance against scipy's exact test, the counts against NumPy."""

import csv

import numpy as np
import pytest
from scipy.stats import binomtest

from fathom.runs.analysis.paired import LEVEL, PairedCounts, pair_correct, pair_runs


@pytest.mark.parametrize("apart", [1, 2, 4, 5, 6, 7, 23, 24, 100, 401])
def test_the_bound_is_that_of_the_exact_sign_test(apart):
    for lost in range(apart + 1):
        pair = PairedCounts(1000, lost, apart - lost)
        assert pair.is_significant == (binomtest(lost, apart).pvalue <= LEVEL)


def test_for_many_it_is_mcnemar_s():
    assert PairedCounts(10_000, 900, 700).chance == pytest.approx(1.96 * 1600**0.5 / 10_000, rel=0.03)


def test_models_that_agree_differ_by_nothing():
    pair = PairedCounts(100, 0, 0)
    assert (pair.difference, pair.chance, pair.is_significant) == (0, 0, False)


def test_what_each_gets_right():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 500)) < 0.9
    pair = pair_correct(first.tolist(), second.tolist())
    assert pair == PairedCounts(500, int((first & ~second).sum()), int((second & ~first).sum()))
    assert pair.difference == pytest.approx(second.mean() - first.mean())
    assert PairedCounts.of(pair.describe()) == pair
    assert PairedCounts.of({"lost": 3}) is None
    assert "points that chance allows, as one alone of the two is right on" in pair.chance_sentence()


def _write(folder, labels, predicted):
    folder.mkdir()
    with open(folder / "predictions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "label", "predicted", "probability"])
        writer.writerows([i, y, p, 0.9] for i, (y, p) in enumerate(zip(labels, predicted, strict=True)))
    return folder


def test_runs_are_paired_only_on_the_same_examples(tmp_path):
    first = _write(tmp_path / "first", "aabb", "aaab")
    second = _write(tmp_path / "second", "aabb", "abbb")
    assert pair_runs(first, second) == PairedCounts(4, 1, 1)
    assert pair_runs(first, _write(tmp_path / "other", "abab", "aaaa")) is None
    assert pair_runs(first, _write(tmp_path / "fewer", "aab", "aab")) is None
    assert pair_runs(first, tmp_path / "nowhere") is None
    numbers = tmp_path / "numbers"
    numbers.mkdir()
    (numbers / "predictions.csv").write_text("index,y,predicted_y\n0,1.0,2.0\n")
    assert pair_runs(numbers, numbers) is None

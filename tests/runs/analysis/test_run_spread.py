"""Means, spreads and differences, against SciPy and the formula written out."""

import math
import statistics

import pytest
from scipy import stats

from fathom.runs.analysis.spread import compare_pairs, measure_spread

FIRST = [0.91, 0.93, 0.92, 0.95, 0.90]
SECOND = [0.93, 0.94, 0.95, 0.96, 0.92]


def test_interval_of_independent_measurements_is_student_s():
    spread = measure_spread(FIRST)
    low, high = stats.t.interval(0.95, 4, loc=statistics.mean(FIRST), scale=stats.sem(FIRST))
    assert (spread.low, spread.high) == pytest.approx((low, high))
    assert spread.std == pytest.approx(statistics.stdev(FIRST))


def test_folds_widen_the_interval_as_nadeau_and_bengio_say():
    plain, corrected = measure_spread(FIRST), measure_spread(FIRST, overlap=1 / 4)
    ratio = (corrected.high - corrected.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(math.sqrt((1 / 5 + 1 / 4) / (1 / 5)))


def test_paired_test_equals_scipy_s_and_its_correction_the_formula():
    (plain,) = compare_pairs({"a": FIRST, "b": SECOND}, higher_is_better=True)
    assert plain.p == pytest.approx(stats.ttest_rel(SECOND, FIRST).pvalue)
    assert plain.is_significant
    assert plain.better == "b"
    (corrected,) = compare_pairs({"a": FIRST, "b": SECOND}, higher_is_better=False, overlap=1 / 4)
    changes = [b - a for a, b in zip(FIRST, SECOND, strict=True)]
    t = statistics.mean(changes) / (statistics.stdev(changes) * math.sqrt(1 / 5 + 1 / 4))
    assert corrected.p == pytest.approx(2 * stats.t.sf(t, 4))
    assert corrected.better == "a"


def test_verdict_and_p_agree_and_many_pairs_share_the_confidence():
    values = {"a": FIRST, "b": SECOND, "c": [v + 0.001 for v in FIRST]}
    found = compare_pairs(values, higher_is_better=True, overlap=1 / 4)
    assert [(d.first, d.second) for d in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    for difference in found:
        assert difference.is_significant == (difference.p < 0.05)
    (alone,) = compare_pairs({"a": FIRST, "b": SECOND}, higher_is_better=True, overlap=1 / 4)
    assert found[0].p == pytest.approx(3 * alone.p)
    assert found[0].spread.low < alone.spread.low


def test_one_measurement_has_no_spread_and_equal_ones_no_difference():
    assert measure_spread([0.5]).low is None
    (difference,) = compare_pairs({"a": FIRST, "b": FIRST}, higher_is_better=True)
    assert not difference.is_significant
    assert difference.p == 1.0

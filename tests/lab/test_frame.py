"""The frame of the lab: planted effects are found as often as it says, and what is not there is not."""

import math

import numpy as np
import pytest
from scipy import stats

from fathom.lab.experiment import Claim, Comparison, Design, Fact, Reading
from fathom.lab.statistics import estimate, holm, power_of
from fathom.lab.verdicts import Verdict, answer, judge, outcome_of, rule_of
from fathom.lab.wording import grid_note

SEEDS, MARGIN = 20, 1.0


def outcomes(effect, *, std=1.0, count=SEEDS, statistic="t", experiments=100, seed=0):
    """Simulate experiments whose paired differences have a known mean."""
    drawn = np.random.default_rng(seed).normal(effect, std, (experiments, count))
    return [outcome_of(estimate(row.tolist(), margin=MARGIN, statistic=statistic), MARGIN) for row in drawn]


@pytest.mark.parametrize("statistic", ["t", "bootstrap"])
def test_equal_arms_give_no_difference(statistic):
    assert outcomes(0.0, statistic=statistic).count("same") >= 94


def test_equal_arms_are_told_apart_no_more_often_than_stated_where_equality_cannot_be_shown():
    # five seeds and twice the spread: hardly ever "same", so that the level of the t-test alone counts
    found = outcomes(0.0, std=2.0, count=5, experiments=1000)
    assert found.count("more") + found.count("less") <= 70  # 5 % of 1,000, and three standard deviations


def test_a_known_effect_is_found_with_the_stated_power():
    effect, std = 2.0, 2.8  # outside the margin
    stated = power_of(effect, std, SEEDS)
    found = outcomes(effect, std=std, experiments=1000).count("more") / 1000
    assert 0.75 < stated < 0.95
    assert found == pytest.approx(stated, abs=3 * math.sqrt(stated * (1 - stated) / 1000))


def test_interval_and_tests_are_scipy_s():
    values = np.random.default_rng(1).normal(0.3, 1, 12)
    found = estimate(values.tolist(), margin=0.8)
    reference = stats.ttest_1samp(values, 0)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert found.p == pytest.approx(reference.pvalue)
    upper = stats.ttest_1samp(values, 0.8, alternative="less").pvalue
    lower = stats.ttest_1samp(values, -0.8, alternative="greater").pvalue
    assert found.p_same == pytest.approx(max(upper, lower))


def test_power_is_that_of_simulated_tests():
    drawn = np.random.default_rng(2).normal(0.8, 1, (4000, 10))
    share = float(np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05))
    assert power_of(0.8, 1, 10) == pytest.approx(share, abs=0.025)  # three standard deviations of the share
    assert power_of(100.0, 1.0, 10) == 1.0


def test_bootstrap_interval_is_near_that_of_t_for_many_normal_values():
    values = np.random.default_rng(3).normal(0, 1, 200).tolist()
    plain, resampled = (estimate(values, margin=1.0, statistic=kind) for kind in ("t", "bootstrap"))
    assert resampled.low == pytest.approx(plain.low, abs=0.02)
    assert resampled.high == pytest.approx(plain.high, abs=0.02)


def test_values_without_spread_are_certain():
    assert outcome_of(estimate([0.0] * 5, margin=0.1), 0.1) == "same"
    assert outcome_of(estimate([0.5] * 5, margin=0.1), 0.1) == "more"
    assert outcome_of(estimate([-0.5] * 5, margin=0.1), 0.1) == "less"


def test_too_few_differences_are_refused():
    with pytest.raises(ValueError, match="4 differences; an interval needs 5"):
        estimate([1.0] * 4, margin=1.0)


def test_holm_is_the_stepwise_correction():
    p = [0.001, 0.012, 0.02, 0.04, 0.9]
    assert holm(p) == [True, True, False, False, False]  # against 0.05/5, /4, /3 …


def test_a_difference_outside_the_margin_is_not_the_same():
    found = estimate(np.random.default_rng(4).normal(0.5, 0.1, 10).tolist(), margin=1.0)
    assert outcome_of(found, 1.0) == "same"  # clearly not zero, and too small to matter
    assert outcome_of(found, 0.2) == "more"


@pytest.mark.parametrize(
    ("expected", "mean", "wanted"),
    [
        ("more", 2.0, "yes"),
        ("more", 0.0, "no"),
        ("less", 2.0, "no"),
        ("same", 0.0, "yes"),
        ("not less", 0.0, "yes"),
        ("not less", 2.0, "yes"),
        ("not less", -2.0, "no"),
        ("not more", 2.0, "no"),
    ],
)
def test_answers(expected, mean, wanted):
    found = estimate((mean + np.random.default_rng(5).normal(0, 0.3, 10)).tolist(), margin=1.0)
    assert answer(expected, outcome_of(found, 1.0), found, 1.0) == wanted


def make_claim(**options):
    comparison = Comparison("a − b", "a", "b", "more", margin=0.1)
    reading = Reading(("", "", ""), "nothing", depends_on="the weather")
    return Claim(
        1, "t", "s", "N0", Design("f", "x", "b", {"a": "A", "b": "B"}), reading, comparisons=[comparison], **options
    )


@pytest.mark.parametrize(
    ("answers", "facts", "verdict"),
    [
        (["yes", "yes"], [True], "holds"),
        (["no", "no"], [False], "fails"),
        (["yes", "no"], [], "depends on the weather"),
        (["yes"], [False], "depends on the weather"),
        (["yes", "open"], [], "undecided"),
        (["open"], [], "undecided"),
        ([], [], "undecided"),
    ],
)
def test_verdicts(answers, facts, verdict):
    found = judge(make_claim(), answers, [Fact("", holds) for holds in facts])
    assert found.text == verdict


def test_facts_for_context_do_not_count():
    assert judge(make_claim(), ["yes"], [Fact("", False, is_judged=False)]) == Verdict("holds")


def test_the_rule_is_said_in_words():
    assert rule_of(make_claim()) == "The claim holds if the judged comparison comes out as it says, fails if none does."


def test_a_best_rate_at_an_end_of_the_grid_is_said():
    arms = {name: {"label": name, "means": {"lr": {"mean": rate}}} for name, rate in (("a", 0.01), ("b", 0.1))}
    content = {"settings": {"rates": [0.01, 0.1, 1.0]}, "arms": arms}
    assert grid_note(content) == "The best learning rate lies at an end of the grid for: a."
    assert grid_note({"settings": {"rates": [0.1]}, "arms": arms}) == ""  # nothing was chosen

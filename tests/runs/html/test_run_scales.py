import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom import files
from fathom.runs.analysis import comparison, numbers, study
from fathom.runs.analysis.numbers import DASH, count, decimal, duration, percent, wilson_interval
from fathom.runs.folder import relations
from fathom.runs.html import markup
from fathom.runs.html.charts import scales
from fathom.runs.html.charts.scales import downsample, fit_scale, linear_ticks, needs_log_scale, whole_ticks


@pytest.mark.parametrize(
    "module", [comparison, files, numbers, markup, relations, scales, study], ids=lambda module: module.__name__
)
def test_examples_in_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


finite = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)


@given(st.lists(finite, min_size=1, max_size=20))
def test_a_fitted_scale_holds_every_value(values):
    scale = fit_scale(values, 228, 26)
    slack = 1e-6 * max(map(abs, values))
    assert scale.low - slack <= min(values) <= max(values) <= scale.high + slack
    assert all(26 - 1e-3 <= scale(value) <= 228 + 1e-3 for value in values)
    assert 2 <= len(scale.ticks(5)) <= 12


@given(st.lists(st.floats(1e-8, 1e8), min_size=1, max_size=20))
def test_a_logarithmic_scale_holds_every_value(values):
    scale = fit_scale(values, 0, 100, log=True)
    assert all(0 <= scale(value) <= 100 for value in values)
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks(5))


@given(st.floats(1e-3, 1e5))
def test_ticks_of_epochs_are_whole(furthest):
    ticks = whole_ticks(furthest)
    assert ticks[0] == 0
    assert ticks[-1] <= furthest * (1 + 1e-9)
    assert len(ticks) <= 12
    assert furthest < 1 or all(tick == int(tick) for tick in ticks)


def test_ticks_are_round():
    assert linear_ticks(0.15, 0.95, 5) == [0.2, 0.4, 0.6, 0.8]
    assert linear_ticks(-3, 3, 5) == [-2, 0, 2]


def test_wide_ranges_want_logarithms():
    assert needs_log_scale([0.001, None, 1.0])
    assert not needs_log_scale([0.1, 2.0])
    assert not needs_log_scale([0.0, 1000.0])
    assert not needs_log_scale([None])


@given(st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3)), min_size=1, max_size=300), st.integers(1, 50))
def test_thinning_keeps_the_mean_and_the_limit(values, limit):
    points = [(float(i), value) for i, value in enumerate(values)]
    thin = downsample(points, limit)
    assert len(thin) <= max(limit, 1)
    present = [value for value in values if value is not None]
    kept = [y for _, y in thin if y is not None]
    assert bool(kept) == bool(present)
    if present:
        assert min(present) - 1e-9 <= min(kept) <= max(kept) <= max(present) + 1e-9


def test_what_is_not_a_number_is_a_dash():
    for form in (percent, decimal, count, duration):
        assert [form(value) for value in (None, "x", math.nan, math.inf, True)] == [DASH] * 5


def test_durations_carry_over():
    assert [duration(s) for s in (0.04, 9.96, 59.6, 3599.7, 86_399)] == [
        "0.0 s",
        "10 s",
        "1 min 0 s",
        "1 h 0 min",
        "1 d 0 h",
    ]


def test_wilson_interval_as_published():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    published = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    for hits, trials, low, high in published:
        assert wilson_interval(hits / trials, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("trials", [1, 7, 24, 999])
def test_a_share_lies_in_its_own_interval_at_the_ends_too(trials):
    assert wilson_interval(1.0, trials)[1] == 1.0
    assert wilson_interval(0.0, trials)[0] == 0.0

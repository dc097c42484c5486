"""Shift between train and test: against scipy, statsmodels' published example of Holm, and shifts that were put in."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fathom.data.shift import _interval, compare_categories, compare_numbers, correct, separate
from fathom.doctor.check import check
from fathom.settings.settings import Settings

RNG = np.random.default_rng(0)


def test_the_tests_of_a_column_are_those_of_scipy():
    a, b = RNG.normal(size=200), RNG.normal(0.4, 1, 150)
    assert compare_numbers(a, b) == pytest.approx(tuple(stats.ks_2samp(a, b)))
    first, second = RNG.integers(0, 4, 300), RNG.integers(1, 4, 200)
    table = np.stack([np.bincount(codes, minlength=4) for codes in (first, second)])
    found = stats.chi2_contingency(table, correction=False)
    effect = stats.contingency.association(table, "cramer")
    assert compare_categories(first, second) == pytest.approx((effect, found.pvalue))
    assert compare_categories(first, first).p == pytest.approx(1)
    assert compare_categories(np.zeros(9, np.int64), np.zeros(5, np.int64)) == (0, 1)
    assert compare_numbers(a, b[:0]) == (0, 1)
    rare = np.arange(100)  # every code once: taken together there is nothing left to compare
    assert compare_categories(rare, rare + 100) == (0, 1)


def test_p_values_are_corrected_as_holm_did():
    # Wikipedia, "Holm–Bonferroni method": p = 0.01, 0.04, 0.03, 0.005 gives 0.03, 0.06, 0.06, 0.02
    assert correct([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct([]) == []


def test_a_classifier_tells_samples_apart_as_far_as_they_are():
    shift = 1.5
    first, second = RNG.normal(size=(600, 2)), RNG.normal(size=(600, 2)) + [shift, 0]
    found = separate(first, second)
    best = stats.norm.cdf(shift / np.sqrt(2))  # the area under the curve of the likelihood ratio
    assert found.low < best < found.high
    alike = separate(first, RNG.normal(size=(500, 2)))
    assert alike.low < 0.5 < alike.high
    assert separate(first[:5], second) is None


def test_the_interval_of_an_area_is_hanley_and_mcneils():
    # their example of 1982: area 0.893 from 58 normal and 51 abnormal images; they print 0.032, cut off
    low, high = _interval(0.893, 58, 51)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=1e-3)


def frame(rows, shift=0.0, towns=("Ulm", "Jena"), gaps=0.0):
    x = RNG.normal(shift, 1, rows)
    table = pd.DataFrame({"x": x, "z": RNG.normal(size=rows), "town": RNG.choice(towns, rows)})
    table["w"] = np.where(RNG.random(rows) < gaps, np.nan, RNG.normal(size=rows))
    return table.assign(y=x.round() * 2)


def findings(folder, train, test, *, target="y"):
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    options = {"test": str(folder / "test.csv")} | ({"target": target} if target else {})
    options["task"] = "regression"
    tree = {"model": {"name": "mlp"}, "data": {"name": str(folder / "train.csv"), "options": options}}
    return {finding.code: finding for finding in check(Settings(tree)).findings}


def test_rows_drawn_alike_are_no_shift(tmp_path):
    found = findings(tmp_path, frame(600, gaps=0.2), frame(300, gaps=0.2))
    assert "data.shift" not in found
    assert found["data.classifier_shift"].severity == "note"
    assert "cannot tell" in found["data.classifier_shift"].message
    assert "data.label_shift" not in found


@pytest.mark.parametrize("labelled", [True, False])
def test_shifts_are_named_by_their_columns(tmp_path, labelled):
    train = frame(600, gaps=0.1)
    test = frame(300, 0.8, ("Ulm", "Rome", "Rome"), gaps=0.5)
    found = findings(tmp_path, train, test if labelled else test.drop(columns="y"), target="y" if labelled else None)
    shift = found["data.shift"]
    assert shift.severity == "warning"
    assert {name for name in shift.evidence if not name.startswith("p of")} == {"x", "town", "w (missing)"}
    assert shift.evidence["x"] == pytest.approx(stats.ks_2samp(train["x"], test["x"]).statistic, abs=0.05)
    assert "data.options.drop=[" in shift.remedy
    assert found["data.classifier_shift"].evidence["low"] > 0.6
    assert "town: 6" in found["data.unknown_categories"].message
    assert ("data.label_shift" in found) == labelled


def test_a_file_that_lacks_other_columns_is_refused(tmp_path):
    from fathom.errors import UsageError

    with pytest.raises(UsageError, match=r"missing columns of train\.csv: x"):
        findings(tmp_path, frame(100), frame(50).drop(columns=["x", "y"]))

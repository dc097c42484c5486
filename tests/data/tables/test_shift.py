"""Shift between train and test: against scipy, statsmodels' published example of Holm, and shifts that were put in."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from fathom.data.shift import _interval, compare_categories, compare_numbers, correct, separate, weigh
from fathom.data.splits.balance import draw_weighted
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import read_table
from fathom.data.tables.shift import reweight_rows
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


def test_weights_are_the_ratio_of_densities():
    first, second = RNG.normal(0, 1, (3000, 1)), RNG.normal(0.8, 1, (2000, 1))
    weights = weigh(first, second, np.arange(3000))
    truth = np.exp(0.8 * first[:, 0] - 0.32)  # of N(0.8, 1) and N(0, 1)
    assert weights.mean() == pytest.approx(1)
    inside = (truth > 0.13) & (truth < 8)  # beyond 1/10 and 10 they are cut off
    np.testing.assert_allclose(weights[inside], truth[inside] / truth.mean(), rtol=0.25)
    assert np.average(first[:, 0], weights=weights) == pytest.approx(0.8, abs=0.1)


def test_rows_are_drawn_as_often_as_they_weigh():
    weights = torch.tensor([0.0, 0.5, 1.0, 2.5])
    drawn = [draw_weighted(weights, torch.Generator().manual_seed(i)) for i in range(400)]
    counts = sum(torch.bincount(places, minlength=4) for places in drawn)
    assert counts[0] == 0
    np.testing.assert_allclose(counts / 400, weights, atol=0.08)
    one = torch.bincount(draw_weighted(weights, torch.Generator().manual_seed(0)), minlength=4)
    assert ((one - weights).abs() < 1).all()
    assert sorted(draw_weighted(torch.ones(5), torch.Generator().manual_seed(1)).tolist()) == list(range(5))


def test_a_line_fitted_to_reweighted_rows_is_that_of_the_other_file(tmp_path):
    """Of y = x² the best line has slope 0 where x is N(0, 1), and 2 where it is N(1, 1): twice the mean."""
    for name, rows, mean in (("train.csv", 4000, 0.0), ("new.csv", 3000, 1.0)):
        x = RNG.normal(mean, 1, rows)
        pd.DataFrame({"x": x, "z": RNG.normal(size=rows), "y": x**2}).to_csv(tmp_path / name, index=False)
    table = read_table(tmp_path / "train.csv", target="y")
    data = TableData(table, 500, target="y", options=TableOptions(task="regression"))

    def slope():
        batches = list(data.train_dataloader())
        x, y = torch.cat([X[:, 0] for X, _ in batches]).double(), torch.cat([y[:, 0] for _, y in batches]).double()
        assert len(x) == data.num_train
        return np.polyfit(x, y, 1)[0] * float(data.scale.std) / float(data.layer.scale[0])

    assert slope() == pytest.approx(0, abs=0.3)
    note = reweight_rows(data, table, read_table(tmp_path / "new.csv"))
    assert "drawn as those of new.csv" in note
    assert slope() == pytest.approx(2, abs=0.4)

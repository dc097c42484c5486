"""The estimators in scikit-learn's own tools, and under its own checks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from torch import nn

import fathom

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[Y]
FAST = {"epochs": 10, "lr": 0.03, "device": "cpu"}

# Checks of scikit-learn that cannot hold, with the reason.
EXPECTED = {
    "FathomClassifier": {},
    "FathomRegressor": {
        "check_methods_subset_invariance": "sums in float32 depend on how many rows are computed at once, by some 4e-7",
    },
}


def test_in_a_pipeline_and_a_grid_search_with_pandas_in():
    frame = pd.DataFrame(X, columns=["sl", "sw", "pl", "pw"])
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), fathom.FathomClassifier(**FAST))
    search = GridSearchCV(pipeline, {"fathomclassifier__lr": [1e-6, 0.03]}, cv=2).fit(frame, NAMES)
    assert search.best_params_ == {"fathomclassifier__lr": 0.03}
    linear = LogisticRegression(max_iter=1000).fit(X, NAMES).score(X, NAMES)
    assert search.score(frame, NAMES) > linear - 0.05
    best = search.best_estimator_[-1]
    assert list(best.feature_names_in_) == ["sl", "sw", "pl", "pw"]
    assert list(best.classes_) == ["a", "b", "c"]
    np.testing.assert_allclose(search.predict_proba(frame).sum(1), 1, rtol=1e-6)


def test_a_regression_is_in_the_units_of_the_data_and_near_least_squares():
    features, target = load_diabetes(return_X_y=True)
    linear = fathom.FathomRegressor(nn.Linear(10, 1), epochs=20, lr=0.02, device="cpu")
    least_squares = LinearRegression().fit(features, target).score(features, target)
    assert linear.fit(features, target).score(features, target) == pytest.approx(least_squares, abs=0.03)
    assert np.isfinite(cross_val_score(fathom.FathomRegressor(**FAST), features, target, cv=2)).all()


def test_what_is_given_stays_and_fits_repeat():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    before = [p.clone() for p in net.parameters()]
    estimator = fathom.FathomClassifier(net, **FAST)
    generator = torch.get_rng_state()
    found = [clone(estimator).fit(X, NAMES).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
    images = (np.arange(60)[:, None, None, None] % 2 * 100 + np.zeros((60, 1, 8, 8))).astype(np.uint8)
    dark = fathom.FathomClassifier("mlp", **FAST).fit(images, np.arange(60) % 2)
    assert dark.score(images, np.arange(60) % 2) == 1
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    with pytest.raises(fathom.UsageError, match="unknown setting 'optimiser'; did you mean 'optimizer'"):
        fathom.FathomClassifier(settings={"optimiser": "sgd"}).fit(X, Y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("kind", [fathom.FathomClassifier, fathom.FathomRegressor])
def test_scikit_learn_s_checks(kind):
    results = estimator_checks.check_estimator(kind(epochs=20, lr=0.03, device="cpu"), on_fail=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed <= set(EXPECTED[kind.__name__])
    assert sum(result["status"] == "passed" for result in results) >= 45

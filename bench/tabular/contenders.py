"""Who is compared: what each makes of the same training and test rows. Lower scores are better."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """The same rows for everyone, as frames and as files."""

    train: Any
    test: Any
    target: str
    is_classification: bool
    train_file: Path
    test_file: Path
    seed: int

    def score(self, predicted: Any) -> float:
        """Return the share of wrong answers, or the root mean square error."""
        truth = self.test[self.target].to_numpy()
        if self.is_classification:
            return float(np.mean(np.asarray(predicted).astype(str) != truth.astype(str)))
        return float(np.sqrt(np.mean((np.asarray(predicted, dtype=float) - truth.astype(float)) ** 2)))


def boosting(problem: Problem) -> float:
    """scikit-learn's histogram gradient boosting, its defaults, categories as such."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    X, X_test = _typed(problem)
    make = HistGradientBoostingClassifier if problem.is_classification else HistGradientBoostingRegressor
    is_category = [str(dtype) == "category" for dtype in X.dtypes]
    model = make(categorical_features=is_category, random_state=problem.seed)
    return problem.score(model.fit(X, problem.train[problem.target]).predict(X_test))


def linear(problem: Problem) -> float:
    """Logistic or ridge regression on standardised numbers and one-hot categories, scikit-learn's defaults."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, X_test = _typed(problem)
    encode = make_column_transformer(
        (
            make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=2000) if problem.is_classification else Ridge())
    return problem.score(model.fit(X, problem.train[problem.target]).predict(X_test))


def fathom(network: str | None) -> Callable[[Problem], float]:
    """Return what trains a network by Fathom's defaults; None: the default one."""

    def fit(problem: Problem) -> float:
        from fathom import train

        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            done = train(
                network,
                str(problem.train_file),
                target=problem.target,
                test=str(problem.test_file),
                task="classification" if problem.is_classification else "regression",
                seed=problem.seed,
                out=problem.train_file.parent / "runs",
                progress=False,
            )
        assert done.evaluation is not None
        found = done.evaluation
        return 1 - float(found["accuracy"]) if problem.is_classification else float(found["rmse"])

    return fit


def measure(fit: Callable[[Problem], float], problem: Problem) -> tuple[float, float]:
    """Return the score and the seconds that it took."""
    began = time.perf_counter()
    score = fit(problem)
    return score, time.perf_counter() - began


def _typed(problem: Problem) -> tuple[Any, Any]:
    """Return training and test inputs; texts and booleans as categories, of the training rows' values."""
    import pandas as pd

    X = problem.train.drop(columns=[problem.target]).copy()
    X_test = problem.test.drop(columns=[problem.target]).copy()
    for name in X:
        if pd.api.types.is_numeric_dtype(X[name]) and not pd.api.types.is_bool_dtype(X[name]):
            continue
        values = X[name].astype(str).value_counts().index[:250]  # what boosting takes at the most, less a margin
        X[name] = pd.Categorical(X[name].astype(str), categories=values)
        X_test[name] = pd.Categorical(X_test[name].astype(str), categories=values)
    return X, X_test

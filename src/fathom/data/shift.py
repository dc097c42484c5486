"""Whether two samples are drawn alike: a test for each column, a classifier that tells them apart, weights against it.

The tests are those of scipy: Kolmogorov and Smirnov's of two samples for numbers, Pearson's chi-squared for categories;
their p-values are corrected for the number of columns as Holm does. Torch-free; scipy and scikit-learn come late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_FEWEST_EXPECTED = 5.0  # in a cell of the table, Cochran's rule for the chi-squared test
_FOLDS = 5
# bounds the time of the regression
_MOST_ROWS = 5000  # of each sample that the classifier sees
_Z95 = 1.959964  # 97.5 % quantile of the normal distribution


class Difference(NamedTuple):
    """How much two samples of one column differ.

    Attributes:
        effect: from 0, alike, to 1: the largest distance of the distribution functions, or Cramér's V.
        p: the probability of a difference as large among samples drawn alike.
    """

    effect: float
    p: float


class Separation(NamedTuple):
    """How well a classifier tells two samples apart, on rows that it did not learn from.

    Attributes:
        auc: the probability that a row of the second sample looks more like it than one of the first; 0.5 is chance.
        low, high: the 95 % interval.
    """

    auc: float
    low: float
    high: float


def compare_numbers(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two samples of a number.

    Shape:   first (N,), second (M,)
    Equals:  scipy.stats.ks_2samp
    """
    from scipy.stats import ks_2samp

    if not len(first) or not len(second):
        return Difference(0.0, 1.0)  # nothing to compare: no effect, no evidence
    # the exact p-value takes time of n·m; in large samples the asymptotic one is close
    found = ks_2samp(first, second, method="asymp" if max(len(first), len(second)) > 1000 else "auto")
    return Difference(float(found.statistic), float(found.pvalue))


def compare_categories(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two samples of a category by its codes; those that are too rare for the test are taken together.

    Shape:   first int64 (N,), second int64 (M,)
    Equals:  scipy.stats.chi2_contingency without Yates' correction
    """
    from scipy.stats import chi2_contingency

    size = int(max(first.max(initial=0), second.max(initial=0))) + 1
    counts = np.stack([np.bincount(codes, minlength=size) for codes in (first, second)])  # (2, codes)
    counts = counts[:, counts.sum(0) > 0]  # codes that occur in neither
    expected = counts.sum(0) * min(len(first), len(second)) / counts.sum()  # in the smaller of the two samples
    is_rare = expected < _FEWEST_EXPECTED
    if is_rare.sum() > 1:  # all the rare ones together make one cell
        counts = np.concatenate([counts[:, ~is_rare], counts[:, is_rare].sum(1, keepdims=True)], axis=1)
    if counts.shape[1] < 2 or not counts.sum(1).all():  # one cell left, or one sample is empty
        return Difference(0.0, 1.0)
    found = chi2_contingency(counts, correction=False)
    # √(χ²/n): Cramér's V, of a table with two rows
    return Difference(math.sqrt(float(found.statistic) / counts.sum()), float(found.pvalue))


def correct(p_values: Sequence[float]) -> list[float]:
    """Return the p-values that hold for all of several tests together.

    Source:  Holm 1979, A simple sequentially rejective multiple test procedure
    """
    order = np.argsort(p_values, kind="stable")  # Holm 1979: the smallest p times m, the next times m − 1, …
    corrected = np.empty(len(p_values))
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * float(p_values[place]))  # never below the one before it
        corrected[place] = min(1.0, largest)
    return corrected.tolist()


def draw(count: int, seed: int) -> np.ndarray:
    """Draw so many rows that the classifier can take them, in order."""
    if count <= _MOST_ROWS:
        return np.arange(count)
    # sorted: rows keep their order in the file
    return np.sort(np.random.default_rng(seed).choice(count, _MOST_ROWS, replace=False))


def separate(first: Any, second: Any, seed: int = 0) -> Separation | None:
    """Learn to tell two samples apart by a logistic regression, and evaluate it by cross-validation.

    Shape:   first (N, D), second (M, D), dense or sparse
    Returns: None for samples that are too small
    Source:  Lopez-Paz & Oquab 2017, Revisiting classifier two-sample tests; the interval is Hanley & McNeil's, 1982
    """
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    sizes = first.shape[0], second.shape[0]
    if min(sizes) < 2 * _FOLDS:  # two rows of each in every fold
        return None
    # sparse: one-hot columns are nearly all zero
    X = sparse.vstack([sparse.csr_matrix(first), sparse.csr_matrix(second)]).tocsr()  # (N + M, D)
    y = np.repeat([0, 1], sizes)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    # 0.1: in a table of many columns the unregularised one would learn the folds by heart
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    scores = cross_val_predict(model, X, y, cv=folds, method="decision_function")
    auc = float(roc_auc_score(y, scores))
    return Separation(auc, *_interval(auc, *sizes))


def _interval(auc: float, first: int, second: int) -> tuple[float, float]:
    """Return the 95 % interval of an area under the curve."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)  # Hanley & McNeil 1982: two of one class against one of the other
    # of the AUC, times first · second
    variance = auc * (1 - auc) + (second - 1) * (q1 - auc**2) + (first - 1) * (q2 - auc**2)
    error = _Z95 * math.sqrt(max(0.0, variance) / (first * second))
    return max(0.0, auc - error), min(1.0, auc + error)


def weigh(first: Any, second: Any, rows: np.ndarray, most: float = 10.0) -> np.ndarray:
    """Return how much more often rows like each one of the first sample come in the second: the ratio of densities.

    Weights are 1 in the mean, and kept between 1/``most`` and ``most`` before that: a few rows must not rule the loss.

    Shape:   first (N, D), second (M, D), dense or sparse, rows int64 (n,), those of the first to learn from -> (N,)
    Source:  Sugiyama et al. 2012, Density ratio estimation in machine learning, section 4.2
    """
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    first, second = sparse.csr_matrix(first), sparse.csr_matrix(second)
    X = sparse.vstack([first[rows], second]).tocsr()  # (n + M, D)
    y = np.repeat([0, 1], [len(rows), second.shape[0]])
    # Balanced, the odds of the classifier are the ratio of densities, whatever the sizes of the samples.
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(X, y)
    bound = math.log(most)  # bounded on both sides, in logarithms
    weights = np.exp(np.clip(model.decision_function(first), -bound, bound))
    normalised: np.ndarray = weights / weights.mean()  # mean 1: as many samples in all as before
    return normalised

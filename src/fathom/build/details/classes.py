"""How good a classifier is at each class, from its confusion matrix. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def class_rows(confusion: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return precision, recall, F1 and the number of samples of each class; 0 of 0 counts as 0, as in scikit-learn.

    Shape:   confusion (K, K), rows true, columns predicted
    Equals:  sklearn.metrics.precision_recall_fscore_support(average=None, zero_division=0)
    """
    hits, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)  # (K,) each
    rows = []
    for i, name in enumerate(names):
        precision = float(hits[i] / predicted[i]) if predicted[i] else 0.0  # 0: it was never predicted
        recall = float(hits[i] / true[i]) if true[i] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0  # harmonic mean
        rows.append({"class": name, "precision": precision, "recall": recall, "f1": f1, "support": int(true[i])})
    return rows

"""The most probable classes of each sample, as cells of a row. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]


class Probability(float):
    """A probability, which is written with six decimals."""


def label_columns(top: int) -> list[str]:
    """Return the names of the columns for ``top`` classes: label, probability, label_2, probability_2, …"""
    return [f"{name}{_suffix(k)}" for k in range(1, top + 1) for name in ("label", "probability")]


def most_probable(probabilities: np.ndarray, names: Sequence[str], top: int) -> Iterator[Row]:
    """Return label, probability, … and error for each sample, the most probable class first.

    Shape:   probabilities (N, classes)
    """
    # (N, top); stable: of equal ones the first class
    classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    values = np.take_along_axis(probabilities, classes, axis=1)  # (N, top)
    for row, labels in zip(values.tolist(), classes.tolist(), strict=True):
        if not np.isfinite(row).all():
            yield {"error": "the model gives no probabilities for it, its numbers are not finite"}
            continue
        cells: Row = {}
        for k, (value, label) in enumerate(zip(row, labels, strict=True), start=1):
            cells |= {f"label{_suffix(k)}": names[label], f"probability{_suffix(k)}": Probability(round(value, 6))}
        yield cells | {"error": ""}


def _suffix(k: int) -> str:
    return "" if k == 1 else f"_{k}"

"""The most probable classes of each sample, or the labels that hold, as cells of a row. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from fathom.errors import UsageError

Row = dict[str, Any]

NOT_FINITE = "the model's outputs are not finite"
NO_NUMBER = "the prediction is not finite"
NUMBER = "value"  # the column of a predicted number that has no name
DIGITS = 7  # of a predicted number, as many as float32 carries
_OWN = ("file", "row", "error")  # columns beside the prediction


class Labeller(Protocol):
    """What is known of a model's classes."""

    @property
    def class_names(self) -> Sequence[str]:
        """The classes, or labels, in the order of the probabilities; none of a regression."""

    @property
    def multilabel(self) -> bool:
        """Whether they are labels, each of which holds or does not."""


def answer_columns(model: Labeller, top: int) -> list[str]:
    """Return the names of the columns for what a classifier answers.

    Raises:  UsageError if it does not know so many classes, or gives labels, which have no order
    """
    if model.multilabel and top != 1:  # top counts classes of which one is right; labels have no ranks
        raise UsageError(f"--top {top}: the model says of each of its {len(model.class_names)} labels whether it holds")
    if not 1 <= top <= len(model.class_names):
        raise UsageError(f"--top {top}: the model knows {len(model.class_names)} classes")
    return labels_columns(model.class_names) if model.multilabel else label_columns(top)


def answers(model: Labeller, probabilities: np.ndarray, top: int) -> Iterator[Row]:
    """Return the cells of ``answer_columns`` for each sample, and error.

    Shape:   probabilities (N, classes)
    """
    if model.multilabel:
        return holding_labels(probabilities, model.class_names)
    return most_probable(probabilities, model.class_names, top)


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
        if not np.isfinite(row).all():  # NaN sorts anywhere, so such a row has no answer
            yield {"error": NOT_FINITE}
            continue
        cells: Row = {}
        for k, (value, label) in enumerate(zip(row, labels, strict=True), start=1):
            cells |= {f"label{_suffix(k)}": names[label], f"probability{_suffix(k)}": Probability(round(value, 6))}
        yield cells | {"error": ""}


def labels_columns(names: Sequence[str]) -> list[str]:
    """Return the names of the columns for labels: labels, then the probability of each."""
    return ["labels", *(f"probability_{name}" for name in names)]


def holding_labels(probabilities: np.ndarray, names: Sequence[str]) -> Iterator[Row]:
    """Return for each sample the labels that are more probable than not, with a bar between them, and error.

    Shape:   probabilities (N, labels)
    """
    for row in probabilities.tolist():
        if not np.isfinite(row).all():
            yield {"error": NOT_FINITE}
            continue
        # 0.5: the logit's sign, as accuracy counts it
        cells: Row = {"labels": "|".join(name for name, p in zip(names, row, strict=True) if p > 0.5)}
        yield cells | {f"probability_{name}": round(p, 6) for name, p in zip(names, row, strict=True)} | {"error": ""}


def _suffix(k: int) -> str:
    return "" if k == 1 else f"_{k}"


def prediction_column(target: str) -> str:
    """Return what the column of predictions is called: as the target, unless another column has that name."""
    return f"predicted_{target}" if target in _OWN else target


def predicted_numbers(values: np.ndarray, column: str, digits: int = DIGITS) -> Iterator[Row]:
    """Return the predicted number of each sample, under the name of its column, and error.

    Shape:   values (N, 1)
    """
    for value in values[:, 0].tolist():
        is_number = math.isfinite(value)  # a number of exp() may overflow
        # significant digits, not decimals
        yield {column: float(f"{value:.{digits}g}"), "error": ""} if is_number else {"error": NO_NUMBER}

"""Results of evaluating a split: plain values for ``evaluation.json``, and the outputs. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SplitResult:
    """The result of passing a split through a model.

    Attributes:
        summary: the content of ``evaluation.json``, plain values.
        outputs, targets: of every sample, in the order of the split, on the CPU; None for a text, which is too long.
        truth: of a regression, float64 (N, D), the targets in the units of the data, not rounded to what is learned.
        is_correct: whether a classifier names each sample's class, or all of its labels; None where there are none.
    """

    summary: dict[str, Any]
    outputs: Tensor | None = None
    targets: Tensor | None = None
    truth: Tensor | None = None
    is_correct: list[bool] | None = None


@dataclass(frozen=True)
class EvaluationDetails:
    """What a run folder keeps of its test split besides the summary: further plain values, and predictions.csv."""

    extra: dict[str, Any] = field(default_factory=dict)  # merged into evaluation.json
    columns: Sequence[str] = ()  # () writes no predictions.csv
    rows: Iterable[Sequence[Any]] = ()

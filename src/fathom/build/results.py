"""What evaluating a split gives: plain values for ``evaluation.json``, outputs for whoever looks closer. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SplitResult:
    """What passing a split through a model gave.

    Attributes:
        summary: the content of ``evaluation.json``, plain values.
        outputs, targets: of every sample, in the order of the split, on the CPU; None of a text, which is too long.
        truth: of a regression, float64 (N, D), the targets in the units of the data, not rounded to what is learned.
    """

    summary: dict[str, Any]
    outputs: Tensor | None = None
    targets: Tensor | None = None
    truth: Tensor | None = None

    @property
    def is_correct(self) -> list[bool] | None:
        """Whether each sample's most probable class is its label; None where there are no classes."""
        if self.outputs is None or self.targets is None or "accuracy" not in self.summary:
            return None
        return (self.outputs.argmax(1) == self.targets).tolist()


@dataclass(frozen=True)
class Details:
    """What a run's folder keeps of its test split besides the summary: further plain values, and predictions.csv."""

    extra: dict[str, Any] = field(default_factory=dict)
    columns: Sequence[str] = ()
    rows: Iterable[Sequence[Any]] = ()

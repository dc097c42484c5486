"""Metrics of classes: precision, recall and F1 from counts, the area under the ROC curve from scores."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from fathom.errors import UsageError, unknown
from fathom.metrics.base import Metric

AVERAGES = ("macro", "binary")


class CountMetric(Metric):
    """What follows from three counts a class: hits, times predicted, times true.

    Args:
        average: "macro" is the plain mean over the classes that occur in predictions or targets, "binary" the number
            of the second of two classes.
    """

    def __init__(self, average: str = "macro") -> None:
        if average not in AVERAGES:
            raise unknown("average", average, AVERAGES)
        self.average = average
        self.counts: Tensor | None = None  # int64 (3, C)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch of logits or probabilities and classes."""
        scores, labels = _rows(prediction, target)  # (n, C), (n,)
        num_classes = scores.shape[1]
        if self.average == "binary" and num_classes != 2:
            raise UsageError(f"{self.name} is of two classes, not of {num_classes}; take {self.name.split('_')[0]}")
        if self.counts is None:
            self.counts = torch.zeros(3, num_classes, dtype=torch.int64, device=scores.device)
        elif self.counts.device != scores.device:
            self.counts = self.counts.to(scores.device)
        predicted = scores.argmax(1)  # (n,)
        ones = torch.ones_like(labels)  # (n,)
        # Not bincount, which would wait for the device to learn how long its answer is.
        self.counts[0].index_add_(0, labels, (predicted == labels).long())
        self.counts[1].index_add_(0, predicted, ones)
        self.counts[2].index_add_(0, labels, ones)

    def compute(self) -> float:
        """Return the number over all samples; 0 stands for 0/0, as in scikit-learn."""
        if self.counts is None:
            return math.nan
        rows = list(zip(*self.counts.tolist(), strict=True))  # C times (hits, predicted, true)
        if self.average == "binary":
            return self._score(*rows[1])
        scores = [self._score(*row) for row in rows if row[1] or row[2]]
        return sum(scores) / len(scores)

    @staticmethod
    @abstractmethod
    def _score(hits: int, predicted: int, true: int) -> float:
        """Return the number of one class."""

    def reset(self) -> None:
        """Forget the counts."""
        self.counts = None

    def merge(self, other: CountMetric) -> None:
        """Add the other's counts."""
        if other.counts is not None:
            own = self.counts
            self.counts = other.counts.clone() if own is None else own + other.counts.to(own.device)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {"counts": self.counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up."""
        self.counts = state["counts"]


class Precision(CountMetric):
    """Of the samples that are said to be of a class, the share that is.

    Equals:  sklearn.metrics.precision_score(average=…, zero_division=0)
    """

    name = "precision"

    @staticmethod
    def _score(hits: int, predicted: int, true: int) -> float:
        return hits / predicted if predicted else 0.0


class Recall(CountMetric):
    """Of the samples of a class, the share that is found.

    Equals:  sklearn.metrics.recall_score(average=…, zero_division=0)
    """

    name = "recall"

    @staticmethod
    def _score(hits: int, predicted: int, true: int) -> float:
        return hits / true if true else 0.0


class F1(CountMetric):
    """The harmonic mean of precision and recall.

    Equals:  sklearn.metrics.f1_score(average=…, zero_division=0)
    Source:  van Rijsbergen 1979, "Information Retrieval", ch. 7
    """

    name = "f1"

    @staticmethod
    def _score(hits: int, predicted: int, true: int) -> float:
        return 2 * hits / (predicted + true) if predicted + true else 0.0


class AUROC(Metric):
    """How often a sample of a class is given a higher score for it than one of another class: area under the ROC curve.

    With more than two classes the mean over one class against the rest, of the classes that have samples on both sides.
    Every score is kept until the epoch ends: (N, C) floats, of two classes (N,).

    Equals:  sklearn.metrics.roc_auc_score(multi_class="ovr") on the softmax, where every class occurs
    Source:  Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve"
    """

    name = "auroc"

    def __init__(self) -> None:
        self.scores: list[Tensor] = []  # each (n, C), or (n,) of two classes
        self.targets: list[Tensor] = []  # each (n,)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Keep one batch."""
        scores, labels = _rows(prediction, target)  # (n, C), (n,)
        self.scores.append(scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores)
        self.targets.append(labels)

    def compute(self) -> float:
        """Return the area; NaN if all samples are of one class."""
        from sklearn.metrics import roc_auc_score

        if not self.scores:
            return math.nan
        scores = _joined(self.scores).double().cpu()  # (N, C) or (N,)
        labels = _joined(self.targets).cpu().numpy()  # (N,)
        if scores.ndim == 1:
            return float(roc_auc_score(labels, scores.numpy())) if len(set(labels.tolist())) == 2 else math.nan
        shares = scores.softmax(1).numpy()  # (N, C)
        present = [k for k in sorted(set(labels.tolist())) if (labels != k).any()]
        areas = [float(roc_auc_score(labels == k, shares[:, k])) for k in present]
        return sum(areas) / len(areas) if areas else math.nan

    def reset(self) -> None:
        """Let the scores go."""
        self.scores, self.targets = [], []

    def merge(self, other: AUROC) -> None:
        """Keep the other's scores too."""
        self.scores += other.scores
        self.targets += other.targets

    def state_dict(self) -> dict[str, Any]:
        """Return scores and targets."""
        return {"scores": [_joined(self.scores)], "targets": [_joined(self.targets)]} if self.scores else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up."""
        self.scores, self.targets = list(state.get("scores", ())), list(state.get("targets", ()))


def _rows(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores (n, C) and classes int64 (n,), of pixels as of samples."""
    if prediction.ndim < 2 or target.ndim != prediction.ndim - 1:
        shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        raise UsageError(f"prediction and target of shapes {shapes}; a metric of classes needs (N, C) and (N,)")
    return prediction.movedim(1, -1).reshape(-1, prediction.shape[1]), target.reshape(-1).long()


def _joined(parts: list[Tensor]) -> Tensor:
    """Return all parts as one tensor, where the newest is; those that a checkpoint gave back may lie elsewhere."""
    return torch.cat([part.to(parts[-1].device) for part in parts])

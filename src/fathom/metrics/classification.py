"""Metrics of classes: precision, recall and F1 from counts, the area under the ROC curve from scores."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from fathom.decisions import class_logits, decide, is_single, probabilities, true_labels
from fathom.errors import UsageError, unknown
from fathom.metrics.base import Metric

AVERAGES = ("macro", "binary")


class CountMetric(Metric):
    """What follows from three counts a class: hits, times predicted, times true.

    Args:
        average: "macro" is the plain mean over the classes that occur in predictions or targets, or over all labels
            where a sample may have several; "binary" the number of the second of two classes.
    """

    def __init__(self, average: str = "macro") -> None:
        if average not in AVERAGES:
            raise unknown("average", average, AVERAGES)
        self.average = average
        self.counts: Tensor | None = None  # int64 (3, C)
        self.has_labels = False  # whether a sample may have several

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch of logits and classes; of several classes the predictions may be probabilities."""
        scores, labels = _rows(prediction, target)  # (n, C), (n,) or (n, C)
        num_classes, self.has_labels = scores.shape[1], labels.ndim == 2
        if self.average == "binary" and (self.has_labels or num_classes != 2):
            given = f"{num_classes} labels" if self.has_labels else num_classes
            raise UsageError(f"{self.name} is of two classes, not of {given}; take {self.name.split('_')[0]}")
        if self.counts is None:
            self.counts = torch.zeros(3, num_classes, dtype=torch.int64, device=scores.device)
        elif self.counts.device != scores.device:
            self.counts = self.counts.to(scores.device)
        predicted = decide(scores, self.has_labels)  # (n,) or (n, C)
        if self.has_labels:
            self.counts += torch.stack([(predicted * labels).sum(0), predicted.sum(0), labels.sum(0)])
            return
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
        scores = [self._score(*row) for row in rows if self.has_labels or row[1] or row[2]]
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
            own, self.has_labels = self.counts, other.has_labels
            self.counts = other.counts.clone() if own is None else own + other.counts.to(own.device)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {"counts": self.counts, "has_labels": self.has_labels}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up."""
        self.counts, self.has_labels = state["counts"], state["has_labels"]


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

    With more than two classes the mean over one class against the rest, of the classes that have samples on both sides;
    of labels the mean over those that hold for some samples and not for others.
    Every score is kept until the epoch ends: (N, C) floats, of two classes (N,).

    Equals:  sklearn.metrics.roc_auc_score(multi_class="ovr") on the softmax, where every class occurs
    Source:  Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve"
    """

    name = "auroc"

    def __init__(self) -> None:
        self.scores: list[Tensor] = []  # each (n, C), or (n,) of two classes
        self.targets: list[Tensor] = []  # each (n,), or (n, C) of labels

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Keep one batch."""
        scores, labels = _rows(prediction, target)  # (n, C), (n,) or (n, C)
        self.scores.append(scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 and labels.ndim == 1 else scores)
        self.targets.append(labels)

    def compute(self) -> float:
        """Return the area; NaN if all samples are of one class."""
        from sklearn.metrics import roc_auc_score

        if not self.scores:
            return math.nan
        scores = _joined(self.scores).double().cpu()  # (N, C) or (N,)
        labels = _joined(self.targets).cpu().numpy()  # (N,) or (N, C)
        if scores.ndim == 1:
            return float(roc_auc_score(labels, scores.numpy())) if len(set(labels.tolist())) == 2 else math.nan
        shares = probabilities(scores, labels.ndim == 2).numpy()  # (N, C)
        sides = {k: labels[:, k] == 1 if labels.ndim == 2 else labels == k for k in range(scores.shape[1])}
        areas = [float(roc_auc_score(is_in, shares[:, k])) for k, is_in in sides.items() if is_in.any() != is_in.all()]
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
    """Return logits (n, C), two of a single output, and classes int64 (n,), or labels (n, C), of pixels as of samples.

    Raises:  UsageError if target and prediction do not fit one another
    """
    has_labels = prediction.shape == target.shape and not is_single(prediction)
    labels = true_labels(prediction, target, has_labels)  # (N, …) or (N, C, …)
    scores = class_logits(prediction)  # (N, C, …)
    rows = scores.movedim(1, -1).reshape(-1, scores.shape[1])  # (n, C)
    return rows, labels.movedim(1, -1).reshape(rows.shape) if has_labels else labels.reshape(-1).long()


def _joined(parts: list[Tensor]) -> Tensor:
    """Return all parts as one tensor, where the newest is; those that a checkpoint gave back may lie elsewhere."""
    return torch.cat([part.to(parts[-1].device) for part in parts])

"""A few samples of what is learned from and of what is predicted: enough to tell leakage and label noise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fathom.doctor.observer.part import Part
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import LoaderRecord

MOST_ROWS = 2000  # that are kept of what is learned from
MOST_FEATURES = 500
MOST_VALUES = 1024  # of an input whose neighbours are looked for: a grey image of 32 × 32
MOST_PREDICTIONS = 5000  # of one evaluation
MOST_CLASSES = 200
_LEAST_PROBABILITY = 1e-7  # whose logarithm is taken; float32 rounds a softmax to 0


class _Inputs:
    """Inputs beside the classes that they are learned as, the first ones."""

    def __init__(self) -> None:
        self.samples = 0
        self._kept: list[tuple[Tensor, Tensor]] = []

    def add(self, x: Tensor, y: Tensor) -> None:
        """Keep a batch, if it is one.

        Shape:   x (N, …), y (N,)
        """
        if x.dim() < 2 or not x.is_floating_point() or y.is_floating_point() or y.shape != x.shape[:1]:
            return
        if self.samples < MOST_ROWS and 2 <= x[:1].numel() <= MOST_VALUES:
            self.samples += len(x)
            self._kept.append((x.detach().flatten(1).float().cpu().clone(), y.detach().cpu().clone()))

    def together(self) -> tuple[Tensor, Tensor] | None:
        """Return them as (N, features) and (N,), where they are finite and of one size."""
        if len({x.shape[1] for x, _ in self._kept}) != 1:
            return None
        x, y = (torch.cat(parts)[:MOST_ROWS] for parts in zip(*self._kept, strict=True))
        return (x, y) if bool(x.isfinite().all()) else None


class Samples(Part):
    """Keeps rows of features beside their targets, and probabilities beside the labels of an evaluation."""

    def install(self) -> list[Any]:
        self._rows: list[tuple[Tensor, Tensor]] = []
        self._num_rows = 0
        self._inputs = _Inputs()
        self._loaded: dict[int, tuple[LoaderRecord, _Inputs]] = {}
        self._predictions: dict[int, list[tuple[Tensor, Tensor]]] = {}  # by the step at which they were made
        return []

    def learned_from(self, x: Tensor | None, y: Tensor) -> None:
        """Keep the input of a network and the target of its loss, where they are rows of features with one target each.

        Shape:   x (N, features), y (N,) or (N, 1)
        """
        if x is not None:
            self._inputs.add(x, y)
        if x is None or x.dim() != 2 or not x.is_floating_point() or y.shape not in ((len(x),), (len(x), 1)):
            return
        if 2 <= x.shape[1] <= MOST_FEATURES and self._num_rows < MOST_ROWS:
            self._num_rows += len(x)
            self._rows.append((x.detach().float().cpu().clone(), y.detach().flatten().float().cpu().clone()))

    def loaded(self, loader: LoaderRecord, x: Tensor, y: Tensor) -> None:
        """Keep a batch of a loader's first pass, whose losses are not all looked at closely.

        Shape:   x (N, …), y (N,)
        """
        self._loaded.setdefault(id(loader), (loader, _Inputs()))[1].add(x, y)

    def predicted(self, scores: Tensor, labels: Tensor) -> None:
        """Keep what a network says of samples, without gradients, beside their labels.

        Shape:   scores (N, classes), labels (N,)
        """
        if scores.dim() != 2 or labels.shape != scores.shape[:1] or labels.is_floating_point() or not len(labels):
            return
        classes = scores.shape[1]
        if not 2 <= classes <= MOST_CLASSES or int(labels.min()) < 0 or int(labels.max()) >= classes:
            return
        step = self.observer.step
        likely = _probabilities(scores.detach().float().cpu())  # (N, classes)
        self._evaluated(likely, labels.detach().cpu(), step)
        if step not in self._predictions:  # of the last evaluation alone
            self._predictions = {step: []}
        kept = self._predictions[step]
        if sum(len(labels) for _, labels in kept) < MOST_PREDICTIONS:
            kept.append((likely, labels.detach().cpu().clone()))

    def _evaluated(self, likely: Tensor, labels: Tensor, step: int) -> None:
        """Note loss and accuracy of a batch, which many a script never computes, or not by a loss function."""
        own = likely[torch.arange(len(labels)), labels.long()]  # (N,)
        self.record.evaluations.append(
            {
                "step": step,
                "loss": float(-own.clamp_min(_LEAST_PROBABILITY).log().mean()),
                "place": f"{user_place()} (predictions)",
                "kind": "cross_entropy",
                "accuracy": float((likely.argmax(1) == labels).float().mean()),
                "samples": len(labels),
            }
        )

    def finish(self) -> None:
        """Put them together."""
        widths = {x.shape[1] for x, _ in self._rows}
        if len(widths) == 1:
            self.record.rows = (torch.cat([x for x, _ in self._rows]), torch.cat([y for _, y in self._rows]))
        learned = [inputs for loader, inputs in self._loaded.values() if loader.is_training]
        self.record.inputs = max([self._inputs, *learned], key=lambda inputs: inputs.samples).together()
        for kept in self._predictions.values():
            if len({p.shape[1] for p, _ in kept}) == 1:
                self.record.predicted = (torch.cat([p for p, _ in kept]), torch.cat([y for _, y in kept]))


def _probabilities(scores: Tensor) -> Tensor:
    """Return probabilities from logits, log-probabilities or probabilities.  # (N, classes)"""
    if bool((scores >= 0).all()) and bool(((scores.sum(1) - 1).abs() < 1e-3).all()):
        return scores
    return scores.softmax(1)

"""Metrics by name: numbers over a whole split that are no means of its batches' numbers.

A loss and an accuracy are means, which a step returns and the trainer adds up. An F1 is not: the mean of the batches'
F1 is another number than the F1 of all samples. Such a metric is an object with ``update(prediction, target)``,
``compute()`` and ``reset()``, as those of torchmetrics are, which fit. ``update`` must not wait for the device: state
stays there, as counts or as references, until ``compute`` at the end of an epoch.
"""

from __future__ import annotations

from fathom.metrics.base import AdaptedMetric, DerivedMetric, Metric
from fathom.metrics.classification import AUROC, F1, Precision, Recall
from fathom.metrics.perplexity import Perplexity
from fathom.metrics.registry import AnyMetric, Specs, apply_metrics, fresh, make_metrics, names, reads_outputs

__all__ = [
    "AUROC",
    "F1",
    "AdaptedMetric",
    "AnyMetric",
    "DerivedMetric",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "Specs",
    "apply_metrics",
    "fresh",
    "make_metrics",
    "names",
    "reads_outputs",
]

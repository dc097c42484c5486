"""Metrics by name, and what else may stand in their place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from fathom.errors import UsageError, unknown
from fathom.metrics.base import AdaptedMetric, DerivedMetric, Metric
from fathom.metrics.classification import AUROC, F1, CountMetric, Precision, Recall
from fathom.metrics.perplexity import Perplexity


@dataclass(frozen=True)
class _RegisteredMetric:
    make: Callable[[], Metric | DerivedMetric]
    kinds: tuple[str, ...] = ("classifier",)  # of modules that it is for


def _binary(kind: type[CountMetric]) -> Callable[[], Metric]:
    def make() -> Metric:
        metric = kind("binary")
        metric.name = f"{kind.name}_binary"  # scores class 1 of two alone
        return metric

    return make


_REGISTRY: dict[str, _RegisteredMetric] = {
    "f1": _RegisteredMetric(F1),
    "f1_binary": _RegisteredMetric(_binary(F1)),
    "precision": _RegisteredMetric(Precision),
    "precision_binary": _RegisteredMetric(_binary(Precision)),
    "recall": _RegisteredMetric(Recall),
    "recall_binary": _RegisteredMetric(_binary(Recall)),
    "auroc": _RegisteredMetric(AUROC),
    "perplexity": _RegisteredMetric(Perplexity, ("language_model",)),
}

AnyMetric = Metric | DerivedMetric
Specs = Iterable[Any] | Mapping[str, Any]


def names(kind: str = "") -> list[str]:
    """Return the names of all metrics, or of those for one kind of module."""
    return [name for name, entry in _REGISTRY.items() if not kind or kind in entry.kinds]


def make_metrics(specs: Specs, kind: str) -> dict[str, AnyMetric]:
    """Return metrics by the name under which they are reported.

    Args:
        specs: names, or objects; an object goes by its ``name``, else by that of its class in small letters, or by the
            key it stands under in a mapping.
        kind: of the module they are for.
    Raises:  UsageError for a name that is unknown or not for such a module, or an object that is no metric
    """
    if isinstance(specs, str):
        specs = (specs,)
    # None: the metric names itself
    named = specs.items() if isinstance(specs, Mapping) else ((None, spec) for spec in specs)
    made: dict[str, AnyMetric] = {}
    for key, spec in named:
        metric = _by_name(spec, kind) if isinstance(spec, str) else _adapt(key, spec)
        made[key or metric.name] = metric
    return made


def fresh(metric: Metric) -> Metric:
    """Return a metric of the same making that has taken in nothing."""
    new = copy.deepcopy(metric)  # deepcopy: the user's object may be in use elsewhere
    new.reset()
    return new


def apply_metrics(metrics: Mapping[str, AnyMetric], prediction: Tensor, target: Tensor) -> dict[str, float]:
    """Return those of the metrics that read predictions, over one whole split."""
    values = {}
    for name, metric in metrics.items():
        if isinstance(metric, Metric):
            new = fresh(metric)
            new.update(prediction, target)
            values[name] = new.compute()
    return values


def reads_outputs(metrics: Mapping[str, AnyMetric]) -> bool:
    """Whether one of the metrics reads predictions."""
    for metric in metrics.values():  # noqa: SIM110 - a loop that the compiler of whole steps can follow
        if isinstance(metric, Metric):
            return True
    return False


def _by_name(name: str, kind: str) -> AnyMetric:
    if name not in _REGISTRY:
        raise unknown("metric", name, names(kind) or names())
    if kind not in _REGISTRY[name].kinds:
        fitting = f"; choose from {', '.join(names(kind))}" if names(kind) else ""
        raise UsageError(f"metric {name} is not for a {kind.replace('_', ' ')}{fitting}")
    return _REGISTRY[name].make()


def _adapt(key: str | None, metric: Any) -> AnyMetric:
    if isinstance(metric, Metric | DerivedMetric):
        return metric
    # a class instead of an object is the usual slip
    if isinstance(metric, type) or not all(callable(getattr(metric, m, None)) for m in ("update", "compute", "reset")):
        raise UsageError(
            f"metric {metric!r}: give a name ({', '.join(names())}), or an object with update, compute and reset"
        )
    name = key or getattr(metric, "name", None)
    return AdaptedMetric(name if isinstance(name, str) else _snake(type(metric).__name__), metric)


def _snake(name: str) -> str:
    """``MulticlassF1Score`` becomes ``multiclass_f1_score``."""
    # before a capital after a small letter; before the last capital of several (MAP|Score)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()

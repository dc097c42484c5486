"""Perplexity: what follows from a mean cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fathom.metrics.base import DerivedMetric

_MOST_EXPONENT = 700.0  # the largest float is e^709.8


class Perplexity(DerivedMetric):
    """e to the mean cross-entropy: between how many equally likely classes, or tokens, the model wavers."""

    name = "perplexity"

    def derive(self, means: Mapping[str, float]) -> float | None:
        """Return e to the mean loss."""
        return math.exp(min(means["loss"], _MOST_EXPONENT)) if "loss" in means else None

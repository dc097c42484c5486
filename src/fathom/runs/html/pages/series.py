"""The page of any series: written anew whenever the series is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.runs.analysis.crossval import CrossValidation
from fathom.runs.analysis.distillation import Distillation
from fathom.runs.analysis.learning_curves.series import LearningCurve
from fathom.runs.analysis.series import Series
from fathom.runs.html.page import Page
from fathom.runs.html.pages.crossval import crossval_page
from fathom.runs.html.pages.distillation import distillation_page
from fathom.runs.html.pages.learning_curve import learning_curve_page


def save_series(series: Series, **fields: Any) -> Path:
    """Save a series, ``fields`` of its plan set first, and write its page beside its files.

    Returns: the page
    Raises:  FathomError if they cannot be written
    """
    series.save(**fields)
    return series_page(series).write(series.report)


def series_page(series: Series) -> Page:
    """Lay out the page of a series of any kind."""
    if isinstance(series, CrossValidation):
        return crossval_page(series)
    if isinstance(series, Distillation):
        return distillation_page(series)
    if isinstance(series, LearningCurve):
        return learning_curve_page(series)
    raise TypeError(f"there is no page for a {type(series).__name__}")

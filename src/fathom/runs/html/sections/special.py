"""The sections that only some runs have, by what their folders hold.

Each is imported where a run has it and not before: a classifier of images loads nothing of tables, texts or pruning.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.runs.folder.reader import RunReader
from fathom.runs.html.markup import Html
from fathom.runs.html.page import Section


def show_pruning(run: RunReader) -> Section | None:
    """Show what pruning did, of a run that began with a pruned model: ``prune.json``."""
    if run.pruning is None:
        return None
    from fathom.runs.html.sections.pruning import show_pruning

    return show_pruning(run.pruning)


def show_doctor(run: RunReader) -> Section | None:
    """Show what the doctor saw while the network trained: ``probes.jsonl``."""
    if not run.probes:
        return None
    from fathom.runs.html.sections.doctor import show_doctor

    return show_doctor(run)


def show_stability(run: RunReader) -> Section | None:
    """Show gradients, updates and outputs layer by layer: ``probes.jsonl``."""
    if not run.probes:
        return None
    from fathom.runs.html.sections.doctor import show_stability

    return show_stability(run)


def show_columns(run: RunReader) -> Section | None:
    """Show the columns of a table: what ``model.json`` has as its input."""
    stored = (run.model or {}).get("input")
    if not isinstance(stored, Mapping) or stored.get("kind") != "table":
        return None
    from fathom.runs.html.sections.table import show_columns

    return show_columns(stored)


def show_comparison(run: RunReader, folder: Path) -> Section | None:
    """Set fine-tuning and training from scratch side by side: ``comparison.json``."""
    if run.comparison is None:
        return None
    from fathom.runs.html.sections.start import show_comparison

    return show_comparison(run, run.comparison, folder)


def show_start(run: RunReader) -> Section | None:
    """Say where the first weights came from, if they were not random: ``start`` of ``run.json``."""
    start = run.run.get("start")
    if not isinstance(start, Mapping):
        return None
    from fathom.runs.html.sections.start import show_start

    return show_start(start)


def show_text(evaluation: Mapping[str, Any]) -> list[Section]:
    """Show the figures of a language model on the test split, and samples of what it writes."""
    from fathom.runs.html.sections.text import show_text

    return show_text(evaluation)


def show_worst_rows(evaluation: Mapping[str, Any]) -> Section | None:
    """Show the rows of a table with the largest errors: ``worst`` of ``evaluation.json``."""
    if not evaluation.get("worst"):
        return None
    from fathom.runs.html.sections.table import show_worst_rows

    return show_worst_rows(evaluation)


def show_baseline(evaluation: Mapping[str, Any]) -> Html | str:
    """Set the errors on a table beside those of a baseline: ``baseline`` of ``evaluation.json``."""
    if not evaluation.get("baseline"):
        return ""
    from fathom.runs.html.sections.table import baseline_rows

    return baseline_rows(evaluation)

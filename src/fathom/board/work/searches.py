"""A hyperparameter search for the board: the sections of its page, and its trials for parallel coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.runs.analysis.tuning import check_study
from fathom.runs.html.language import speaking
from fathom.runs.html.markup import join
from fathom.runs.html.sections.study import show_history, show_importance, show_slices, show_trials
from fathom.runs.html.summary import show_findings
from fathom.tuning.study import StudyStore

_MOST = 300  # trials drawn as lines across the axes


def describe_search(run: str, language: str) -> dict[str, Any]:
    """Return the markup of a search's page, and its trials with what they drew."""
    store = StudyStore(Path(run))
    try:
        study = store.snapshot()
    finally:
        store.close()
    sections = (show_history(study), show_importance(study), show_slices(study), show_trials(study))
    with speaking(language):
        findings = show_findings(check_study(study), "What the trials say")
        html = join([findings, *(section.render() for section in sections if section is not None)])
    drawn = [trial for trial in study.trials if trial.value is not None][-_MOST:]
    return {
        "html": str(html),
        "metric": study.metric_name,
        "axes": [axis.name for axis in study.axes],
        "trials": [
            {"name": f"{t.number}", "values": dict(t.values), "value": t.value, "state": t.state} for t in drawn
        ],
    }

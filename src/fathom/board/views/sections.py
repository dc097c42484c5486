"""The views of one run that are a page of the report, section by section: the same functions, the same markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fathom.board.index.runs import Entry
from fathom.board.views.findings import show_numbers
from fathom.errors import FathomError
from fathom.runs.analysis.comparison import compare_runs
from fathom.runs.analysis.fairness import check_fairness
from fathom.runs.analysis.ranking import check_runs
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.language import speaking
from fathom.runs.html.markup import element, join
from fathom.runs.html.page import Section
from fathom.runs.html.sections.comparison import show_differences
from fathom.runs.html.sections.curves import show_curves
from fathom.runs.html.sections.data import show_data
from fathom.runs.html.sections.layers import show_layers
from fathom.runs.html.sections.provenance import show_config, show_provenance
from fathom.runs.html.sections.special import show_columns, show_doctor, show_pruning, show_stability, show_start
from fathom.runs.html.sections.test_set import show_results
from fathom.runs.html.summary import show_findings

VIEWS: dict[str, Callable[[RunReader], Sequence[Section | None]]] = {
    "doctor": lambda run: [show_numbers(run), show_doctor(run)],
    "layers": lambda run: [show_layers(run), show_stability(run), show_pruning(run)],
    "errors": show_results,
    "data": lambda run: [show_data(run), show_columns(run)],
    "table": lambda run: [show_curves(run)],
    "setup": lambda run: [show_start(run), show_config(run), show_provenance(run)],
}


def render(entry: Entry, view: str, language: str = "en") -> str:
    """Return the markup of a view; of a damaged run the sentence that says what is wrong."""
    with speaking(language):
        return _render(entry, view)


def _render(entry: Entry, view: str) -> str:
    try:
        sections = [section for section in VIEWS[view](RunReader(entry.place.path)) if section is not None]
    except FathomError as error:
        return element("p", str(error), class_="message failed")
    if not sections:
        return element("p", "This run's folder holds nothing to show here.", class_="note")
    return join(section.render() for section in sections)


def render_comparison(entries: Sequence[Entry], language: str = "en") -> str:
    """Return the markup that sets runs side by side.

    Raises:  FathomError if one of them cannot be compared
    """
    comparison = compare_runs([entry.place.path for entry in entries])
    fairness = check_fairness(comparison)
    with speaking(language):
        return join(
            [
                show_findings(fairness.findings, "Is the comparison fair?", fairness.not_checked),
                show_findings(check_runs(comparison), "What came out"),
                show_differences(comparison).render(),
            ]
        )

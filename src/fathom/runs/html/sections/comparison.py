"""The section that sets runs side by side: the settings in which they differ, and their results."""

from __future__ import annotations

from fathom.runs.analysis.comparison import RunComparison
from fathom.runs.html.markup import element, note, table
from fathom.runs.html.page import Section


def show_differences(comparison: RunComparison) -> Section:
    """Write a row a quantity, a column a run."""
    rows = [
        # computed per cell: runs are few
        [row.title, *(element("strong", text) if i in row.best() else text for i, text in enumerate(row.texts()))]
        for row in comparison.rows
    ]
    about = (
        "Settings are listed where the runs differ. Bold is the best value of its row among runs that did not fail. "
        "Choose by validation: whoever chooses by the test set has no unused data left to say how good the choice is."
    )
    return Section("results", "Settings and results", note(about), table(["", *comparison.labels], rows, label="Runs"))

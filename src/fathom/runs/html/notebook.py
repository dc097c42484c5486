"""A run inside a notebook: its report, in a frame in which nothing runs."""

from __future__ import annotations

from pathlib import Path

from fathom.runs.analysis.findings import find_in_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.markup import element
from fathom.runs.html.pages.report import report_page


class ShownRun:
    """What ``show`` returns: the report where HTML is shown, a line elsewhere.

    Attributes:
        height: of the frame, in pixels.
    """

    def __init__(self, run: RunReader, height: int) -> None:
        self.run, self.height = run, height

    def __repr__(self) -> str:
        best = self.run.best()
        told = f", best {best.metric} {best.value:.4g} in epoch {best.epoch:g}" if best else ""
        return f"{self.run.name}: {self.run.model_name} on {self.run.data_name}, {self.run.status}{told}"

    def _repr_html_(self) -> str:
        page = report_page(self.run, find_in_run(self.run), self.run.path).render()
        # sandbox without exceptions: no script, no form, no way to the notebook around it
        return element(
            "iframe", srcdoc=page, sandbox="sandbox", width="100%", height=str(self.height), title=str(self.run.name)
        )


def show(run: str | Path, *, height: int = 640) -> ShownRun:
    """Show a run in a notebook, finished or still running: the report as its folder stands now.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        height: of the frame, in pixels.
    Raises:  FathomError if there is no such run, or a file of it is damaged

    >>> fathom.show("last")  # doctest: +SKIP
    """
    return ShownRun(RunReader(run), height)

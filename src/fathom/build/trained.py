"""A finished run, as who trained it gets it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.build.kinds.places import place_name
from fathom.inference.results import Scores
from fathom.phrases import counted
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.markup import element, join, pairs
from fathom.settings.config import Config


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """A finished run: its folder, its records, its evaluation on the test split (None without one).

    ``comparison`` compares it with training from scratch, if that was requested.
    """

    path: Path
    records: list[dict[str, Any]]
    evaluation: dict[str, Any] | None
    report: Path
    config: Config
    comparison: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "\n".join(f"{name:<8}{value}" for name, value in self._facts())

    def _repr_html_(self) -> str:
        link = element("p", element("a", "report", href=self.report.absolute().as_uri()))
        return str(join([pairs(self._facts()), link]))

    def _facts(self) -> list[tuple[str, str]]:
        best = RunReader(self.path).best()
        what = f"{self.config.model.name} on {place_name(self.config.data.name)}, {counted(len(self.records), 'epoch')}"
        facts = [("run", str(self.path)), ("trained", what)]
        if best is not None:
            facts.append(("best", f"epoch {best.epoch}, {best.metric} {best.value:.4g}"))
        if self.evaluation is not None:
            facts.append(("scores", str(Scores(self.evaluation))))
        return [*facts, ("report", str(self.report))]

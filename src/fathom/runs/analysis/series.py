"""The folder of a series of runs: the plan and the result of every run.

```
runs/20250301-141500-crossval-mlp-digits/
  crossval.json   plan and results
  folds.csv       a row for every run
  crossval.html   all of it as a page
  mlp/fold-1/     the run folders
```

A row of the results names its run's folder, and says how the run ended: "done", or "diverged" with a message. One that
diverged has no metrics, so means and spreads are over the others, and the findings say so.
"""

from __future__ import annotations

import csv
import io
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.findings import Finding
from fathom.phrases import counted
from fathom.runs.folder import schema
from fathom.runs.folder.records import read_json, to_json

DONE, DIVERGED = "done", "diverged"


class SeriesObserver:
    """Notified of the progress of a series; every method does nothing."""

    def plan(self, series: Any) -> None:
        """The plan is final, and no run of this call has started."""

    def start(self, plan: Any) -> Sequence[Any]:
        """A run is about to start; may return further callbacks, as ``on_start`` of ``train``."""
        return ()

    def result(self, series: Any, row: dict[str, Any]) -> None:
        """A run has ended; ``row`` says how."""


class Series(ABC):
    """A series of runs, running or finished; ``plan`` and ``results`` are what its JSON file holds.

    ``read(path)`` of a subclass opens a folder. A subclass names its ``verb``, the ``marker`` file that identifies its
    folders, its ``table`` and its ``page``, and ``run_noun``, what it calls one run.
    """

    verb: ClassVar[str]
    marker: ClassVar[str]
    table: ClassVar[str]
    page: ClassVar[str]
    run_noun: ClassVar[str]

    def __init__(self, path: Path, plan: Mapping[str, Any], results: list[dict[str, Any]] | None = None) -> None:
        self.path = path
        self.plan = dict(plan)
        self.results = results or []  # in the order of their end

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the JSON file.

        Raises:  FathomError if it is missing, damaged or from a newer Fathom
        """
        content = read_json(path / cls.marker)
        schema.check_schema(content, path / cls.marker)
        plan, results = content.get("plan"), content.get("results")
        # else every view would stumble over it
        if not (isinstance(plan, dict) and isinstance(results, list) and cls._is_whole(plan)):
            raise FathomError(f"{path / cls.marker} is damaged: the plan is missing")
        return cls(path, plan, results)

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / self.page

    @property
    def resume_hint(self) -> str:
        """The command that resumes it."""
        return f"fathom {self.verb} --resume {shlex.quote(str(self.path))}"  # quoted: folders may have spaces

    @property
    def trained(self) -> list[dict[str, Any]]:
        """The rows of runs that belong to the series, in the order of their end."""
        return self.results

    @property
    def diverged(self) -> list[dict[str, Any]]:
        """The rows of those that diverged."""
        return [row for row in self.trained if row.get("status") == DIVERGED]

    def find(self, run: str) -> dict[str, Any] | None:
        """Return the row of a run by the name of its folder; None if it has not ended yet."""
        # names are relative to the series' folder
        return next((row for row in self.results if row["run"] == run), None)

    def add(self, row: dict[str, Any]) -> None:
        """Append the row of a run that ended."""
        self.results.append(row)

    def final_status(self) -> dict[str, str | None]:
        """Return status and message of a series whose runs have all ended: it failed if they all diverged."""
        bad, number = len(self.diverged), len(self.trained)
        if not bad:
            return {"status": "done", "message": None}
        if bad == number:  # nothing is left to say of it
            return {"status": "failed", "message": f"{_all(number, self.run_noun)} diverged"}
        return {"status": "done", "message": f"{bad} of {counted(number, self.run_noun)} diverged"}

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Return the findings."""

    def save(self, **fields: object) -> None:
        """Write plan, results and findings as JSON and as a table; ``fields`` are set in the plan first."""
        self.plan |= fields  # as status and message at the end
        content = {"schema": schema.SCHEMA, "plan": self.plan, "results": self.results, **self._summarize()}
        # in the file too: other programs need not compute them
        content["findings"] = [finding.to_dict() for finding in self.findings()]
        write_atomically(self.path / self.marker, to_json(content, indent=2) + "\n")
        text = io.StringIO()
        # rows hold more than the table
        table = csv.DictWriter(text, self._columns(), lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(self.results)
        write_atomically(self.path / self.table, text.getvalue())

    @classmethod
    @abstractmethod
    def _is_whole(cls, plan: Mapping[str, Any]) -> bool:
        """Whether the plan has every field that the class needs."""

    @abstractmethod
    def _summarize(self) -> dict[str, Any]:
        """Return further content of the JSON file."""

    @abstractmethod
    def _columns(self) -> list[str]:
        """Return the columns of the table."""


def _all(number: int, noun: str) -> str:
    # nobody says "all 1 folds"
    return {1: f"the only {noun}", 2: f"both {noun}s"}.get(number, f"all {counted(number, noun)}")

"""Runs an experiment: cells, paired comparisons, verdict; leaves a folder that holds all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.errors import UsageError
from fathom.files import describe_failure, write_atomically
from fathom.lab.cells import CELLS, CellFile, measure_cells
from fathom.lab.experiment import Claim, Conditions
from fathom.lab.registry import claim_files, load_claim
from fathom.lab.results import describe_result
from fathom.lab.settings import choose_settings
from fathom.lab.statistics import LEAST_SEEDS
from fathom.progress import Progress
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.records import to_json
from fathom.version import VERSION

FIRST_SEED = 1000
"""Seeds below were used while the experiments were designed, and serve small measurements: whoever changes a design
after looking looks at those. What is published is measured on seeds from here on: no choice was made by its results.
"""

RESULT, REPORT, FIGURE = "result.json", "report.html", "figure"


@dataclass(frozen=True)
class LabResult:
    """What an experiment gave; ``content`` is that of ``result.json``."""

    path: Path
    content: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """The verdict in words: "holds", "fails", "undecided", "depends on …"."""
        return str(self.content["verdict"]["text"])

    @property
    def comparisons(self) -> list[dict[str, Any]]:
        """The paired comparisons with their intervals."""
        return list(self.content["comparisons"])

    def __repr__(self) -> str:
        return f"LabResult({self.content['name']}: {self.verdict}; {self.path})"


@dataclass(frozen=True)
class Request:
    """What a user asked for; None leaves it to the claim.

    Attributes:
        quick: few seeds and the claim's small settings.
        again: measure anew what an earlier call kept.
        target: the column of a table that is predicted.
    """

    seeds: int | None = None
    quick: bool = False
    settings: Mapping[str, Any] | None = None
    data: str | None = None
    out: str | Path | None = None
    again: bool = False
    target: str | None = None


def run(
    name: str,
    *,
    seeds: int | None = None,
    quick: bool = False,
    settings: Mapping[str, Any] | None = None,
    data: str | None = None,
    target: str | None = None,
    out: str | Path | None = None,
    again: bool = False,
) -> LabResult:
    """Run an experiment of the lab, and return its verdict with all numbers.

    A call that was interrupted goes on where it stopped, and one with more seeds measures the further ones only.

    Args:
        name: a claim's; ``fathom lab`` lists them.
        seeds: how many; that of the published measurement if None.
        quick: a small measurement, in seconds.
        settings: of the claim, such as ``{"width": 128}``.
        data: a data set, table or image folder in place of the claim's own.
        target: the column of a table that is predicted.
        out: the folder to write; one in ``runs/lab`` if None.
        again: measure anew what an earlier call kept.
    Raises:  UsageError for an unknown claim or setting, too few seeds, or data that do not suit
    """
    return run_claim(name, Request(seeds, quick, settings, data, out, again, target))


def run_claim(name: str, request: Request) -> LabResult:
    """Run an experiment as ``run`` does."""
    claim = load_claim(name)
    settings = choose_settings(name, claim, request.settings or {}, quick=request.quick)
    seeds = _choose_seeds(name, claim, request)
    place = _choose_data(name, claim, request)
    folder = Path(request.out) if request.out is not None else _folder_of(name, settings, place, request.target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise describe_failure("make", folder, error) from error
    with lock_run(folder):
        if request.again:
            (folder / CELLS).unlink(missing_ok=True)
        content = _measure(name, claim, Conditions(settings, _load(place, request.target)), seeds, folder)
        content |= {"size": "quick" if request.quick else "full", "data": place, "settings": dict(settings)}
        write_atomically(folder / RESULT, to_json(content, indent=1) + "\n")
        _draw(folder, content)
    return LabResult(folder, content)


def _measure(name: str, claim: Claim, conditions: Conditions, seeds: list[int], folder: Path) -> dict[str, Any]:
    with Progress(name, len(claim.design.arms) * len(seeds) if claim.measure else None) as progress:
        facts = list(claim.facts(conditions)) if claim.facts else []
        cells = {}
        if claim.measure is not None:

            def report(label: str) -> None:
                progress.advance()
                progress.update(facts=label)

            cells = measure_cells(claim, conditions, seeds, CellFile(folder / CELLS), report)
    return describe_result(name, claim, seeds, cells, facts)


def _draw(folder: Path, content: Mapping[str, Any]) -> None:
    from fathom.lab.figures import draw_figure
    from fathom.lab.page import write_page

    for kind in ("svg", "png"):
        write_atomically(folder / f"{FIGURE}.{kind}", draw_figure(content, kind))
    write_page(content, folder / REPORT)


def _choose_seeds(name: str, claim: Claim, request: Request) -> list[int]:
    if claim.measure is None:
        if request.seeds is not None:
            raise UsageError(f"--seeds does not go with {name}: its checks are exact")
        return []
    usual = claim.design.quick_seeds if request.quick else claim.design.seeds
    count = usual if request.seeds is None else request.seeds
    if count < LEAST_SEEDS:
        raise UsageError(f"--seeds {count}: an interval needs at least {LEAST_SEEDS} seeds")
    first = 0 if request.quick else FIRST_SEED
    return list(range(first, first + count))


def _choose_data(name: str, claim: Claim, request: Request) -> str:
    given = request.data
    if given is None and request.target is not None:
        raise UsageError("--target goes with --data: it names a column of your table")
    if given is not None and not claim.takes:
        own = f"is measured on {claim.data}" if claim.data else "makes its own samples"
        raise UsageError(f"--data does not go with {name}, which {own}")
    if given is None:
        return claim.data
    data = _load(given, request.target)
    assert data is not None
    if data.kind not in claim.takes:
        raise UsageError(f"--data {given}: {name} needs {' or '.join(claim.takes)}; these are {data.kind}")
    return given


def _load(place: str, target: str | None) -> Any:
    if not place:
        return None
    from fathom.lab.data import load_data

    return load_data(place, target)


def _folder_of(name: str, settings: Mapping[str, Any], data: str, target: str | None) -> Path:
    """Return the folder of what is measured under these conditions by this code; another number of seeds shares it."""
    code = claim_files()[name].read_bytes()
    where = data if not Path(data).exists() else str(Path(data).resolve())
    key = json.dumps([dict(settings), where, target, VERSION], sort_keys=True).encode()
    return Path("runs/lab") / f"{name}-{hashlib.sha256(key + code).hexdigest()[:8]}"

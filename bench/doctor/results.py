"""What was measured, as a file: kept after each program, so that a stopped run is not lost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from bench.doctor.counts import Overhead
from bench.doctor.runs import Visit
from fathom.files import write_atomically


@dataclass
class Results:
    """All visits by program, the overhead if it was measured, and facts about the run."""

    facts: dict[str, Any]
    visits: dict[str, list[Visit]] = field(default_factory=dict)
    overhead: Overhead | None = None


def write_results(path: Path, results: Results) -> None:
    """Write them as JSON, a visit a line, without what each cost: they ran beside others."""
    visits = [asdict(replace(each, cost=None)) for visits in results.visits.values() for each in visits]
    lines = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in visits)
    overhead = asdict(results.overhead) if results.overhead else None
    head = f'"facts": {json.dumps(results.facts, ensure_ascii=False)},\n "overhead": {json.dumps(overhead)}'
    write_atomically(path, f'{{{head},\n "visits": [\n  {lines}\n ]}}\n')


def read_results(path: Path) -> Results:
    """Read what ``write_results`` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    results = Results(content["facts"], overhead=msgspec.convert(content["overhead"], Overhead | None))
    for visit in msgspec.convert(content["visits"], list[Visit]):
        results.visits.setdefault(visit.program, []).append(visit)
    return results

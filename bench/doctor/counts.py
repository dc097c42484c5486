"""Counts what the doctor found: per code, over healthy programs, and what it cost."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.doctor.programs import Program
from bench.doctor.runs import Cost, Visit

_LOUD = ("error", "warning")


@dataclass
class Tally:
    """Counts over the visits to faulty programs.

    Args:
        programs: how many programs.
        visits: program and seed.
        detected: visits with a finding above a note, or with the planted fault among the notes.
        right: visits with one of the expected codes.
        exact: visits with the planted code itself, the first that is expected.
        marked: visits that are right, to programs that mark a line.
        placed: those of them whose finding names a marked line.
    """

    programs: int = 0
    visits: int = 0
    detected: int = 0
    right: int = 0
    exact: int = 0
    marked: int = 0
    placed: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of another."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Alarms:
    """Counts over the visits to healthy programs."""

    programs: int = 0
    visits: int = 0
    loud: int = 0  # visits with a finding above a note
    noted: int = 0  # visits with a note
    codes: Counter[str] = field(default_factory=Counter)  # of findings above a note, each once a visit


@dataclass(frozen=True)
class Overhead:
    """How much more a script takes under the doctor: medians over paired runs of each.

    Args:
        scripts: by name the ratios of the training's time, of the whole process's, and of the peak of its memory.
    """

    rounds: int
    scripts: dict[str, tuple[float, float, float]]


def is_right(program: Program, visit: Visit) -> bool:
    """Whether one of the expected codes was found."""
    return any(finding["code"] in program.expects for finding in visit.findings)


def is_detected(program: Program, visit: Visit) -> bool:
    """Whether the doctor said anything that a user would act on, or noted the very fault."""
    return is_loud(visit) or is_right(program, visit)


def is_loud(visit: Visit) -> bool:
    """Whether there is a finding above a note."""
    return any(finding["severity"] in _LOUD for finding in visit.findings)


def names_line(program: Program, visit: Visit) -> bool:
    """Whether a finding of an expected code names a marked line of this very file, as in ``train.py:12``."""
    wanted = {f"{program.path.name}:{line}" for line in program.lines}
    return any(
        finding["code"] in program.expects and wanted & set(re.findall(r"[\w.-]+\.py:\d+", finding["place"]))
        for finding in visit.findings
    )


def tally(program: Program, visits: Sequence[Visit]) -> Tally:
    """Count the visits to one faulty program."""
    right = [visit for visit in visits if is_right(program, visit)]
    placed = sum(names_line(program, visit) for visit in right) if program.lines else 0
    return Tally(
        programs=1,
        visits=len(visits),
        detected=sum(is_detected(program, visit) for visit in visits),
        right=len(right),
        exact=sum(any(f["code"] == program.expects[0] for f in visit.findings) for visit in visits),
        marked=len(right) if program.lines else 0,
        placed=placed,
    )


def tally_codes(programs: Iterable[Program], visits: Mapping[str, Sequence[Visit]]) -> dict[str, Tally]:
    """Count per planted code, in alphabetical order."""
    found: dict[str, Tally] = {}
    for program in programs:
        if program.is_faulty and program.name in visits:
            found.setdefault(program.expects[0], Tally()).add(tally(program, visits[program.name]))
    return dict(sorted(found.items()))


def count_alarms(programs: Iterable[Program], visits: Mapping[str, Sequence[Visit]]) -> Alarms:
    """Count what was said about healthy programs."""
    alarms = Alarms()
    for program in programs:
        for number, visit in enumerate(visits.get(program.name, ())):
            alarms.programs += number == 0
            alarms.visits += 1
            alarms.loud += is_loud(visit)
            alarms.noted += any(finding["severity"] == "note" for finding in visit.findings)
            alarms.codes.update({f["code"] for f in visit.findings if f["severity"] in _LOUD})
    return alarms


def compare_costs(pairs: Mapping[str, Sequence[tuple[Cost, Cost]]]) -> Overhead | None:
    """Return the overhead from (without, with) pairs of each script; None without any."""
    if not pairs:
        return None

    def ratio(each: Sequence[tuple[Cost, Cost]], name: str) -> float:
        return statistics.median(getattr(with_it, name) / getattr(without, name) for without, with_it in each)

    found = {
        script: (ratio(each, "loop_s"), ratio(each, "wall_s"), ratio(each, "peak_mib"))
        for script, each in pairs.items()
    }
    return Overhead(max(len(each) for each in pairs.values()), found)

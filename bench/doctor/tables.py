"""The measurements as Markdown, for docs/doctor/README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.doctor.counts import Alarms, Overhead, Tally, count_alarms, tally_codes
from bench.doctor.programs import HELD, Program
from bench.doctor.results import Results
from bench.doctor.runs import Visit

# Published figures, on other programs than these: Keras and TensorFlow 1, but for TrainCheck's and half of Theia's.
_PEERS = (
    ("DEFault, 52 real programs", "94 %", "63 %", ""),
    ("DeepFD, its sheet of 52", "90 % (47)", "52 % (27)", ""),
    ("UMLAUT, the same 52", "96 % (50)", "27 % (14)", "alarms on healthy programs too"),
    ("DeepLocalize, the same 52", "69 % (36)", "13 % (7)", ""),
    ("AutoTrainer, the same 52", "23 % (12)", "19 % (10)", ""),
    ("DeepDiagnosis, 52 judged", "88 % (46)", "54 % (28, with a cure)", "place named for 34"),
    ("NeuraLint, 62 programs, without running them", "71 %", "", "precision 100 %"),
    ("Theia, 75 faults in 40 posts", "76 % (57)", "", ""),
    ("TrainCheck, 20 silent errors in PyTorch", "90 % (18)", "", "alarms on 1.5–3.9 % of correct programs"),
    ("independent re-test of four tools (Humbatova 2025)", "recall 55 %", "", "precision 37 %"),
)


def make_section(programs: Sequence[Program], results: Results) -> str:
    """Return everything between the markers: how it was measured, totals, codes, alarms, cost, peers."""
    visits = results.visits
    faulty = [program for program in programs if program.is_faulty]
    healthy = [program for program in programs if not program.is_faulty]
    codes = tally_codes(faulty, visits)
    total = Tally()
    for counts in codes.values():
        total.add(counts)
    alarms = count_alarms(healthy, visits)
    parts = [_describe(results.facts), _codes_table(codes, total, alarms), _alarms_table(healthy, visits)]
    parts += [_alarm_codes(alarms), _failures(visits)]
    if results.facts["half"] != HELD:  # once on the page
        parts += [_cost(results.overhead), _peers_table(total)]
    return "\n\n".join(part for part in parts if part)


def _describe(facts: Mapping[str, object]) -> str:
    halves = {
        "report": "the half of the programs that was not used to set thresholds; which kinds it missed was known when "
        "checks were added",
        "calibration": "the half of the programs on which thresholds were set",
        "all": "all programs, those included on which thresholds were set",
        HELD: "programs held back, written without a look at the checks; no more than counts by code was known "
        "of them when checks were mended",
    }
    option = f" --half {HELD}" if facts["half"] == HELD else ""
    seeds = facts["seeds"]
    shown = "one seed" if seeds == 1 else f"{seeds} seeds"
    return (
        f"Measured on {halves[str(facts['half'])]}, {shown} each, on {facts['date']} with PyTorch {facts['torch']}: "
        f"`python -m bench.doctor{option}`. *Detected*: a finding above a note, or the fault itself as a note. "
        "*Right code*: one of those that fit the fault is among the findings. *Line*: of the right ones, how often the "
        "place is a line that holds the fault. *Alarms*: runs of healthy programs with that code above a note."
    )


def _codes_table(codes: Mapping[str, Tally], total: Tally, alarms: Alarms) -> str:
    rows = [["planted fault", "programs", "detected", "right code", "line", "alarms"]]
    rows += [_row(f"`{code}`", counts, alarms.codes[code]) for code, counts in codes.items()]
    others = sum(count for code, count in alarms.codes.items() if code not in codes)
    if others:
        rows.append(["other codes", "", "", "", "", str(others)])
    rows.append(_row("**all**", total, alarms.loud))
    return _table(rows)


def _row(name: str, counts: Tally, alarms: int) -> list[str]:
    return [
        name,
        str(counts.programs),
        _share(counts.detected, counts.visits),
        _share(counts.right, counts.visits),
        _share(counts.placed, counts.marked),
        str(alarms),
    ]


def _alarms_table(healthy: Sequence[Program], visits: Mapping[str, Sequence[Visit]]) -> str:
    rows = [["healthy programs", "programs", "with a finding above a note", "with a note"]]
    kinds = (("that look odd", False), ("twins of faulty ones, mended", True))
    for name, is_twin in kinds:
        alarms = count_alarms([program for program in healthy if program.is_twin is is_twin], visits)
        loud, noted = _share(alarms.loud, alarms.visits), _share(alarms.noted, alarms.visits)
        rows.append([name, str(alarms.programs), loud, noted])
    return _table(rows)


def _alarm_codes(alarms: Alarms) -> str:
    if not alarms.codes:
        return ""
    named = ", ".join(f"`{code}` ({count})" for code, count in alarms.codes.most_common())
    return f"Findings above a note on healthy programs, by code: {named}."


def _failures(visits: Mapping[str, Sequence[Visit]]) -> str:
    failed = [visit for each in visits.values() for visit in each if visit.failure]
    return f"No answer from the doctor in {len(failed)} runs; they count as undetected." if failed else ""


def _cost(overhead: Overhead | None) -> str:
    if overhead is None:
        return ""
    rows = [["cost of watching a script", "its training", "the whole process", "peak memory"]]
    rows += [[name, *(f"× {ratio:.2f}" for ratio in ratios)] for name, ratios in overhead.scripts.items()]
    what = (
        f"Medians of {overhead.rounds} paired runs, `python SCRIPT` beside `fathom doctor SCRIPT`, on one core; the "
        "whole process holds the start of Python and of PyTorch: `python -m bench.doctor --costs`."
    )
    return f"{_table(rows)}\n\n{what}"


def _peers_table(total: Tally) -> str:
    rows = [["published by others, on other programs", "detected", "right cause", "remarks"]]
    rows += [list(peer) for peer in _PEERS]
    ours = [f"**Fathom**, {total.programs} programs", _share(total.detected, total.visits)]
    rows.append([*ours, _share(total.right, total.visits), "above"])
    return _table(rows)


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.0f} %" if of else "–"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])

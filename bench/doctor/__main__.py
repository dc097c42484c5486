"""The command: ``python -m bench.doctor``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.doctor.counts import Overhead, compare_costs, is_loud, is_right
from bench.doctor.programs import HALVES, PROGRAMS, Program, choose_few, read_programs
from bench.doctor.runs import Cost, Visit, default_command, run, visit
from bench.doctor.tables import make_section
from bench.machine import describe_machine, installed_version
from bench.publish import update_sections
from bench.settings import ROOT

_OUT = ROOT / "docs" / "doctor"
_SECTION = "doctor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the doctor over the programs; write ``results.json`` and the table."""
    args = _parse(arguments)
    programs = read_programs(args.half, args.programs)
    if args.quick:
        programs = choose_few(programs)
    out = args.out or (Path(tempfile.mkdtemp(prefix="bench-doctor-")) if args.quick else _OUT)
    seeds = args.seeds or (1 if args.quick else 5)
    command = tuple(shlex.split(args.command)) if args.command else default_command()
    visits = visit_all(programs, range(seeds), command, args.jobs)
    overhead = measure_overhead(programs, args.overhead, args.rounds, command)
    facts = {
        "half": args.half,
        "seeds": seeds,
        "date": datetime.now(UTC).date().isoformat(),
        "torch": installed_version("torch"),
        "machine": describe_machine(threads=1),
        "command": " ".join(command[1:]) if not args.command else args.command,
    }
    for path in publish(programs, visits, overhead, facts, out):
        print(path)
    return 0


def visit_all(
    programs: Sequence[Program], seeds: Sequence[int], command: Sequence[str], jobs: int
) -> dict[str, list[Visit]]:
    """Visit each program with each seed, ``jobs`` at a time; a line for each program as it is done."""
    visits: dict[str, list[Visit]] = {}
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {p.name: [pool.submit(visit, p, seed, command) for seed in seeds] for p in programs}
        for program in programs:
            visits[program.name] = [future.result() for future in waiting[program.name]]
            print(f"{program.name}: {_remark(program, visits[program.name])}", file=sys.stderr, flush=True)
    return visits


def _remark(program: Program, visits: Sequence[Visit]) -> str:
    failed = [each.failure for each in visits if each.failure]
    if failed:
        return f"no answer ({failed[0]})"
    if program.is_faulty:
        return f"right code {sum(is_right(program, each) for each in visits)}/{len(visits)}"
    return f"alarms {sum(map(is_loud, visits))}/{len(visits)}"


def measure_overhead(programs: Sequence[Program], number: int, rounds: int, command: Sequence[str]) -> Overhead | None:
    """Time healthy programs without and with the doctor in turns, one process at a time."""
    healthy = [program for program in programs if not program.is_faulty and not program.exit_code]
    chosen = healthy[:: max(1, len(healthy) // number)][:number] if number else []
    pairs: dict[str, list[tuple[Cost, Cost]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-doctor-") as folder:
        for program in chosen:
            for seed in range(rounds + 1):  # the first pair only warms the disk
                plain = run([sys.executable, str(program.path)], seed, Path(folder))
                watched = visit(program, seed, command)
                if seed and watched.cost is not None and not watched.failure:
                    pairs.setdefault(program.name, []).append((plain, watched.cost))
            print(f"overhead: {program.name}", file=sys.stderr, flush=True)
    return compare_costs(pairs)


def publish(
    programs: Sequence[Program],
    visits: Mapping[str, Sequence[Visit]],
    overhead: Overhead | None,
    facts: Mapping[str, object],
    out: Path,
) -> list[Path]:
    """Write ``results.json`` and the table into the page's section, or a page of its own where there is none.

    Returns: the files written
    """
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "facts": dict(facts),
        "overhead": asdict(overhead) if overhead else None,
        "visits": [asdict(each) for program in programs for each in visits[program.name]],
    }
    results = out / "results.json"
    results.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    section = make_section(programs, visits, overhead, facts)
    page = out / "README.md"
    if not page.exists():
        page.write_text(f"<!-- bench:{_SECTION}:start -->\n<!-- bench:{_SECTION}:end -->\n", encoding="utf-8")
    update_sections(page, {_SECTION: section})
    return [results, page]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.doctor", description="Recall and false alarms of fathom doctor on planted faults."
    )
    parser.add_argument("--half", choices=(*HALVES, "all"), default="report", help="which programs (default: report)")
    parser.add_argument("--quick", action="store_true", help="one seed, few programs; writes to a temporary folder")
    parser.add_argument("--seeds", type=int, help="of each program (default: 5; 1 with --quick)")
    parser.add_argument("--jobs", type=int, default=1, help="programs at a time (default: 1)")
    parser.add_argument("--overhead", type=int, default=0, metavar="N", help="time N healthy programs with and without")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs for --overhead (default: 5)")
    parser.add_argument("--command", help="the doctor, followed by --json FILE PROGRAM (default: fathom doctor)")
    parser.add_argument("--programs", type=Path, default=PROGRAMS, help="the folder of programs")
    parser.add_argument("--out", type=Path, help="where results go (default: docs/doctor)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""The command: ``python -m bench.doctor``."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

from bench.doctor.counts import Overhead, compare_costs, is_loud, is_right
from bench.doctor.forks import Server
from bench.doctor.programs import HALVES, HELD, PROGRAMS, Program, choose_few, read_programs
from bench.doctor.results import Results, read_results, write_results
from bench.doctor.runs import Cost, Visit, default_command, run, visit
from bench.doctor.tables import make_section
from bench.machine import describe_machine, installed_version
from bench.publish import update_sections
from bench.settings import ROOT

_OUT = ROOT / "docs" / "doctor"
_SCRIPTS = Path(__file__).with_name("scripts")
_SECTION = "doctor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the doctor over the programs; write ``results.json`` and the table."""
    args = _parse(arguments)
    out = args.out or (Path(tempfile.mkdtemp(prefix="bench-doctor-")) if args.quick else _OUT)
    held = args.half == HELD
    name = f"{_SECTION}-{HELD}" if held else _SECTION
    start, end = f"<!-- bench:{name}:start -->", f"<!-- bench:{name}:end -->"
    page, stored = out / "README.md", out / ("held.json" if held else "results.json")
    out.mkdir(parents=True, exist_ok=True)
    if not page.exists():  # a page with nothing but the table
        page.write_text(f"{start}\n{end}\n", encoding="utf-8")
    elif start not in page.read_text(encoding="utf-8"):  # better now than after hours of measuring
        print(f"bench.doctor: no place for the table in {page}: add lines {start} and {end}", file=sys.stderr)
        return 2
    programs = read_programs(HELD if held else "all", args.programs.resolve())
    if args.costs:
        results = _measure_costs(args, stored)
    else:
        results = read_results(stored) if args.render else _measure(args, programs, stored)
    section = make_section([program for program in programs if program.name in results.visits], results)
    update_sections(page, {name: section})
    print(stored, page, sep="\n")
    return 0


def _measure(args: argparse.Namespace, programs: list[Program], stored: Path) -> Results:
    chosen = [program for program in programs if args.half in ("all", program.half)]
    if args.quick:
        chosen = choose_few(chosen)
    seeds = args.seeds or (1 if args.quick else 5)
    command = tuple(shlex.split(args.command or ""))
    before = read_results(stored).overhead if stored.exists() else None  # of --costs
    results = Results(
        overhead=before,
        facts={
            "half": args.half,
            "seeds": seeds,
            "date": datetime.now(UTC).date().isoformat(),
            "torch": installed_version("torch"),
            "machine": describe_machine(threads=1),
            "command": args.command or "fathom doctor",
        },
    )
    for program, visits in visit_all(chosen, range(seeds), command, args.jobs):
        results.visits[program.name] = visits
        write_results(stored, results)
    return results


def _measure_costs(args: argparse.Namespace, stored: Path) -> Results:
    """Measure time and memory alone; what was found before stays as it is."""
    results = (
        read_results(stored) if stored.exists() else Results({"half": "report", "seeds": 0, "date": "", "torch": ""})
    )
    results.overhead = measure_overhead(args.rounds, default_command())
    write_results(stored, results)
    return results


def visit_all(
    programs: Sequence[Program], seeds: Sequence[int], command: Sequence[str], jobs: int
) -> Iterator[tuple[Program, list[Visit]]]:
    """Visit each program with each seed, ``jobs`` at a time; a line for each program as it is done.

    Args:
        command: the doctor as a command; empty for its runner, in forks of one process that has loaded PyTorch.
    """
    with contextlib.ExitStack() as held, ThreadPoolExecutor(jobs) as pool:
        servers: SimpleQueue[Server] = SimpleQueue()
        for _ in range(0 if command else jobs):
            servers.put(server := Server())
            held.callback(server.close)

        def look(program: Program, seed: int) -> Visit:
            if command:
                return visit(program, seed, command)
            server = servers.get()
            try:
                return server.visit(program, seed)
            finally:
                servers.put(server)

        waiting = {p.name: [pool.submit(look, p, seed) for seed in seeds] for p in programs}
        for program in programs:
            visits = [future.result() for future in waiting[program.name]]
            print(f"{program.name}: {_remark(program, visits)}", file=sys.stderr, flush=True)
            yield program, visits


def _remark(program: Program, visits: Sequence[Visit]) -> str:
    failed = [each.failure for each in visits if each.failure]
    if failed:
        return f"no answer ({failed[0]})"
    found = ", ".join(sorted({finding["code"] for each in visits for finding in each.findings})) or "nothing"
    count = sum(is_right(program, each) if program.is_faulty else is_loud(each) for each in visits)
    return f"{'right code' if program.is_faulty else 'alarms'} {count}/{len(visits)} ({found})"


def measure_overhead(rounds: int, command: Sequence[str], scripts: Path = _SCRIPTS) -> Overhead | None:
    """Time scripts without and with the doctor in turns, one process at a time."""
    pairs: dict[str, list[tuple[Cost, Cost]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-doctor-") as folder:
        for path in sorted(path for path in scripts.glob("*.py") if path.name != "loop.py"):
            name = path.stem.replace("_", " ")
            for _ in range(rounds):
                plain = run([sys.executable, str(path)], 0, Path(folder))
                watched = run([*command, "--json", str(Path(folder) / "findings.json"), str(path)], 0, Path(folder))
                pairs.setdefault(name, []).append((plain, watched))
            print(f"cost: {name}", file=sys.stderr, flush=True)
    return compare_costs(pairs)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.doctor", description="Recall and false alarms of fathom doctor on planted faults."
    )
    parser.add_argument(
        "--half", choices=(*HALVES, HELD, "all"), default="report", help="which programs (default: report)"
    )
    parser.add_argument("--quick", action="store_true", help="one seed, few programs; writes to a temporary folder")
    parser.add_argument("--seeds", type=int, help="of each program (default: 5; 1 with --quick)")
    parser.add_argument("--jobs", type=int, default=1, help="programs at a time (default: 1)")
    parser.add_argument("--costs", action="store_true", help="only time and memory, with and without: five minutes")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs for --costs (default: 5)")
    parser.add_argument("--command", help="the doctor, followed by --json FILE PROGRAM (default: fathom doctor)")
    parser.add_argument("--programs", type=Path, default=PROGRAMS, help="the folder of programs")
    parser.add_argument("--render", action="store_true", help="measure nothing; remake the table from results.json")
    parser.add_argument("--out", type=Path, help="where results go (default: docs/doctor)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

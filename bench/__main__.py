"""The command: ``python -m bench``."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.files import invent_images, unpack_images
from bench.harness import say
from bench.machine import available_cores, describe_machine, describe_versions
from bench.problems import QUICK_IMAGES
from bench.publish import publish
from bench.results import Suite, add_to, read_results, write_results
from bench.settings import ROOT, Settings
from fathom.errors import FathomError

SUITES = ("epoch", "step", "startup", "accuracy", "memory", "choices", "table", "scratch", "export", "folder", "doctor")
_OUT = ROOT / "docs" / "benchmarks"


def main() -> int:
    """Measure what was asked for and write results, tables and images."""
    args = _parse()
    try:
        written = _run(args)
    except FathomError as error:  # the data set cannot be had
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    for path in written:
        print(path)
    return 0


def _run(args: argparse.Namespace) -> list[Path]:
    out = args.out or (Path(tempfile.mkdtemp(prefix="bench-")) if args.quick else _OUT)
    results = read_results(out / "results.json")
    if not args.render:
        with tempfile.TemporaryDirectory(prefix="bench-work-") as folder:
            settings = Settings(
                folder=Path(folder),
                rounds=args.rounds or (2 if args.quick else 5),
                threads=args.threads,
                quick=args.quick,
                peers=args.peers,
                long=args.long,
                compile=args.compile,
                contenders=args.contenders,
                networks=args.networks,
                seeds=args.seeds,
            )
            _prepare(settings, args.only)
            for name in args.only:
                measured = _measure(name, settings)
                results[name] = add_to(results[name], measured) if args.add and name in results else measured
                write_results(out / "results.json", results)
    return publish(results, out, update_readme=out == _OUT and not args.quick)


def _prepare(settings: Settings, suites: list[str]) -> None:
    if set(suites) <= {"step", "startup", "table", "scratch", "export", "folder"}:
        return
    if settings.quick:
        invent_images(settings.folder / "data", QUICK_IMAGES)
    else:
        unpack_images(settings.folder / "data")


def _measure(name: str, settings: Settings) -> Suite:
    machine = describe_machine(settings.threads)
    if machine["load_before"] > 0.5 and not settings.quick:
        say(f"the machine is busy (load {machine['load_before']}): these times will not be worth keeping")
    described = {"rounds": settings.rounds, "quick": settings.quick, "peers": settings.peers, "long": settings.long}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    suite = Suite(name, date, machine, describe_versions(), described)
    began = time.monotonic()
    importlib.import_module(f"bench.suites.{name}").run(settings, suite)
    return replace(suite, settings=suite.settings | {"took_s": round(time.monotonic() - began)})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Fathom beside loops written by hand and peers."
    )
    parser.add_argument("--only", type=_suites, default=[*SUITES], metavar="SUITE,…", help=", ".join(SUITES))
    parser.add_argument("--rounds", type=int, help="turns of each contender (default: 5; 2 with --quick)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run? Writes to a temporary folder")
    parser.add_argument("--peers", action="store_true", help="other libraries too, those that are installed")
    parser.add_argument(
        "--long", action="store_true", help="accuracy: long recipes and ResNet-18; choices: large networks"
    )
    parser.add_argument("--compile", action="store_true", help="choices: compiled networks too")
    parser.add_argument("--seeds", type=int, help="accuracy: seeds (default: 3, recipes 5)")
    parser.add_argument("--threads", type=int, default=available_cores(), help="of every process (default: all cores)")
    parser.add_argument("--contenders", type=_names, default=(), metavar="NAME,…", help="only these, and the baseline")
    parser.add_argument("--networks", type=_names, default=(), metavar="NAME,…", help="epoch, choices: only these")
    parser.add_argument("--add", action="store_true", help="keep stored results that are not measured now")
    parser.add_argument("--out", type=Path, help="where results go (default: docs/benchmarks)")
    parser.add_argument("--render", action="store_true", help="measure nothing; remake tables and figures")
    args = parser.parse_args()
    if args.out is not None:
        args.out = args.out.resolve()
    return args


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _suites(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SUITES:
            raise argparse.ArgumentTypeError(f"no suite {name!r}; there are {', '.join(SUITES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())

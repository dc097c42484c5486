"""``fathom lab``: claims of the notes as experiments, and their verdicts."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fathom.cli.columns import print_table
from fathom.cli.signals import resume_hint
from fathom.cli.values import read_count
from fathom.errors import UsageError

if TYPE_CHECKING:
    from fathom.lab.running import LabResult, Request

_OPTIONS = ("seeds", "quick", "full", "data", "target", "set", "out", "again", "publish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="a claim, or all; without it: the table of verdicts")
    parser.add_argument("--seeds", type=read_count, metavar="N", help="how many, 5 or more (default: as published)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a small measurement, in seconds")
    size.add_argument("--full", action="store_true", help="as published (the default)")
    parser.add_argument("--data", metavar="PLACE", help="your own table or image folder, or a data set by name")
    parser.add_argument("--target", metavar="COLUMN", help="of a table: the column with the class")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting of the claim"
    )
    parser.add_argument("--again", action="store_true", help="measure anew what an earlier call kept")
    parser.add_argument("--publish", action="store_true", help="write the result as the published one")
    parser.add_argument("--out", metavar="DIR", help="folder for the result (default: one in runs/lab)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def run(args: argparse.Namespace) -> int:
    """Show the table, or run one experiment, or all."""
    if args.name is None:
        given = [option for option in _OPTIONS if getattr(args, option)]
        if given:
            raise UsageError(f"--{given[0]} goes with a name: fathom lab NAME, or fathom lab all")
        _show_table(args.json)
        return 0
    if args.publish and (args.quick or args.data or args.set or args.seeds):
        raise UsageError("--publish goes with the claim's own design: remove --quick, --data, --set and --seeds")
    from fathom.lab.running import Request

    request = Request(args.seeds, args.quick, _read_settings(args.set), args.data, args.out, args.again, args.target)
    if args.name == "all":
        return _run_all(args, request)
    result = _run_one(args.name, request, args.command, publishes=args.publish)
    if args.json:
        _print_json(result.content)
    else:
        _show_result(result)
    return 0


def _run_one(name: str, request: Request, command: list[str], *, publishes: bool) -> LabResult:
    from fathom.lab.published import publish
    from fathom.lab.running import run_claim

    try:
        result = run_claim(name, request)
    except KeyboardInterrupt as stop:
        raise resume_hint(stop, shlex.join(command)) from None  # what was measured is kept
    if publishes:
        publish(result.content)
    return result


def _run_all(args: argparse.Namespace, request: Request) -> int:
    """Run every claim; say which verdict differs from the published one."""
    from fathom.lab.published import changed_verdict
    from fathom.lab.registry import claim_files

    if request.data or request.settings or request.out or request.seeds:
        raise UsageError("--seeds, --data, --set and --out go with one claim, not with all")
    changes, contents = [], []
    for name in claim_files():
        before = None if args.publish else changed_verdict
        content = _run_one(name, request, args.command, publishes=args.publish).content
        contents.append(content)
        if not args.json:
            print(f"{name}: {content['verdict']['text']}", flush=True)
        if before and (change := before(content)):
            changes.append(change)
    if args.json:
        _print_json(contents)
    elif changes:
        print("\nOther verdicts than published:\n" + "\n".join(f"  {change}" for change in changes))
    return 0


def _read_settings(assignments: list[str]) -> dict[str, Any]:
    from fathom.settings.settings import read_value

    settings = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UsageError(f"--set {assignment!r}: expected name=value, for example width=64")
        settings[name.strip()] = read_value(assignment, text)
    return settings


def _show_table(as_json: bool) -> None:
    from fathom.lab.published import all_published, survivors
    from fathom.lab.registry import claim_files
    from fathom.lab.wording import headline
    from fathom.runs.analysis.numbers import duration

    contents = all_published()
    if as_json:
        _print_json(contents)
        return
    rows = [
        (
            content["name"],
            content["place"],
            content["verdict"]["text"],
            headline(content),
            str(len(content["seeds"])) if content["seeds"] else "exact",
            duration(content["elapsed_s"]) if content["seeds"] else "",
        )
        for content in contents
    ]
    print_table(("claim", "notes", "verdict", "effect (95 % interval)", "seeds", "time"), rows, right=(4, 5))
    unpublished = sorted(set(claim_files()) - {content["name"] for content in contents})
    if unpublished:
        print(f"\nnot published yet: {', '.join(unpublished)}")
    kept, decided = survivors(contents)
    print(f"\n{kept} of {decided} comparisons still hold when all are corrected together (Holm, 5 %).")
    print("Run one:   fathom lab NAME --quick")


def _show_result(result: LabResult) -> None:
    from fathom.lab.published import changed_verdict
    from fathom.lab.running import REPORT
    from fathom.lab.wording import found_text, margin_text

    content = result.content
    print(f"{content['title']}\n{content['statement']} ({content['place']})\n")
    if content["comparisons"]:
        rows = [
            (
                comparison["title"] + ("" if comparison["is_judged"] else " (context)"),
                comparison["text"],
                margin_text(comparison),
                comparison["expected"],
                found_text(comparison),
            )
            for comparison in content["comparisons"]
        ]
        print_table(("difference", "effect (95 % interval)", "margin", "claimed", "found"), rows, right=(1, 2))
        print()
    for fact in content["facts"]:
        print(
            f"{'yes' if fact['holds'] else 'NO '}  {fact['title']}" + (f": {fact['detail']}" if fact["detail"] else "")
        )
    for arm in content["arms"].values():
        if arm["diverged"]:
            print(f"{arm['label']}: diverged in {arm['diverged']} of {len(arm['seeds'])} seeds ({arm['reason']})")
    print(f"{'' if not content['facts'] else chr(10)}verdict: {result.verdict}\n")
    print("\n".join(content["sentences"]))
    if change := changed_verdict(content):
        print(f"\nother verdict than published: {change}")
    print(f"\nreport: {result.path / REPORT}")


def _print_json(content: Mapping[str, Any] | list[Any]) -> None:
    from fathom.runs.folder.records import to_json

    print(to_json(content, indent=1))

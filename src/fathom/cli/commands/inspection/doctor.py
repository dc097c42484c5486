"""``fathom doctor``: what is wrong with a training: a script of one's own, a run, or one that is yet to begin."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.cli.arguments import add_runs_folder, find_run
from fathom.cli.options import add_settings, default_other_options, given_options
from fathom.cli.values import read_count, read_positive
from fathom.errors import UsageError

if TYPE_CHECKING:
    from fathom.findings import Findings

_EXAMPLES = """\
examples:
  fathom doctor train.py --lr 0.1         run a training script of your own, unchanged, and say what is wrong
  fathom doctor train.py --time-limit 60  its first minute; behind -- every argument is the script's own
  fathom doctor last                      what the newest run shows, finished or still running
  fathom doctor last --fix                train it again with the cures that are settings; show what that gains
  fathom doctor --data digits lenet       before training: the data, and one batch in the network
  fathom doctor --explain lr.too_high     all there is to know of a finding

exit code: 1 if a finding is an error, else that of the script
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.usage = "fathom doctor SCRIPT.py|RUN|--data DATA [MODEL] [options]"
    parser.add_argument(
        "subject", metavar="SCRIPT.py|RUN|MODEL", nargs="?", help="a training script in PyTorch, a run, or a network"
    )
    # REMAINDER: what is behind the script is its own, but for the options of _add_limits
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="arguments of the script")
    _add_limits(parser)
    parser.add_argument("--env", action="store_true", help="for bug reports: versions, devices, arithmetic; no names")
    parser.add_argument("--all", action="store_true", help="also list the checks that could not run, and why")
    parser.add_argument("--fix", action="store_true", help="of a run: train again with the cures that are settings")
    parser.add_argument("--explain", metavar="CODE", help="print the page on a finding, such as lr.too_high")
    add_runs_folder(parser)
    add_settings(parser, leave_out=("model", "--doctor"))  # of a training that is yet to begin
    default_other_options(parser)
    parser.set_defaults(parser=parser)  # run() parses once more, see there


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """Declare the options that are understood behind the script too, up to a ``--``: people put them there."""
    parser.add_argument("--json", metavar="FILE", help="also write findings, and what was not checked, as JSON")
    parser.add_argument(
        "--epochs-limit", type=read_count, metavar="N", help="end the script after N epochs of its loader"
    )
    parser.add_argument("--time-limit", type=read_positive, metavar="SECONDS", help="end the script after so long")


def _take_limits(args: argparse.Namespace) -> None:
    """Move the doctor's options among the script's arguments to where they belong."""
    typed = args.command
    if typed[typed.index(args.subject) + 1 :][:1] == ["--"]:  # which argparse has taken away already
        return
    at = args.arguments.index("--") if "--" in args.arguments else len(args.arguments)
    parser = type(args.parser)(prog="fathom doctor", add_help=False, allow_abbrev=False)  # whose errors are one line
    _add_limits(parser)
    _, rest = parser.parse_known_args(args.arguments[:at], args)
    args.arguments = [*rest, *args.arguments[at + 1 :]]


def run(args: argparse.Namespace) -> int:
    """Observe or read, print what was found; 1 if there is an error among it."""
    from fathom.outputs import check_output

    if args.explain is not None:
        return _explain(args.explain)
    if _is_yet_to_begin(args):
        return _examine_before(args)
    if args.env or args.subject is None:
        return _print_environment(args)
    if args.subject.endswith(".py"):  # a run's folder does not end in .py
        _take_limits(args)
    if args.json is not None:
        check_output(args.json, "--json")  # before anything runs
    if args.subject.endswith(".py"):
        return _run_script(args)
    if args.arguments:  # of a script they are its own; after a run options of the doctor may stand
        args = args.parser.parse_args([*args.arguments, args.subject], args)
    if args.arguments or args.epochs_limit or args.time_limit:
        raise UsageError(
            f"{args.subject} is taken for a run: arguments and limits go with a script, whose name ends in .py"
        )
    if given := given_options(args):
        raise UsageError(f"{given[0]} goes with --data, before a training; {args.subject} is taken for a run")
    from fathom.doctor.run_folder import examine_run, headline

    path = find_run(args.subject, args.runs)
    print(headline(path))
    findings = examine_run(path)
    _print(findings, show_all=args.all)
    if args.fix:
        return _fix(path, findings, args.json)
    return _finish(findings, {}, args.json, 0)


def _explain(code: str) -> int:
    from fathom.doctor.catalog import CATALOG
    from fathom.doctor.make_pages import page_of
    from fathom.errors import unknown

    if code not in CATALOG:
        raise unknown("finding", code, CATALOG)
    print(page_of(CATALOG[code]), end="")
    return 0


def _is_yet_to_begin(args: argparse.Namespace) -> bool:
    """Whether data are named, as for ``fathom train``; behind a script that option is the script's own."""
    if args.subject is not None and args.subject.endswith(".py"):
        return False
    names = ("--data", "--recipe", "--config")
    return any(text.partition("=")[0] in names for text in args.command[args.command.index("doctor") + 1 :])


def _examine_before(args: argparse.Namespace) -> int:
    """Parse as ``fathom train`` would; check data, network and one batch."""
    from fathom.build.configure import configure
    from fathom.cli.options import chosen_settings
    from fathom.cli.places import add_data_place, sort_places

    parser = type(args.parser)(prog="fathom doctor", description="before a training: the options of `fathom train`")
    add_settings(parser, leave_out=("--doctor",))
    add_data_place(parser)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--all", action="store_true")
    default_other_options(parser)
    args = parser.parse_args(args.command[args.command.index("doctor") + 1 :])
    sort_places(args)
    config = configure(chosen_settings(args))
    from fathom.cli.progress import show_reading
    from fathom.doctor.before import examine_before
    from fathom.outputs import check_output

    if args.json is not None:
        check_output(args.json, "--json")
    plan, findings = examine_before(config, on_read=show_reading())
    print(f"doctor   {plan.config.model.name} on {plan.data.name}: data, and one batch in the network")
    _print(findings, show_all=args.all)
    return _finish(findings, {"model": plan.config.model.name, "data": plan.data.name}, args.json, 0)


def _fix(path: Path, findings: Findings, json: str | None) -> int:
    """Train again with the cures that are settings, and print what they gained."""
    from fathom.cli.progress import show_progress
    from fathom.doctor.fix import describe_plan, describe_result, plan_fix, retrain
    from fathom.runs.folder.records import to_json

    fix = plan_fix(path, findings)
    print()
    for line in describe_plan(fix):
        print(line)
    if not fix.settings:
        return _finish(findings, {"fix": None}, json, 0)
    print()
    result = retrain(path, fix, on_start=show_progress)
    print()
    for line in describe_result(result):
        print(line)
    if json is not None:
        from fathom.outputs import write_output

        write_output(json, to_json({"schema": 1} | findings.to_dict() | {"fix": result.to_dict()}, indent=1) + "\n")
    return 0


def _print_environment(args: argparse.Namespace) -> int:
    if not args.env or args.subject is not None:
        raise UsageError("name a script or a run, or give --env alone")
    from fathom.cli.columns import lay_out
    from fathom.doctor.environment import describe_environment

    print("\n".join(lay_out(describe_environment(), right=())))
    return 0


def _run_script(args: argparse.Namespace) -> int:
    from fathom.doctor.script import observe_script

    report = observe_script(args.subject, args.arguments, epochs_limit=args.epochs_limit, time_limit_s=args.time_limit)
    facts, code = report.facts, report.exit_code
    if not facts:
        # negative: the number of the signal, as subprocess has it
        end = f"was ended by signal {-code}" if code < 0 else f"ended by itself with exit code {code}"
        print(f"fathom: {args.subject} {end} before anything could be reported", file=sys.stderr)
        return 128 - code if code < 0 else code or 1  # as a shell would report it; never 0
    print()
    for line in _headline(args.subject, facts, code):
        print(line)
    _print(report.findings, show_all=args.all)
    extra = {
        "script": args.subject,
        "exit_code": code,
        "steps": facts["steps"],
        "stopped_early": facts["stopped_early"],
    }
    return _finish(report.findings, extra, args.json, code)


def _headline(script: str, facts: dict[str, Any], code: int) -> list[str]:
    from fathom.phrases import counted

    lines = [f"doctor   {script}: {counted(facts['steps'], 'step')} in {facts['elapsed_s']:.1f} s, exit code {code}"]
    if facts["stopped_early"]:
        # by one of the limits
        lines.append(f"{'':<9}stopped by {facts['stopped_early']}: what comes later was not seen")
    if facts["subprocess"]:
        lines.append(f"{'':<9}{facts['subprocess']} starts a process, whose work is not observed")
    lines += [f"{'':<9}the doctor itself failed {n} times: {what}" for what, n in facts["own_failures"].items()]
    return lines


def _print(findings: Findings, *, show_all: bool) -> None:
    from fathom.doctor.report import describe

    for line in describe(findings, show_all=show_all):
        print(line)


def _finish(findings: Findings, extra: dict[str, Any], path: str | None, code: int) -> int:
    from fathom.findings import has_errors
    from fathom.outputs import write_output
    from fathom.runs.folder.records import to_json

    if path is not None:
        write_output(path, to_json({"schema": 1} | findings.to_dict() | extra, indent=1) + "\n")
    return 1 if has_errors(findings.findings) else code  # an error outranks the script's own exit code

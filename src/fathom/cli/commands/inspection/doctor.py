"""``fathom doctor``: what is wrong with a training, of a script of one's own or of a run."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from fathom.cli.arguments import add_runs_folder, find_run
from fathom.cli.values import read_count, read_positive
from fathom.errors import UsageError

if TYPE_CHECKING:
    from fathom.findings import Findings

_EXAMPLES = """\
examples:
  fathom doctor train.py --lr 0.1         run a training script of your own, unchanged, and say what is wrong
  fathom doctor train.py --time-limit 60  its first minute; behind -- every argument is the script's own
  fathom doctor last                      what the files of the newest run say

exit code: 1 if a finding is an error, else that of the script
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("target", metavar="SCRIPT.py|RUN", nargs="?", help="a training script in PyTorch, or a run")
    # REMAINDER: what is behind the script is its own, but for the options of _add_limits
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="arguments of the script")
    _add_limits(parser)
    parser.add_argument("--env", action="store_true", help="for bug reports: versions, devices, arithmetic; no names")
    parser.add_argument("--all", action="store_true", help="also list the checks that could not run, and why")
    add_runs_folder(parser)
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
    if typed[typed.index(args.target) + 1 :][:1] == ["--"]:  # which argparse has taken away already
        return
    at = args.arguments.index("--") if "--" in args.arguments else len(args.arguments)
    parser = type(args.parser)(prog="fathom doctor", add_help=False, allow_abbrev=False)  # whose errors are one line
    _add_limits(parser)
    _, rest = parser.parse_known_args(args.arguments[:at], args)
    args.arguments = [*rest, *args.arguments[at + 1 :]]


def run(args: argparse.Namespace) -> int:
    """Observe or read, print what was found; 1 if there is an error among it."""
    from fathom.outputs import check_output

    if args.env or args.target is None:
        return _print_environment(args)
    if args.target.endswith(".py"):  # a run's folder does not end in .py
        _take_limits(args)
    if args.json is not None:
        check_output(args.json, "--json")  # before anything runs
    if args.target.endswith(".py"):
        return _run_script(args)
    if args.arguments:  # of a script they are its own; after a run options of the doctor may stand
        args = args.parser.parse_args([*args.arguments, args.target], args)
    if args.arguments or args.epochs_limit or args.time_limit:
        raise UsageError(
            f"{args.target} is taken for a run: arguments and limits go with a script, whose name ends in .py"
        )
    from fathom.doctor.run_folder import examine_run, headline

    path = find_run(args.target, args.runs)
    print(headline(path))
    findings = examine_run(path)
    _print(findings, show_all=args.all)
    return _finish(findings, {}, args.json, 0)


def _print_environment(args: argparse.Namespace) -> int:
    if not args.env or args.target is not None:
        raise UsageError("name a script or a run, or give --env alone")
    from fathom.cli.columns import lay_out
    from fathom.doctor.environment import describe_environment

    print("\n".join(lay_out(describe_environment(), right=())))
    return 0


def _run_script(args: argparse.Namespace) -> int:
    from fathom.doctor.script import observe_script

    report = observe_script(args.target, args.arguments, epochs_limit=args.epochs_limit, time_limit_s=args.time_limit)
    facts, code = report.facts, report.exit_code
    if not facts:
        # negative: the number of the signal, as subprocess has it
        end = f"was ended by signal {-code}" if code < 0 else f"ended by itself with exit code {code}"
        print(f"fathom: {args.target} {end} before anything could be reported", file=sys.stderr)
        return 128 - code if code < 0 else code or 1  # as a shell would report it; never 0
    print()
    for line in _headline(args.target, facts, code):
        print(line)
    _print(report.findings, show_all=args.all)
    extra = {"script": args.target, "exit_code": code, "steps": facts["steps"], "stopped_early": facts["stopped_early"]}
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

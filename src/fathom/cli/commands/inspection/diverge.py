"""``fathom diverge``: where two runs part."""

from __future__ import annotations

import argparse

from fathom.cli.arguments import add_runs_folder, find_run
from fathom.cli.values import read_natural

_EXAMPLES = """\
examples:
  fathom diverge run-a run-b               settings, then the first step and the first tensor that differ
  fathom diverge run-a run-b --most-steps 0  from the folders alone: nothing is trained again

exit code: 0 if they are equal, 1 if they part
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("one", metavar="A", help="run folder, its name in runs/, or last")
    parser.add_argument("other", metavar="B", help="another one")
    add_runs_folder(parser)
    parser.add_argument(
        "--most-steps", type=read_natural, metavar="N", help="steps that are trained again at most (default: 500)"
    )
    parser.add_argument("--all", action="store_true", help="list every tensor of the first step that differs")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Compare, print what was found."""
    one, other = find_run(args.one, args.runs), find_run(args.other, args.runs)
    from fathom.doctor.diverge import MOST_STEPS, describe, diverge, require_two
    from fathom.runs.folder.records import to_json

    require_two(one, other)
    found = diverge(one, other, most_steps=MOST_STEPS if args.most_steps is None else args.most_steps)
    if args.json:
        print(to_json({"schema": 1} | found.to_dict(), indent=1))
    else:
        print("\n".join(describe(found, show_all=args.all)))
    return 0 if found.is_equal else 1

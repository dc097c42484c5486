"""``fathom runs``: which runs there are; deleting some to a trash, and back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.cli.arguments import add_runs_folder
from fathom.cli.values import OneOf, read_count
from fathom.errors import UsageError
from fathom.phrases import counted
from fathom.runs.folder.schema import CONDITIONS

if TYPE_CHECKING:
    from fathom.runs.analysis.listing import ListedRun

_EXAMPLES = """\
examples:
  fathom runs                                the runs in runs/, newest first
  fathom runs --model resnet --sort test     the best ResNet first
  fathom runs --status failed --json         for programs
  fathom runs '*-lenet-*' --delete           to the trash, runs/.trash
  fathom runs --restore NAME                 and back
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("names", metavar="RUN", nargs="*", help="only these: names, or patterns such as '*-lenet-*'")
    add_runs_folder(parser)
    parser.add_argument(
        "--status", type=OneOf("status", CONDITIONS), metavar="STATUS", help=f"only these: {', '.join(CONDITIONS)}"
    )
    parser.add_argument("--model", metavar="TEXT", help="only networks whose name contains this")
    parser.add_argument("--data", metavar="TEXT", help="only data whose name contains this")
    parser.add_argument(
        "--sort",
        type=OneOf("order", ("created", "test", "val", "time")),
        default="created",
        metavar="ORDER",
        help="created (default: newest first), test, val (best first) or time (longest first)",
    )
    parser.add_argument("--most", type=read_count, metavar="N", help="the first N alone")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.add_argument("--delete", action="store_true", help="move the runs named to the trash, .trash beside them")
    parser.add_argument("--restore", metavar="NAME", nargs="+", help="move runs back out of the trash")
    parser.add_argument("--empty-trash", action="store_true", help="remove the runs in the trash for good")


def run(args: argparse.Namespace) -> int:
    """List, delete or restore."""
    from fathom.runs.folder import trash

    root = Path(args.runs)
    if sum(map(bool, (args.delete, args.restore, args.empty_trash))) > 1:  # count of the three that are given
        raise UsageError("--delete, --restore and --empty-trash are three things to do; choose one")
    if args.restore:
        for path in trash.restore(args.restore, root):
            print(f"restored: {path}")
        return 0
    if args.empty_trash:
        print(f"removed for good: {counted(trash.empty_trash(root), 'run')}")
        return 0
    runs = _chosen(args, root)
    if args.delete:
        if not args.names:  # a filter alone must not delete
            raise UsageError("--delete needs the names of runs, or a pattern such as '*-lenet-*'")
        for path in trash.move_to_trash([Path(run.path) for run in runs]):
            print(f"in the trash: {path}")
        return 0
    if args.json:
        from fathom.runs.folder.records import to_json

        print(to_json([run.to_dict() for run in runs], indent=1))
    else:
        _print_runs(runs, root)
    return 0


def _chosen(args: argparse.Namespace, root: Path) -> list[ListedRun]:
    """Return the runs that are named and fit the filters, in the order asked for.

    Raises:  UsageError for a name or pattern that fits no run
    """
    from fathom.runs.analysis.listing import list_runs, select, sort_key

    if not root.is_dir():
        if args.names or root != Path("runs"):  # the default folder need not be there yet
            raise UsageError(f"--runs: no such folder: {root}")
        return []
    runs = list_runs(root)
    if args.names:
        named: set[str] = set()
        for text in args.names:
            named |= _fitting(text, root, runs)  # several patterns: their union
        runs = [run for run in runs if run.name in named]
    runs = select(runs, condition=args.status, model=args.model, data=args.data)
    if args.sort != "created":
        runs.sort(key=sort_key(args.sort))
    return runs[: args.most]  # None: all


def _fitting(text: str, root: Path, runs: list[ListedRun]) -> set[str]:
    from fnmatch import fnmatchcase

    from fathom.runs.folder.lookup import resolve_run

    # "last" first: a run may be called so
    if text != "last" and (fits := {run.name for run in runs if fnmatchcase(run.name, text)}):
        return fits
    path = resolve_run(text, root)
    if path.resolve().parent != root.resolve():  # a path elsewhere is not in this list
        raise UsageError(f"{path} is not in {root}; name its folder: --runs {path.parent}")
    return {path.name}


def _print_runs(runs: list[ListedRun], root: Path) -> None:
    """Print a line a run, and what is wrong with the damaged ones."""
    from fathom.cli.columns import print_table
    from fathom.runs.analysis.numbers import DASH, decimal, duration, percent

    if not runs:
        print(f"no run in {root} is such" if any(root.glob("*/run.json")) else "no runs yet; `fathom train` makes one")
        return

    def value(metric: str | None, number: float | None) -> str:
        if metric is None:
            return DASH
        short = metric.removeprefix("val_").removeprefix("train_")  # the column says best validation already
        return f"{percent(number)} {short}" if short == "accuracy" else f"{decimal(number)} {short}"

    rows = [
        [
            run.name,
            run.condition,
            # 0 of 10 and – of 10 differ: not begun, not known
            DASH if run.epochs is None else f"{run.epochs}/{run.max_epochs or DASH}",
            value(run.val_metric, run.val),
            value(run.test_metric, run.test),
            duration(run.train_s),
        ]
        for run in runs
    ]
    print_table(["run", "status", "epochs", "best validation", "test", "time"], rows, right=(2, 3, 4, 5))
    for run in runs:
        if run.problem:
            print(f"\n{run.name}: {run.problem}")

"""``fathom crossval``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.cli import train
from fathom.cli.stops import with_way_on
from fathom.cli.values import read_count
from fathom.config import Config
from fathom.errors import UsageError

if TYPE_CHECKING:
    from fathom.recipes.train import Plan
    from fathom.runs.crossval import CrossValidation
    from fathom.training.callbacks import Callback

_FOLDS, _REPEATS = 5, 1
_LEFT_OUT = ("model", "--overfit-batches", "--compare-scratch", "--seeds")
_EXAMPLES = """\
examples:
  fathom crossval mlp --data digits                       five folds of the training part, the test set left alone
  fathom crossval mlp lenet --data digits --folds 10      two networks on the same folds: is one of them better?
  fathom crossval --data house.csv --target SalePrice --repeats 3
  fathom crossval --resume last                           go on; folds that are done are not repeated
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of ``fathom train`` and a few of its own."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom crossval [model …] [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument("models", nargs="*", metavar="model", help="networks to compare, see `fathom models`")
    group = parser.add_argument_group("folds")
    group.add_argument("--folds", type=_read_folds, metavar="K", help=f"equal parts (default: {_FOLDS})")
    group.add_argument(
        "--repeats", type=read_count, metavar="N", help=f"divisions, each drawn anew (default: {_REPEATS})"
    )
    group = train.add_settings(parser, _LEFT_OUT)
    group.add_argument("--resume", metavar="DIR", help="go on with one that stopped: its folder, its name, or last")
    group.add_argument("--out", metavar="DIR", default="runs", help="where its folder goes (default: runs)")
    train.leave_out_others(parser)


def run(args: argparse.Namespace) -> int:
    """Cross-validate, or resume; print the table of folds, the spread and what it says."""
    watch = _Watch()
    try:
        if args.resume is not None:
            own = [f"--{name}" for name in ("folds", "repeats") if getattr(args, name) is not None]
            if given := [*train.given_settings(args), *args.models, *own]:
                raise UsageError(f"--resume goes on with the settings it began with; leave out {given[0]}")
            from fathom.recipes.crossval import resume_cross_validation

            study = resume_cross_validation(args.resume, root=args.out, **watch.hooks())
        else:
            configs = _configs(args)
            from fathom.recipes.crossval import cross_validate

            study = cross_validate(
                configs,
                args.folds or _FOLDS,
                repeats=args.repeats or _REPEATS,
                root=args.out,
                command=args.command,
                **watch.hooks(),
            )
    except KeyboardInterrupt as stop:
        if watch.path is None:
            raise
        raise with_way_on(stop, f"fathom crossval --resume {shlex.quote(str(watch.path))}") from None
    print("\n".join(_describe(study)))
    for is_warning, sentence in study.sentences():
        print(f"\n{'warning: ' if is_warning else ''}{sentence}")
    print(f"\nfolder         {study.path}")
    print(f"report         {study.report}")
    return 0


def _configs(args: argparse.Namespace) -> list[Config]:
    """Give the settings of each network named; those of the usual one where none is."""
    names = args.models
    for i, name in enumerate(names):
        if name in names[:i]:
            raise UsageError(f"{name} is named twice; a network is compared with others")
    return [train.settings(argparse.Namespace(**vars(args) | {"model": name})) for name in names or [None]]


def _read_folds(text: str) -> int:
    count = read_count(text)
    if count < 2:
        raise argparse.ArgumentTypeError("there must be at least 2 folds: one to learn from, one to be judged on")
    return count


class _Watch:
    """Says what is going on: what is planned, a line for every fold, a bar on a terminal."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def hooks(self) -> dict[str, Any]:
        """Give the arguments by which a cross-validation calls back."""
        return {"on_plan": self._show_plan, "on_start": self._show_progress, "on_result": self._show_result}

    def _show_plan(self, study: CrossValidation) -> None:
        self.path, plan = study.path, study.plan
        for note in plan["notes"]:
            print(note)
        again = f", {plan['repeats']} times over" if plan["repeats"] > 1 else ""
        print(
            f"{', '.join(study.models)} on {Path(plan['data']).name}: {plan['folds']} folds{again}, {plan['division']}"
        )
        print(f"{plan['unit']}s of a fold: {plan['parts']}; the test set is left alone", flush=True)
        if study.results:
            print(f"{len(study.results)} of {study.planned * len(study.models)} done already", flush=True)

    def _show_progress(self, plan: Plan) -> Sequence[Callback]:
        from fathom.cli.progress import Bar, is_live

        fold = plan.config.data.fold
        assert fold is not None
        return [Bar(f"{plan.config.model.name} fold {fold.index + 1}/{fold.of}", lines=False)] if is_live() else []

    def _show_result(self, study: CrossValidation, row: dict[str, Any]) -> None:
        from fathom.runs.numbers import duration

        width = max(map(len, study.models))
        place = f"repeat {row['repeat']}, " if study.plan["repeats"] > 1 else ""
        scores = ", ".join(f"{measure.title} {measure.form(row[measure.key])}" for measure in study.measures)
        took = duration(row["train_s"])
        print(f"{row['model']:<{width}}  {place}fold {row['fold']}/{study.plan['folds']}: {scores}, {took}", flush=True)


def _describe(study: CrossValidation) -> list[str]:
    """Lay out mean and spread of every model as text."""
    from fathom.runs.crossval_page import describe_spread

    table = [["", "measure", "mean", "deviation", "95% interval of the mean"]]
    for measure in study.measures:
        for model, spread in study.spreads(measure).items():
            table.append([model, measure.title, *describe_spread(measure, spread)])
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), line[1].ljust(widths[1])]
            + [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        )
        for line in table
    ]
    return ["", *lines]

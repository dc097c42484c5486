"""``fathom crossval``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from fathom.build.configure import configure
from fathom.cli import series
from fathom.cli.columns import lay_out
from fathom.cli.options import chosen_settings
from fathom.cli.values import read_count
from fathom.errors import UsageError
from fathom.settings.config import Config

if TYPE_CHECKING:
    from fathom.build.run import PlannedRun
    from fathom.runs.analysis.crossval import CrossValidation

_FOLDS, _REPEATS = 5, 1  # five or ten are usual (Hastie et al. 2009, §7.10); five cost half
_EXAMPLES = """\
examples:
  fathom crossval mlp --data digits                       five folds of the training split, the test set left alone
  fathom crossval mlp lenet --data digits --folds 10      two networks on the same folds: is one of them better?
  fathom crossval --data house.csv --target SalePrice --repeats 3
  fathom crossval --resume last                           resume; finished folds are not repeated
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of ``fathom train`` and a few of its own."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom crossval [model …] [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument("models", nargs="*", metavar="model", help="networks to compare, see `fathom models`")
    group = parser.add_argument_group("folds")
    group.add_argument("--folds", type=_read_folds, metavar="K", help=f"number of folds (default: {_FOLDS})")
    group.add_argument(
        "--repeats", type=read_count, metavar="N", help=f"repetitions, each with new folds (default: {_REPEATS})"
    )
    series.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Cross-validate, or resume; print the table of folds, the spread and what it says."""
    if args.resume is not None:
        own = [f"--{name}" for name in ("folds", "repeats") if getattr(args, name) is not None]
        series.refuse_settings(args, [*args.models, *own])
        return series.run_series(_FoldWatch(), lambda watch: _resume(args, watch), _show)
    configs = _configs(args)  # before torch: what cannot be is refused at once
    return series.run_series(_FoldWatch(), lambda watch: _begin(args, configs, watch), _show)


def _begin(args: argparse.Namespace, configs: list[Config], watch: _FoldWatch) -> CrossValidation:
    from fathom.series.crossval import cross_validate

    folds, repeats = args.folds or _FOLDS, args.repeats or _REPEATS
    return cross_validate(configs, folds, repeats=repeats, root=args.out, observer=watch, command=args.command)


def _resume(args: argparse.Namespace, watch: _FoldWatch) -> CrossValidation:
    from fathom.series.crossval import resume_cross_validation

    return resume_cross_validation(args.resume, root=args.out, observer=watch)


def _configs(args: argparse.Namespace) -> list[Config]:
    """Return the settings of each network named; those of the usual one where none is."""
    names = args.models
    for i, name in enumerate(names):
        if name in names[:i]:
            raise UsageError(f"{name} is named twice; a network is compared with others")
    # None: the network that the data suggest
    each = [chosen_settings(argparse.Namespace(**vars(args) | {"model": name})) for name in names or [None]]
    return [configure(settings.over(series.UNWATCHED), args.out) for settings in each]


def _read_folds(text: str) -> int:
    count = read_count(text)
    if count < 2:
        raise argparse.ArgumentTypeError("there must be at least 2 folds: one to learn from, one to be evaluated on")
    return count


class _FoldWatch(series.Watch):
    def head(self, study: CrossValidation) -> list[str]:
        plan = study.plan
        again = f", {plan['repeats']} times over" if plan["repeats"] > 1 else ""
        on = f"{', '.join(study.models)} on {series.data_title(study)}"
        lines = [
            f"{on}: {plan['folds']} folds{again}, {plan['division']}",
            f"{plan['unit']}s of a fold: {plan['parts']}; the test set is left alone",
        ]
        if study.results:
            lines.append(f"{len(study.results)} of {study.planned * len(study.models)} done already")
        return lines

    def name(self, run: PlannedRun) -> str:
        fold = run.config.data.fold
        assert fold is not None
        return f"{run.config.model.name} fold {fold.index + 1}/{fold.of}"  # folds count from 1 for people

    def title(self, study: CrossValidation, row: dict[str, Any]) -> str:
        width = max(map(len, study.models))  # names as one column
        return f"{row['model']:<{width}}  {study.name_fold(row)}/{study.plan['folds']}"

    def scores(self, study: CrossValidation, row: dict[str, Any]) -> str:
        # a fold that ended has every measure
        return ", ".join(f"{measure.title} {measure.form(row[measure.key])}" for measure in study.measures)


def _show(study: CrossValidation) -> list[str]:
    """Lay out mean and spread of every model."""
    rows = [["", "measure", "mean", "standard deviation", "95% interval of the mean"]]
    for measure in study.measures:
        for model, spread in study.spreads(measure).items():
            rows.append([model, measure.title, *measure.describe(spread)])
    return lay_out(rows, right=range(2, len(rows[0]))) if len(rows) > 1 else []  # no finished fold: no table

"""``fathom learning-curve``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from fathom.build.configure import configure
from fathom.cli import series
from fathom.cli.columns import lay_out
from fathom.cli.options import chosen_settings
from fathom.cli.places import add_data_place, sort_places
from fathom.cli.values import read_count

if TYPE_CHECKING:
    from fathom.build.run import PlannedRun
    from fathom.runs.analysis.learning_curves.series import LearningCurve

_EXAMPLES = """\
examples:
  fathom learning-curve lenet --data fashion_mnist     would more data help, and how much?
  fathom learning-curve house.csv --target SalePrice --seeds 10
  fathom learning-curve --resume last                  resume; finished runs are not repeated
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of ``fathom train`` and a few of its own."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom learning-curve [model] [data] [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument("model", nargs="?", help="network, see `fathom models`")
    add_data_place(parser)
    group = parser.add_argument_group("curve")
    group.add_argument("--seeds", type=read_count, metavar="N", help="runs of each of the five sizes (default: 3)")
    group.add_argument("--most", type=read_count, metavar="N", help="samples of the largest size (default: all)")
    group.add_argument("--steps", type=read_count, metavar="N", help="the fewest steps of a run (default: 2000)")
    series.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Train on five sizes, or resume; print errors, forecasts and the verdict."""
    if args.resume is not None:
        own = [f"--{name}" for name in ("seeds", "most", "steps") if getattr(args, name) is not None]
        places = [place for place in (args.model, args.data_place) if place is not None]
        series.refuse_settings(args, [*places, *own])
        return series.run_series(_CurveWatch(), lambda watch: _resume(args, watch), _show)
    sort_places(args)
    chosen = argparse.Namespace(**vars(args) | {"seeds": None})  # which is another setting of train's
    config = configure(chosen_settings(chosen), args.out)
    from fathom.series.learning_curve import LEAST_STEPS, SEEDS, learning_curve

    def begin(watch: _CurveWatch) -> LearningCurve:
        return learning_curve(
            config,
            seeds=args.seeds or SEEDS,
            most=args.most,
            steps=args.steps or LEAST_STEPS,
            root=args.out,
            observer=watch,
            command=args.command,
        )

    return series.run_series(_CurveWatch(), begin, _show)


def _resume(args: argparse.Namespace, watch: _CurveWatch) -> LearningCurve:
    from fathom.series.learning_curve import resume_learning_curve

    return resume_learning_curve(args.resume, root=args.out, observer=watch)


class _CurveWatch(series.Watch):
    def head(self, study: LearningCurve) -> list[str]:
        sizes = ", ".join(f"{size:,}" for size in study.sizes)
        lines = [f"{study.plan['model']} on {series.data_title(study)}: {sizes} {study.plan['unit']}s"]
        if study.results:
            lines.append(f"{len(study.results)} of {len(study.sizes) * len(study.plan['seeds'])} done already")
        return lines

    def name(self, run: PlannedRun) -> str:
        return f"{run.config.model.name} on {run.config.data.train_size:,}"

    def title(self, study: LearningCurve, row: dict[str, Any]) -> str:
        width = len(f"{study.sizes[-1]:,}")
        return f"{row['size']:>{width},} {study.plan['unit']}s, seed {row['seed']}"

    def scores(self, study: LearningCurve, row: dict[str, Any]) -> str:
        return f"{study.error_name} {study.form(row['error'])}"


def _show(study: LearningCurve) -> list[str]:
    """Lay out measured and forecast errors."""
    rows = [["", f"{study.plan['unit']}s", study.error_name, "95% interval"]]
    for size, errors in study.errors().items():
        rows.append(["measured", f"{size:,}", study.form(sum(errors) / len(errors)), ""])
    rows += [
        ["forecast", f"{ahead.size:,}", study.form(ahead.error), f"{study.form(ahead.low)} to {study.form(ahead.high)}"]
        for ahead in study.projections()
    ]
    return lay_out(rows, right=(1, 2, 3))

"""``fathom distill``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.build.configure import configure, student_settings
from fathom.cli import series
from fathom.cli.arguments import find_run
from fathom.cli.columns import lay_out
from fathom.cli.options import chosen_settings
from fathom.cli.values import read_count, read_positive
from fathom.errors import UsageError

if TYPE_CHECKING:
    from fathom.build.run import PlannedRun
    from fathom.runs.analysis.distillation import Distillation
    from fathom.settings.config import Config

_TEMPERATURE, _ALPHA, _SEEDS = 4.0, 0.7, 1
_EXAMPLES = """\
examples:
  fathom distill last --student mlp                        the newest run teaches an MLP
  fathom distill last --student lenet --temperature 4 --alpha 0.7 --seeds 3
  fathom distill --resume last                             resume; finished students are not trained again
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of ``fathom train`` for the student, and a few of its own."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom distill TEACHER --student NAME [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument("teacher", nargs="?", metavar="TEACHER", help="run folder, its name in runs/, or last")
    group = parser.add_argument_group("distillation")
    group.add_argument("--student", metavar="NAME", help="network, see `fathom models`")
    group.add_argument(
        "--temperature",
        type=read_positive,
        metavar="T",
        help=f"softens the outputs of both networks (default: {_TEMPERATURE:g})",
    )
    group.add_argument(
        "--alpha",
        type=_read_alpha,
        metavar="A",
        help=f"weight of the teacher in the loss, 0 to 1 (default: {_ALPHA:g})",
    )
    group.add_argument(
        "--seeds",
        dest="pairs",
        type=read_count,
        metavar="N",
        help=f"number of student pairs; 3 show the spread (default: {_SEEDS})",
    )
    series.add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Distil, or resume; print teacher and students side by side and what that says."""
    if args.resume is not None:
        own = [f"--{name}" for name in ("student", "temperature", "alpha") if getattr(args, name) is not None]
        own += ["--seeds"] if args.pairs is not None else []  # dest is pairs: --seeds of train is another setting
        series.refuse_settings(args, [*own, *([args.teacher] if args.teacher else [])])
        return series.run_series(_StudentWatch(), lambda watch: _resume(args, watch), _show)
    teacher, config = _settings(args)
    return series.run_series(_StudentWatch(), lambda watch: _begin(args, teacher, config, watch), _show)


def _begin(args: argparse.Namespace, teacher: Path, config: Config, watch: _StudentWatch) -> Distillation:
    from fathom.series.distill import distill

    return distill(
        teacher,
        config,
        temperature=_TEMPERATURE if args.temperature is None else args.temperature,
        alpha=_ALPHA if args.alpha is None else args.alpha,
        seeds=args.pairs or _SEEDS,
        root=args.out,
        observer=watch,
        command=args.command,  # recorded in the plan
    )


def _resume(args: argparse.Namespace, watch: _StudentWatch) -> Distillation:
    from fathom.series.distill import resume_distillation

    return resume_distillation(args.resume, root=args.out, observer=watch)


def _settings(args: argparse.Namespace) -> tuple[Path, Config]:
    """Return teacher and student: what is not said of the student's data is as the teacher's."""
    if args.teacher is None:
        raise UsageError("name the teacher: a run folder, its name in runs/, or last; see fathom distill --help")
    if args.student is None:
        raise UsageError("name the student: --student NAME, one of `fathom models`")
    teacher = find_run(args.teacher, args.out)
    base = student_settings(teacher)
    # other data than the teacher's: nothing of it is inherited
    own = None if args.data not in (None, base.get("data.name")) else base
    settings = chosen_settings(argparse.Namespace(**vars(args) | {"model": args.student}), own)
    return teacher, configure(settings.over(series.UNWATCHED), args.out)


def _read_alpha(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0  # refused below
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


class _StudentWatch(series.Watch):
    def head(self, study: Distillation) -> list[str]:
        from fathom.phrases import counted

        plan = study.plan
        taught = f"{plan['config']['model']['name']} taught by {plan['teacher_model']} ({Path(plan['teacher']).name})"
        how = f"temperature {plan['temperature']:g}, alpha {plan['alpha']:g}, {counted(len(plan['seeds']), 'seed')}"
        return [f"{taught} on {series.data_title(study)}, {how}"]

    def name(self, run: PlannedRun) -> str:
        return f"{'alone' if run.config.training.distill is None else 'distilled'}, seed {run.config.seed}"

    def title(self, study: Distillation, row: dict[str, Any]) -> str:
        from fathom.runs.analysis.distillation import TITLES

        return f"{TITLES[row['role']]:<17}  seed {row['seed']}"  # 17: the longest title, "student distilled"

    def scores(self, study: Distillation, row: dict[str, Any]) -> str:
        from fathom.runs.analysis.numbers import percent

        return f"validation {percent(row['val_accuracy'], 2)}, test {percent(row['test_accuracy'], 2)}"


def _show(study: Distillation) -> list[str]:
    rows = study.rows()
    return lay_out(rows, right=range(2, len(rows[0])))

"""``fathom distill``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.cli import train
from fathom.cli.stops import with_way_on
from fathom.cli.values import read_count, read_positive
from fathom.errors import UsageError

if TYPE_CHECKING:
    from fathom.config import Config
    from fathom.recipes.train import Plan
    from fathom.runs.distillation import Distillation
    from fathom.training.callbacks import Callback

_TEMPERATURE, _ALPHA, _SEEDS = 4.0, 0.7, 1
_LEFT_OUT = ("model", "--overfit-batches", "--compare-scratch", "--seeds")
_EXAMPLES = """\
examples:
  fathom distill last --student mlp                        the newest run teaches an MLP
  fathom distill last --student lenet --temperature 4 --alpha 0.7 --seeds 3
  fathom distill --resume last                             go on; students that are done are not trained again
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
        "--temperature", type=read_positive, metavar="T", help=f"softens both opinions (default: {_TEMPERATURE:g})"
    )
    group.add_argument("--alpha", type=_read_alpha, metavar="A", help=f"the teacher's share (default: {_ALPHA:g})")
    group.add_argument(
        "--seeds",
        dest="pairs",
        type=read_count,
        metavar="N",
        help=f"pairs of students; 3 show the spread (default: {_SEEDS})",
    )
    group = train.add_settings(parser, _LEFT_OUT)
    group.add_argument("--resume", metavar="DIR", help="go on with one that stopped: its folder, its name, or last")
    group.add_argument("--out", metavar="DIR", default="runs", help="where its folder goes (default: runs)")
    train.leave_out_others(parser)


def run(args: argparse.Namespace) -> int:
    """Distil, or resume; print teacher and students side by side and what that says."""
    watch = _Watch()
    try:
        if args.resume is not None:
            own = [f"--{name}" for name in ("student", "temperature", "alpha") if getattr(args, name) is not None]
            own += ["--seeds"] if args.pairs is not None else []
            if given := [*train.given_settings(args), *own, *([args.teacher] if args.teacher else [])]:
                raise UsageError(f"--resume goes on with the settings it began with; leave out {given[0]}")
            from fathom.recipes.distill import resume_distillation

            study = resume_distillation(args.resume, root=args.out, **watch.hooks())
        else:
            teacher, config = _settings(args)
            from fathom.recipes.distill import distill

            study = distill(
                teacher,
                config,
                temperature=_TEMPERATURE if args.temperature is None else args.temperature,
                alpha=_ALPHA if args.alpha is None else args.alpha,
                seeds=args.pairs or _SEEDS,
                root=args.out,
                command=args.command,
                **watch.hooks(),
            )
    except KeyboardInterrupt as stop:
        if watch.path is None:
            raise
        raise with_way_on(stop, f"fathom distill --resume {shlex.quote(str(watch.path))}") from None
    print()
    print("\n".join(_lay_out(study.table())))
    for is_warning, sentence in study.sentences():
        print(f"\n{'warning: ' if is_warning else ''}{sentence}")
    print(f"\nfolder         {study.path}")
    print(f"report         {study.report}")
    return 0


def _settings(args: argparse.Namespace) -> tuple[Path, Config]:
    """Give teacher and student: what is not said of the student's data is as the teacher's."""
    if args.teacher is None:
        raise UsageError("name the teacher: a run folder, its name in runs/, or last; see fathom distill --help")
    if args.student is None:
        raise UsageError("name the student: --student NAME, one of `fathom models`")
    from fathom.recipes.settings import student_settings
    from fathom.runs.reader import resolve_run

    teacher = resolve_run(args.teacher, args.out)
    base = student_settings(teacher)
    if args.data not in (None, base["data"]["name"]):
        base = {}
    return teacher, train.settings(argparse.Namespace(**vars(args) | {"model": args.student}), base)


def _read_alpha(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


class _Watch:
    """Says what is going on: what is planned, a line for every student, a bar on a terminal."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def hooks(self) -> dict[str, Any]:
        """Give the arguments by which a distillation calls back."""
        return {"on_plan": self._show_plan, "on_start": self._show_progress, "on_result": self._show_result}

    def _show_plan(self, study: Distillation) -> None:
        self.path, plan = study.path, study.plan
        student, seeds = plan["config"]["model"]["name"], len(plan["seeds"])
        on = f"on {Path(plan['data']).name}, temperature {plan['temperature']:g}, alpha {plan['alpha']:g}"
        count = f"{seeds} seed{'' if seeds == 1 else 's'}"
        print(f"{student} taught by {plan['teacher_model']} ({Path(plan['teacher']).name}) {on}, {count}", flush=True)

    def _show_progress(self, plan: Plan) -> Sequence[Callback]:
        from fathom.cli.progress import Bar, is_live

        role = "alone" if plan.config.training.distill is None else "distilled"
        return [Bar(f"{role}, seed {plan.config.seed}", lines=False)] if is_live() else []

    def _show_result(self, study: Distillation, row: dict[str, Any]) -> None:
        from fathom.runs.distillation import TITLES
        from fathom.runs.numbers import duration, percent

        scores = f"validation {percent(row['val_accuracy'], 2)}, test {percent(row['test_accuracy'], 2)}"
        print(f"{TITLES[row['role']]:<17}  seed {row['seed']}: {scores}, {duration(row['train_s'])}", flush=True)


def _lay_out(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]

"""``fathom tune``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.build.configure import configure
from fathom.cli import options
from fathom.cli.columns import print_table
from fathom.cli.outcome import finish
from fathom.cli.signals import resume_hint
from fathom.cli.values import OneOf, read_count
from fathom.errors import UsageError
from fathom.phrases import counted
from fathom.runs.analysis.study import PRUNERS, find_study

if TYPE_CHECKING:
    from fathom.runs.analysis.study import Study
    from fathom.tuning.tune import Tuned

_TRIALS = 30
_SHOWN = 5  # of the best trials
_EXAMPLES = """\
examples:
  fathom tune lenet --space lr=1e-4..0.1:log,batch_size=32..512:log --trials 30
  fathom tune mlp --data house.csv --target SalePrice --space 'hidden=64|256|[256, 128],dropout=0..0.5'
  fathom tune --space model=rnn|gru,hidden=64..512:log --data book.txt --jobs 2
  fathom tune --resume last                         resume a study that was stopped
  fathom tune --resume last --trials 60             ... and extend one that is finished

the space, with commas between its settings (or --space several times):
  name=low..high     a range; :log takes logarithms, :int whole numbers
  name=a|b|c         choices
  a name is a setting (lr, batch_size, training.clip_norm), an option of the network (hidden), or model
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: all settings of a run, and those of the search."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom tune [model] --space SPACE [options]"
    parser.epilog = _EXAMPLES
    group = options.add_settings(parser, ("--doctor",))
    group.add_argument("--out", metavar="DIR", default="runs", help="where study and run folders go (default: runs)")
    group = parser.add_argument_group("search")
    group.add_argument("--space", metavar="SPACE", action="append", default=[], help="what is tried, see below")
    group.add_argument("--trials", type=read_count, metavar="N", help=f"trials in all (default: {_TRIALS})")
    group.add_argument("--jobs", type=read_count, metavar="N", default=1, help="processes that work on it (default: 1)")
    group.add_argument(
        "--pruner",
        type=OneOf("pruner", PRUNERS),
        metavar="NAME",
        help="what stops hopeless trials early: median (default), halving, none",
    )
    group.add_argument("--study", metavar="DIR", help="the study's folder; a study that is there is resumed")
    group.add_argument("--resume", metavar="STUDY", help="resume a study: its folder, its name, or last")
    group.add_argument("--no-retrain", action="store_true", help="do not train the best trial again as a run")
    options.default_other_options(parser)


def run(args: argparse.Namespace) -> int:
    """Search, or resume a search; then the best trials, and the run of the best."""
    settings = None  # stays so when resuming
    if args.resume is not None:
        given = options.given_options(args)
        # an empty list of --space is not given
        given += [option for option in ("--space", "--pruner", "--study") if getattr(args, option[2:])]
        if given:
            raise UsageError(f"--resume reuses the study's settings; remove {given[0]}")
        path = find_study(args.resume, args.out)
    else:
        if not args.space:
            raise UsageError(
                "--space is missing: what to search, such as --space lr=1e-4..0.1:log,batch_size=32..512:log"
            )
        from fathom.tuning.space import parse_space

        parse_space(args.space)  # a wrong space is told before torch is imported
        settings = options.chosen_settings(args)
        configure(settings, args.out)  # what cannot be is refused before torch is imported
    from fathom.cli.progress import show_progress
    from fathom.cli.trial_progress import TrialProgress
    from fathom.tuning.tune import TuningSession, resume_command, resume_tuning, tune

    observer = TrialProgress()
    session = TuningSession(args.jobs, observer, show_progress, args.command)
    try:
        if settings is None:
            tuned = resume_tuning(path, trials=args.trials, retrain=not args.no_retrain, session=session)
        else:
            tuned = tune(
                settings,
                args.space,
                trials=args.trials or _TRIALS,  # 0 trials are refused by the reader
                pruner=args.pruner or "median",
                root=Path(args.out),
                study=args.study,
                retrain=not args.no_retrain,
                session=session,
            )
    except KeyboardInterrupt as stop:
        if observer.path is None:  # the study was never opened: nothing to resume
            raise
        raise resume_hint(stop, resume_command(observer.path)) from None
    return _finish(tuned)


def _finish(tuned: Tuned) -> int:
    study = tuned.study
    print()
    _print_best(study)
    if not tuned.is_over:  # with --jobs, or two calls on one folder
        print("\nanother process is still at a trial of this study; it will end the study")
    if tuned.run is not None:
        print()
        finish(tuned.run)
    elif study.best_run is not None:  # kept by an earlier call
        print(f"run folder     {study.best_run}")
    elif (tuned.path / "best.yaml").exists():
        print(f"\nthe best       fathom train --config {tuned.path / 'best.yaml'}")
    print(f"study          {tuned.page}")
    return 0


def _print_best(study: Study) -> None:
    from fathom.runs.analysis.numbers import DASH
    from fathom.runs.analysis.study import value_text

    names = [axis.name for axis in study.axes]
    header = ["trial", study.metric_name, *names]
    rows = [
        [str(t.number), study.form(t.value), *(value_text(t.values[n]) if n in t.values else DASH for n in names)]
        for t in study.ranked()[:_SHOWN]
    ]
    # every cell of the best row
    print_table(header, rows, right=range(len(header)), best={(0, column) for column in range(len(header))})
    counts = [f"{study.count(state)} {state}" for state in ("complete", "pruned", "diverged", "failed")]
    ended = ", ".join(text for text in counts if not text.startswith("0 "))  # those that there are none of are left out
    print(f"{study.num_done} of {counted(study.target, 'trial')}: {ended}")

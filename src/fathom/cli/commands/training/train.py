"""``fathom train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fathom.build.configure import configure
from fathom.cli.arguments import find_run
from fathom.cli.launch import add_processes, speaks
from fathom.cli.options import add_settings, chosen_settings, given_options
from fathom.cli.outcome import finish
from fathom.cli.places import add_data_place, sort_places
from fathom.cli.reading import start_reading
from fathom.cli.values import read_loggers
from fathom.errors import UsageError

_EXAMPLES = """\
examples:
  fathom train                                      LeNet learns to read digits, in seconds
  fathom train mlp --data fashion_mnist --epochs 5
  fathom train images/                              images/<class>/*.jpg; a network for their size
  fathom train resnet18 images/                     the same, with this network
  fathom train --data labels.csv --images images/  a CSV of file,label beside a folder of images
  fathom train --data house.csv --target SalePrice  a table; an MLP, unless another network is named
  fathom train gru --data book.txt --level char     a text; then: fathom generate last --prefix "the "
  fathom train --data images/ --init-from torchvision:resnet18 --freeze 'conv1,bn1,layer[1-2].*'
  fathom train --set training.clip_value=0.5        a setting without an option of its own
  fathom train --resume last                        resume a run that was stopped
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom train [model] [data] [options]"
    parser.epilog = _EXAMPLES
    group = add_settings(parser)
    add_data_place(parser)
    add_processes(parser)
    group.add_argument("--fast-dev-run", action="store_true", help="one batch only: does everything connect?")
    group.add_argument(
        "--resume",
        metavar="RUN",
        help="resume a run that stopped: its folder, its name, or last (the newest that can be)",
    )
    group.add_argument(
        "--log",
        metavar="WHERE",
        default=(),
        type=read_loggers,
        help="write the records elsewhere too: csv, tensorboard, wandb, mlflow, or several with commas",
    )
    group.add_argument("--out", metavar="DIR", default="runs", help="where run folders go (default: runs)")


def run(args: argparse.Namespace) -> int:
    """Train, or resume."""
    sort_places(args)  # fathom train photos/ has no --data
    if args.resume is not None:
        return _resume(args)
    # torch is imported after this, when the settings are known to be possible
    config = configure(chosen_settings(args), args.out)
    contents = start_reading(config)
    from fathom.cli.progress import show_progress, show_reading
    from fathom.recipes.train import train

    trained = train(
        config,
        root=Path(args.out),
        contents=contents.result(),  # waits for the reader, and raises its error
        on_start=show_progress,
        on_read=show_reading(),
        command=args.command,
        log=args.log,
    )
    return finish(trained) if speaks() else 0


def _resume(args: argparse.Namespace) -> int:
    if given := [option for option in given_options(args) if ":" not in option]:  # code is named to be imported
        cure = f"remove {given[0]}"
        if given == [
            "--epochs"
        ]:  # a finished run is to learn on: its schedule has come to its end, so it is another run
            cure += f", or go on from its weights: --init-from {args.resume}"
        raise UsageError(f"--resume reuses the run's settings; {cure}")
    from fathom.settings.reading import read_config

    path = find_run(args.resume, args.out, to_resume=True)
    contents = start_reading(read_config(path))
    from fathom.cli.progress import show_progress, show_reading
    from fathom.recipes.train import resume

    trained = resume(path, contents=contents.result(), on_start=show_progress, on_read=show_reading(), log=args.log)
    return finish(trained) if speaks() else 0

"""``fathom play``: the playground, or one of its trainings without a page."""

from __future__ import annotations

import argparse
import json

from fathom.cli.serving import add_serving, announce, options_of
from fathom.cli.values import read_natural


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("settings", nargs="?", metavar="SETTINGS", help="points=spiral&layers=8,8&lr=0.03")
    parser.add_argument(
        "--steps", type=read_natural, metavar="N", help="train so many steps without a page; print losses and digest"
    )
    add_serving(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, or train and print."""
    from fathom.board.play.settings import read_query

    settings = read_query(args.settings or "")  # refused before anything starts
    if args.steps is not None:
        from fathom.board.play.parts import digest, losses, train_to

        trainer, module, data = train_to(settings, args.steps)
        print(json.dumps({"step": trainer.step, **losses(module, data), "digest": digest(module)}))
        return 0
    from fathom.board.server import serve

    serve([], options_of(args), on_ready=announce, page=f"/play/{settings.to_query()}")
    return 0

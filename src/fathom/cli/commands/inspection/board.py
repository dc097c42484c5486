"""``fathom board``: the local web app over run folders."""

from __future__ import annotations

import argparse

from fathom.cli.serving import add_serving, announce, options_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folders", nargs="*", metavar="DIR", help="folders that hold runs (default: runs)")
    parser.add_argument("--read-only", action="store_true", help="change nothing: no notes, no trash, no stopping")
    add_serving(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from fathom.board.server import serve

    serve(args.folders or ["runs"], options_of(args, read_only=args.read_only), on_ready=announce)
    return 0

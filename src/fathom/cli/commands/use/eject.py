"""``fathom eject``: a run as one file of plain PyTorch."""

from __future__ import annotations

import argparse

from fathom.cli.arguments import add_code, add_run, find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    add_code(parser)
    parser.add_argument("--out", metavar="FILE", help="file to write (default: train.py in the run folder)")


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    path = find_run(args.run, args.runs)
    from fathom.eject.eject import eject

    written = eject(path, args.out)
    lines = len(written.read_text(encoding="utf-8").splitlines())
    print(f"written   {written}, {lines:,} lines; its data and initial weights are the run's")
    print(f"repeat    python {written}")
    return 0

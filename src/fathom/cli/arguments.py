"""Arguments that several commands share: which run or exported model, where runs are, on which device."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_run(parser: argparse.ArgumentParser) -> None:
    """Declare the run to work on, and where runs are."""
    parser.add_argument("run", metavar="RUN", help="run folder, its name in runs/, the start of its name, or last")
    add_runs_folder(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare the model to work with: a run, or a file that ``fathom export`` wrote."""
    parser.add_argument(
        "run",
        metavar="RUN|FILE.onnx",
        help="run folder, its name in runs/, the start of its name, last, or an exported model",
    )
    add_runs_folder(parser)


def add_runs_folder(parser: argparse.ArgumentParser) -> None:
    """Declare where runs are."""
    parser.add_argument("--runs", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare the device to compute on."""
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto (default), cpu, cuda, cuda:1, mps")


def add_code(parser: argparse.ArgumentParser) -> None:
    """Declare the code of a run's network, which no run folder imports by itself."""
    parser.add_argument(
        "--model", metavar="MODULE:NAME", dest="code", help="the run's network, where it is code of your own: nets:make"
    )


def find_model(name: str, runs: str) -> str | Path:
    """Return the name of an exported model as it is, and of anything else the run folder.

    Raises:  UsageError if there is no such run
    """
    # a folder may end in .onnx too
    return name if name.lower().endswith(".onnx") and not os.path.isdir(name) else find_run(name, runs)


def find_run(name: str, runs: str, *, to_resume: bool = False) -> Path:
    """Return the run folder that ``name`` means, to use it or to resume it; which one ``last`` is, is said.

    Raises:  UsageError if there is no such run
    """
    from fathom.runs.folder.lookup import find_last, resolve_run

    if name != "last":
        return resolve_run(name, runs)
    found = find_last(runs, to_resume=to_resume)
    print(found.sentence, file=sys.stderr)  # to stderr: standard output may be read by a program
    return found.path

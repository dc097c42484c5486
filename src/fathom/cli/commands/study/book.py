"""``fathom book``: run a file of code written for the book, or check a checkout of the book."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.cli.values import OneOf, read_count
from fathom.errors import UsageError

APIS = ("auto", "new", "old")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="run|check", required=True)
    run_parser = actions.add_parser(
        "run",
        help="run files, with d2l resolved to Fathom's",
        description="Run .py files, notebooks and chapters in the book's markdown, each in its own process, with "
        "`from d2l import torch as d2l` resolved to Fathom's. This runs the code in the files.",
        allow_abbrev=False,
    )
    run_parser.add_argument("files", metavar="FILE", nargs="+", help=".py, .ipynb or .md")
    run_parser.add_argument(
        "--api",
        type=OneOf("api", APIS),
        default="auto",
        metavar="NAME",
        help="new (English edition 1.0), old (earlier and Chinese editions), auto: whichever fits (default)",
    )
    run_parser.add_argument(
        "--out", metavar="DIR", help="where the transcript goes (default: transcripts/NAME); several files: DIR/NAME"
    )
    run_parser.add_argument("--keep-going", action="store_true", help="continue after a failed cell")
    _add_common(run_parser)
    check_parser = actions.add_parser(
        "check",
        help="run every section of a checkout of the book",
        description="Run every section in scope of a checkout of the book, English or Chinese, and print a table. "
        "Results are kept: the next call runs only what is new or did not pass.",
        allow_abbrev=False,
    )
    check_parser.add_argument(
        "books", metavar="DIR", nargs="*", help="checkouts (default: what FATHOM_BOOK_EN and FATHOM_BOOK_ZH name)"
    )
    check_parser.add_argument("--only", metavar="TEXT", action="append", help="only sections whose names contain TEXT")
    check_parser.add_argument(
        "--original", metavar="PYTHON", help="also run the checkout's own d2l, with this Python, beside Fathom's"
    )
    check_parser.add_argument("--again", action="store_true", help="run again what passed before, too")
    check_parser.add_argument("--jobs", type=read_count, default=1, metavar="N", help="sections at a time (default: 1)")
    check_parser.add_argument(
        "--run-nothing", action="store_true", help="print the results kept in --out, and run nothing"
    )
    formats = check_parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print the results as JSON")
    formats.add_argument("--markdown", action="store_true", help="print the results as a table in Markdown")
    check_parser.add_argument(
        "--out", metavar="DIR", default="book-check", help="where results go (default: book-check)"
    )
    _add_common(check_parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu-stand-in", action="store_true", help="use the CPU where cells name cuda")
    parser.add_argument(
        "--batches",
        type=read_count,
        metavar="N",
        help="try long files: end every pass over a data loader after N batches (the book's loops need 5)",
    )
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="stop a file that runs longer than S seconds")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)  # shown in the main help alone


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):  # 0, negative, inf and nan
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Run files or check a book; 1 if a cell failed."""
    return _run_files(args) if args.action == "run" else _check(args)


def _run_files(args: argparse.Namespace) -> int:
    from fathom.book.documents import read_document
    from fathom.book.run import RunOptions, run_file

    options = RunOptions(args.api, args.cpu_stand_in, args.batches, args.keep_going, args.timeout)
    stems = [Path(name).stem for name in args.files]  # transcripts are named after the file
    if len(set(stems)) < len(stems):
        raise UsageError("two files have the same name, and so would their transcripts; run them one at a time")
    for name in args.files:
        read_document(name)  # a wrong name comes out before anything runs
    code = 0  # 1 if any file failed, all are run
    for name, stem in zip(args.files, stems, strict=True):
        out = Path(args.out or "transcripts")
        if len(stems) > 1 or not args.out:  # one file with --out: that is the folder
            out /= stem
        screen = _Screen()
        record = run_file(name, out, options, screen.show)
        for cell in record.failed:
            print(f"fathom: {name}: cell {cell.cell.number}: {cell.error}", file=sys.stderr)
        if record.message:
            print(f"fathom: {name}: {record.message}", file=sys.stderr)
        print(f"{record.passed} of {len(record.cells)} cells ran in {record.seconds:.1f} s: {out / 'transcript.html'}")
        code = code or int(record.status == "failed")
    return code


class _Screen:
    """What is printed while a file runs: a line a cell, and what the cell prints."""

    def __init__(self) -> None:
        self._at_line_start = True

    def show(self, record: Any, event: Mapping[str, Any], ended: Any) -> None:
        """Print one event."""
        kind = event["event"]
        if kind == "start":
            cell = record.cells[event["cell"] - 1].cell  # cells count from 1
            self._print(f"── cell {cell.number} of {len(record.cells)}{cell.heading and ' · ' + cell.heading}\n")
        elif kind == "stream":
            self._print(event["text"])
        elif kind in ("result", "display"):
            self._fresh_line()
            output = record.latest
            self._print(f"[{output.file}]\n" if output.file else f"{output.text}\n")
        elif kind == "error":
            self._fresh_line()
            self._print(event["traceback"])
        elif ended is not None and ended.seconds >= 1:  # fast cells need no time
            self._fresh_line()
            self._print(f"   {ended.seconds:.1f} s\n")

    def _fresh_line(self) -> None:
        if not self._at_line_start:
            self._print("\n")

    def _print(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._at_line_start = text.endswith("\n") or (self._at_line_start and not text)  # an empty text changes nothing


def _check(args: argparse.Namespace) -> int:
    from fathom.book.check import CheckOptions, check_books
    from fathom.book.result_table import show_markdown, show_table, to_json

    # both, if both are set
    books = args.books or [os.environ[name] for name in ("FATHOM_BOOK_EN", "FATHOM_BOOK_ZH") if os.environ.get(name)]
    if not books:
        raise UsageError("no checkout of the book: name its folder, or set FATHOM_BOOK_EN or FATHOM_BOOK_ZH")
    options = CheckOptions(
        out=Path(args.out),
        only=tuple(args.only or ()),
        original=args.original,
        again=args.again,
        run_nothing=args.run_nothing,
        jobs=args.jobs,
        cpu_stand_in=args.cpu_stand_in,
        batches=args.batches,
        timeout_s=args.timeout,
    )
    results = check_books([Path(book) for book in books], options, report=lambda line: print(line, file=sys.stderr))
    if not results:
        raise UsageError(f"no results for these sections in {options.out}; run the check without --run-nothing")
    show = to_json if args.json else show_markdown if args.markdown else show_table
    print(show(results))
    # of the checkout's own d2l a failure is only shown
    return int(any(result.is_failure for result in results if result.package == "fathom"))

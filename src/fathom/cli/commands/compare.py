"""``fathom compare``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.cli.tables import lay_out

if TYPE_CHECKING:
    from fathom.runs.analysis.comparison import RunComparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders, their names in runs/, or last")
    parser.add_argument("--runs", dest="root", metavar="DIR", default="runs", help="where they are (default: runs)")
    parser.add_argument("--out", metavar="FILE", help="also write a page with the validation curves, as compare.html")
    parser.add_argument("--csv", metavar="FILE", help="also write the table, one line a run, unrounded")


def run(args: argparse.Namespace) -> int:
    """Print the runs side by side."""
    from fathom.outputs import write_output
    from fathom.runs.analysis.comparison import compare_runs
    from fathom.runs.analysis.ranking import check_runs
    from fathom.runs.folder.reader import resolve_run, series_in

    names = []
    for name in args.runs:
        series = series_in(Path(name)) if len(args.runs) > 1 else None  # runs/* matches these folders too
        if series:
            print(f"left out: {name} is {series}; its runs lie inside", file=sys.stderr)
        else:
            names.append(name)
    comparison = compare_runs([resolve_run(name, args.root) for name in names])
    if args.csv:
        write_output(args.csv, comparison.to_csv())
    if args.out:
        from fathom.runs.html.pages.comparison import write_comparison

        write_comparison(comparison, args.out)
    if sys.stdout.isatty():
        _print_rich(comparison)
    else:
        print(format_plain(comparison))
    for finding in check_runs(comparison):
        print(f"\n{finding.sentence}")
    for file in filter(None, (args.csv, args.out)):
        print(f"\nwritten: {file}")
    return 0


def format_plain(comparison: RunComparison) -> str:
    """Lay out the table as aligned text; an asterisk marks the better value of a row."""
    names = [f"{label}  {run.name}" for label, run in zip(comparison.labels, comparison.runs, strict=True)]
    table = [["", *comparison.labels]]
    for row in comparison.rows:
        best = row.best()
        table.append([row.title, *(f"{text}{'*' if i in best else ''}" for i, text in enumerate(row.texts()))])
    return "\n".join([*names, "", *lay_out(table)])


def _print_rich(comparison: RunComparison) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for label, run in zip(comparison.labels, comparison.runs, strict=True):
        console.print(Text.assemble((label, "bold"), f"  {run.name}"))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for label in comparison.labels:
        table.add_column(label, justify="right")
    for row in comparison.rows:
        best = row.best()
        cells = [Text(text, style="bold green" if i in best else "") for i, text in enumerate(row.texts())]
        table.add_row(Text(row.title), *cells)
    console.print(table)

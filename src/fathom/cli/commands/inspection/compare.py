"""``fathom compare``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.cli.arguments import find_run
from fathom.cli.columns import print_table
from fathom.findings import Findings

if TYPE_CHECKING:
    from fathom.runs.analysis.comparison import RunComparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders, their names in runs/, or last")
    # dest: "runs" is the positional one
    parser.add_argument(
        "--runs", dest="root", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)"
    )
    parser.add_argument("--out", metavar="FILE", help="also write a page with the validation curves, as compare.html")
    parser.add_argument("--json", action="store_true", help="print table and findings as JSON instead")
    parser.add_argument("--csv", metavar="FILE", help="also write the table, one line a run, unrounded")


def run(args: argparse.Namespace) -> int:
    """Print the runs side by side."""
    from fathom.outputs import write_output
    from fathom.runs.analysis.comparison import compare_runs
    from fathom.runs.analysis.fairness import check_fairness
    from fathom.runs.analysis.ranking import check_runs
    from fathom.runs.folder.lookup import series_in
    from fathom.runs.folder.records import to_json

    names = []
    for name in args.runs:
        series = series_in(Path(name)) if len(args.runs) > 1 else None  # runs/* matches these folders too
        if series:
            print(f"left out: {name} is {series}; its runs lie inside", file=sys.stderr)
        else:
            names.append(name)
    comparison = compare_runs([find_run(name, args.root) for name in names])
    if args.csv:
        write_output(args.csv, comparison.to_csv())
    if args.out:
        from fathom.runs.html.pages.comparison import write_comparison

        write_comparison(comparison, args.out)
    fairness = check_fairness(comparison)
    if args.json:
        print(to_json(_as_json(comparison, fairness), indent=1))
        return 0
    _print_comparison(comparison)
    for finding in fairness.findings:
        word = "" if finding.severity == "note" else f"{finding.severity}: "
        print(f"\n{word}{finding.sentence}")
    for check in fairness.not_checked:
        print(f"\nNot checked ({check.code}): {check.reason}.")
    for finding in check_runs(comparison):
        print(f"\n{finding.sentence}")
    for file in filter(None, (args.csv, args.out)):
        print(f"\nwritten: {file}")
    return 0


def _as_json(comparison: RunComparison, fairness: Findings) -> dict[str, Any]:
    """Return runs, rows and all findings as plain values."""
    from fathom.runs.analysis.ranking import check_runs

    rows = [{"key": row.key, "title": row.title, "values": list(row.values)} for row in comparison.rows]
    found = Findings.gravest_first([*fairness.findings, *check_runs(comparison)], fairness.not_checked)
    runs = [{"label": label, "run": run.name} for label, run in zip(comparison.labels, comparison.runs, strict=True)]
    return {"schema": 1, "runs": runs, "rows": rows} | found.to_dict()


def _print_comparison(comparison: RunComparison) -> None:
    """Print which runs they are and their table; the better value of a row stands out, in a pipe by an asterisk."""
    for label, run in zip(comparison.labels, comparison.runs, strict=True):
        print(f"{label}  {run.name}")
    print()
    rows = [[row.title, *row.texts()] for row in comparison.rows]
    # one further: the first column holds titles
    best = {(i, j + 1) for i, row in enumerate(comparison.rows) for j in row.best()}
    print_table(["", *comparison.labels], rows, best=best, mark="*")

"""``fathom predict``."""

from __future__ import annotations

import argparse
import sys

from fathom.cli.values import read_count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", help="run folder, its name in runs/, the beginning of one, or last")
    parser.add_argument(
        "inputs", metavar="FILE|FOLDER", nargs="+", help="pictures and folders of pictures; or CSVs, - for a pipe"
    )
    parser.add_argument("--out", metavar="FILE", help="CSV file to write (default: standard output)")
    parser.add_argument("--top", type=read_count, default=1, metavar="K", help="give the K most probable classes")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, mps")
    parser.add_argument("--runs", metavar="DIR", default="runs", help="where run folders are (default: runs)")


def run(args: argparse.Namespace) -> int:
    """Label every picture or row in the order given; a bad one becomes a row with its error, and exit code 1."""
    from fathom.runs.reader import resolve_run

    path = resolve_run(args.run, args.runs)
    from fathom.recipes.predict import predict_to_csv
    from fathom.recipes.saved import read_description

    what = "rows" if read_description(path)["input"]["kind"] == "table" else "pictures"
    good, bad = predict_to_csv(path, args.inputs, args.out, top=args.top, device=args.device)
    summary = f"{good:,} of {good + bad:,} {what} labelled" + (f" in {args.out}" if args.out else "")
    print(summary + (f"; {bad:,} failed, see the error column" if bad else ""), file=sys.stderr)
    return 1 if bad else 0

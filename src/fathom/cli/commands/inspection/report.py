"""``fathom report``: findings.json and the page of a run, made anew from its folder."""

from __future__ import annotations

import argparse

from fathom.cli.arguments import add_run, find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write only the page, to FILE (default: report.html and findings.json in RUN)",
    )
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of the page (default: en)")


def run(args: argparse.Namespace) -> int:
    """Make the page and print where it is."""
    from fathom.runs.html.pages.report import write_report

    print(write_report(find_run(args.run, args.runs), args.out, language=args.lang))
    return 0

"""``fathom check``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from fathom.build.configure import configure
from fathom.cli.options import chosen_settings, data_options, declare, default_other_options

if TYPE_CHECKING:
    from fathom.data.checks import DataCheck

_MOST_LABELS = 24  # lines of a table that still fits a terminal
_EXAMPLES = """\
examples:
  fathom check --data images/                     broken files, duplicates, balance, a sample
  fathom check --data house.csv --target SalePrice  columns, missing cells, what gives the target away
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of ``fathom train`` that say which data, and how they are divided."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    declare(parser, data_options())
    parser.add_argument("--config", metavar="FILE", help="settings as YAML, such as the config.yaml of a run")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="any setting by its full name")
    parser.add_argument("--out", metavar="FILE", default="check.html", help="page to write (default: check.html)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON, every field of each finding")
    default_other_options(parser)


def run(args: argparse.Namespace) -> int:
    """Look, say what was found, write the page; 1 if there is something to mend."""
    config = configure(chosen_settings(args))
    from fathom.cli.progress import show_reading
    from fathom.doctor.check import check
    from fathom.runs.folder.records import to_json
    from fathom.runs.html.pages.check import CheckContent, write_check

    found = check(config, on_read=show_reading())
    labels, histograms = found.count_labels()
    content = CheckContent(
        name=found.name,
        what=found.what,
        findings=found.findings,
        not_checked=found.not_checked,
        facts=found.facts,
        splits=[(split.name, split.size, h) for split, h in zip(found.splits, histograms, strict=True)],
        labels=labels,
        columns=found.columns,
        left_out=found.left_out,
        broken=found.broken,
        samples=found.samples,
        augmented=found.augmented,
        augmentation="" if config.data.augment in (None, "auto") else str(config.data.augment),
    )
    if args.json:
        print(to_json({"schema": 1} | found.to_dict() | {"page": str(write_check(content, args.out))}, indent=1))
        return 0 if found.has_no_errors else 1
    for line in _describe(found, labels, histograms):
        print(line)
    print(f"page     {write_check(content, args.out)}", file=sys.stderr if not found.has_no_errors else sys.stdout)
    return 0 if found.has_no_errors else 1


def _describe(found: DataCheck, labels: list[str], histograms: list[list[int]]) -> list[str]:
    """Lay out what was found as text."""
    lines = [f"{found.name}: {sum(split.size for split in found.splits):,} {found.what}"]
    width = max([len("splits"), *(len(name) for name, _ in found.facts)])
    lines += [f"  {name:<{width}}  {value}" for name, value in found.facts]
    sizes = [f"{split.name} {split.size:,}" for split in found.splits]
    lines += [f"  {'splits':<{width}}  {', '.join(sizes)}", ""]
    counted = [(split.name, h) for split, h in zip(found.splits, histograms, strict=True) if h]
    if counted and len(labels) <= _MOST_LABELS:
        first = max(len(label) for label in labels)
        lines.append(f"{'':<{first}}" + "".join(f"  {name:>8}" for name, _ in counted))
        lines += [f"{label:<{first}}" + "".join(f"  {h[i]:>8,}" for _, h in counted) for i, label in enumerate(labels)]
        lines.append("")
    lines += [f"{finding.severity:<7}  {finding.text}" for finding in found.findings]
    lines += [f"{'skipped':<7}  {check.code}: {check.reason}" for check in found.not_checked]
    return lines

"""``fathom eval``."""

from __future__ import annotations

import argparse
from typing import Any

from fathom.cli.arguments import add_code, add_device, add_run, find_run
from fathom.cli.findings import show_findings
from fathom.cli.values import OneOf
from fathom.data.encodings import name_encoding
from fathom.phrases import counted
from fathom.unknown_tokens import check_split

SPLITS = ("train", "val", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    add_code(parser)
    parser.add_argument(
        "--split", type=OneOf("split", SPLITS), default="test", metavar="NAME", help="train, val or test (default)"
    )
    add_device(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON, confusion counts included")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from fathom.runs.folder.records import to_json

    path = find_run(args.run, args.runs)
    from fathom.recipes.evaluate import evaluate

    evaluation = evaluate(path, args.split, device=args.device)
    print(to_json(evaluation, indent=1) if args.json else _table(evaluation))
    if "unknown" in evaluation:
        # the first token of a split is read and not predicted
        found = check_split(args.split, evaluation["unknown"], evaluation["num_samples"] + 1, evaluation["level"])
        show_findings([found] if found is not None and found.severity == "warning" else [])
    return 0


def _table(evaluation: dict[str, Any]) -> str:
    what = "token" if "perplexity" in evaluation else "sample"
    lines = [f"{evaluation['split']}: {counted(evaluation['num_samples'], what)}"]
    if "perplexity" in evaluation:
        unknown = f"{evaluation['unknown']:,} of {evaluation['num_samples'] + 1:,} tokens"
        lines += [f"{k:<16}{evaluation[k]:.4f}" for k in ("loss", "perplexity", "bits_per_token")]
        lines.append(f"{'unknown':<16}{unknown}")
        if "encoding" in evaluation:
            lines.append(f"{'encoding':<16}{name_encoding(evaluation['encoding'])}")
        return "\n".join(lines)
    numbers = {name: value for name, value in evaluation.items() if isinstance(value, float)}
    column = max(8, *map(len, numbers)) + 1
    lines += [f"{name:<{column}}{value:.4f}" for name, value in numbers.items()]
    for key, part in (("class", "per_class"), ("label", "per_label")):
        rows = evaluation.get(part, [])
        if not rows:
            continue
        width = max(len(name) for name in (key, *(row[key] for row in rows)))
        lines += ["", f"{key:<{width}}  precision  recall     F1  support"]
        lines += [
            f"{r[key]:<{width}}  {r['precision']:9.3f}  {r['recall']:6.3f}  {r['f1']:5.3f}  {r['support']:7,}"
            for r in rows
        ]
    return "\n".join(lines)

"""``fathom eval``."""

from __future__ import annotations

import argparse
from typing import Any

from fathom.cli.arguments import add_code, add_device, add_model, find_model, find_run
from fathom.cli.findings import show_findings
from fathom.cli.launch import add_processes
from fathom.cli.values import OneOf
from fathom.data.encodings import name_encoding
from fathom.errors import UsageError
from fathom.phrases import counted
from fathom.unknown_tokens import check_split

SPLITS = ("train", "val", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    add_code(parser)
    parser.add_argument("--split", type=OneOf("split", SPLITS), metavar="NAME", help="train, val or test (default)")
    parser.add_argument(
        "--data",
        metavar="PLACE",
        help="other data that say what is right: class folders, a table with the target, a text",
    )
    parser.add_argument("--images", metavar="DIR", help="--data is a CSV of file and label: where the images are")
    parser.add_argument("--file-column", metavar="COLUMN", help="of that CSV: the files (default: found)")
    parser.add_argument("--label-column", metavar="COLUMN", help="of that CSV: the labels")
    parser.add_argument("--encoding", metavar="NAME", help="of a table or text in --data (default: found)")
    add_device(parser)
    add_processes(parser, restarts=False)
    parser.add_argument("--json", action="store_true", help="print everything as JSON, confusion counts included")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from fathom.runs.folder.records import to_json

    evaluation = _evaluate_files(args) if args.data is not None else _evaluate_split(args)
    print(to_json(evaluation, indent=1) if args.json else _table(evaluation))
    if "level" in evaluation:  # a language model's
        # the first token of a split is read and not predicted
        split, size = evaluation["split"], evaluation["num_samples"] + 1
        found = check_split(split, evaluation["unknown"], size, evaluation["level"])
        show_findings([found] if found is not None and found.severity == "warning" else [])
    # files that could not be read fail the command, unlabelled ones do not
    return 1 if evaluation.get("left_out", {}).get("unreadable") else 0


def _evaluate_split(args: argparse.Namespace) -> dict[str, Any]:
    for option in ("images", "file_column", "label_column", "encoding"):
        if getattr(args, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')} belongs to --data, other data than the run's own")
    path = find_run(args.run, args.runs)  # before torch is imported: a wrong name costs nothing
    from fathom.recipes.evaluate import evaluate

    return evaluate(path, args.split or "test", device=args.device)


def _evaluate_files(args: argparse.Namespace) -> dict[str, Any]:
    if args.split is not None:
        # files have no splits
        raise UsageError("--data is evaluated as a whole, and --split is one of the run's own data; leave one out")
    from fathom.inference.image_inputs import label_file_options
    from fathom.recipes.evaluate_files import evaluate_files

    label_file = label_file_options(args.images, args.file_column, args.label_column)
    evaluation, findings = evaluate_files(
        find_model(args.run, args.runs), args.data, label_file=label_file, encoding=args.encoding, device=args.device
    )
    show_findings(findings)
    return evaluation


def _table(evaluation: dict[str, Any]) -> str:
    what = "token" if "perplexity" in evaluation else "sample"
    lines = [f"{evaluation['split']}: {counted(evaluation['num_samples'], what)}"]
    if left_out := evaluation.get("left_out"):
        lines.append(f"left out: {', '.join(f'{number:,} {why}' for why, number in left_out.items())}")
    if "perplexity" in evaluation:
        unknown = f"{evaluation['unknown']:,} of {evaluation['num_samples'] + 1:,} tokens"
        lines += [f"{k:<16}{evaluation[k]:.4f}" for k in ("loss", "perplexity", "bits_per_token")]
        lines.append(f"{'unknown':<16}{unknown}")
        if "encoding" in evaluation:
            lines.append(f"{'encoding':<16}{name_encoding(evaluation['encoding'])}")
        return "\n".join(lines)
    # loss, accuracy and requested metrics
    numbers = {name: value for name, value in evaluation.items() if isinstance(value, float)}
    column = max(8, *map(len, numbers)) + 1
    lines += [f"{name:<{column}}{value:.4f}" for name, value in numbers.items()]
    for key, part in (("class", "per_class"), ("label", "per_label")):  # at most one of them is there
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

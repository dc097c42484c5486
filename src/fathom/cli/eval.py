"""``fathom eval``."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", help="run folder, its name, or last")
    parser.add_argument("--split", default="test", help="train, val or test (default: test)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    parser.add_argument("--json", action="store_true", help="print everything as JSON, confusion counts included")
    parser.add_argument("--out", metavar="DIR", default="runs", help="where run folders are (default: runs)")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from fathom.runs.reader import resolve_run

    path = resolve_run(args.run, args.out)
    from fathom.recipes.evaluate import evaluate

    evaluation = evaluate(path, args.split, device=args.device)
    print(json.dumps(evaluation, indent=1) if args.json else _table(evaluation))
    return 0


def _table(evaluation: dict[str, Any]) -> str:
    lines = [f"{evaluation['split']}: {evaluation['num_samples']:,} examples"]
    lines += [f"{k:<9}{evaluation[k]:.4f}" for k in ("loss", "accuracy", "rmse", "mae", "r2") if evaluation.get(k) is not None]
    if "per_class" in evaluation:
        width = max(len(row["class"]) for row in evaluation["per_class"] + [{"class": "class"}])
        lines += ["", f"{'class':<{width}}  precision  recall     F1  support"]
        lines += [
            f"{r['class']:<{width}}  {r['precision']:9.3f}  {r['recall']:6.3f}  {r['f1']:5.3f}  {r['support']:7,}"
            for r in evaluation["per_class"]
        ]
    return "\n".join(lines)

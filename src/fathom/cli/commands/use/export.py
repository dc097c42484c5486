"""``fathom export``."""

from __future__ import annotations

import argparse
from typing import Any

from fathom.cli.arguments import add_code, add_run, find_run
from fathom.cli.values import OneOf
from fathom.phrases import counted, format_bytes
from fathom.progress import Progress, elapsed

FORMATS = ("onnx", "torch")
METHODS = ("dynamic", "static")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    add_code(parser)
    parser.add_argument(
        "--format",
        type=OneOf("format", FORMATS),
        default="onnx",
        metavar="NAME",
        help="onnx (default) or torch",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file to write, - for standard output (default: model.onnx or model.pt2 in the run folder)",
    )
    parser.add_argument(
        "--int8",
        type=OneOf("kind of int8", METHODS),
        metavar="KIND",
        help="compute in 8 bits: dynamic (dense layers; tables too) or static (calibrated on training data)",
    )
    parser.add_argument("--licence", "--license", metavar="TEXT", help="licence of the model, written into the file")


def run(args: argparse.Namespace) -> int:
    """Export and say what was written."""

    path = find_run(args.run, args.runs)
    # importing torch.export and onnx takes seconds
    with Progress("exporting: loading the libraries", amount=elapsed(), ticks=True) as progress:
        from fathom.export.export import export

        record = export(
            path,
            args.format,
            args.out,
            licence=args.licence,
            int8=args.int8,
            on_stage=lambda stage: progress.update(title=f"exporting: {stage}"),
        )
    print(f"{record['path']}  {format_bytes(record['bytes'])}")
    sizes = " and ".join(map(str, record["verified"]["batch_sizes"]))  # batch sizes it was tried with
    found = ", ".join(f"{name} {value:.1e}" for name, value in record["verified"]["largest_difference"].items())
    what = "before int8, " if "int8" in record else ""
    print(f"{what}compared with PyTorch at batches of {sizes}; largest differences: {found}")
    if "int8" in record:
        print(_table(record["int8"]))
    return 0


def _table(int8: dict[str, Any]) -> str:
    latency, size = int8["latency_ms"], int8["bytes"]
    # of a classifier, else of a regression
    measure, form = ("accuracy", ".2%") if "accuracy" in int8 else ("rmse", ".4g")
    title = {"accuracy": "accuracy", "rmse": "RMSE"}[measure]
    # PyTorch's own quality is float32's
    lines = [f"{'':<9}{title:>9}  batch of 1       size", f"{'PyTorch':<9}{'':9}  {latency['pytorch']:7.3f} ms"]
    lines += [
        f"{name:<9}{format(int8[measure][name], form):>9}  {latency[name]:7.3f} ms  {format_bytes(size[name]):>9}"
        for name in ("float32", "int8")
    ]
    where = f"{counted(int8['num_samples'], int8['split'] + ' sample')}; times of now, on this machine"
    return "\n".join([*lines, f"({where}, {counted(int8['threads'], 'thread')})"])

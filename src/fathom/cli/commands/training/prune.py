"""``fathom prune``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fathom.cli.arguments import add_code, add_run, find_run
from fathom.cli.launch import add_processes
from fathom.cli.values import OneOf, read_fraction, read_natural, read_positive

STRUCTURES = ("channels",)
CRITERIA = ("l1", "l2", "batch_norm")  # as in fathom.recipes.prune, which would import torch
SCOPES = ("local", "global")

_EXAMPLES = """\
examples:
  fathom prune last --amount 0.5 --structured channels     half the channels, out of the network
  fathom prune last --amount 0.9                           nine tenths of the weights zero, and kept zero
  fathom prune last --amount 0.3 --structured channels --finetune 0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    add_run(parser)
    add_code(parser)
    parser.add_argument(
        "--amount", type=read_fraction, required=True, metavar="SHARE", help="share to remove, such as 0.5"
    )
    parser.add_argument(
        "--structured",
        type=OneOf("structure", STRUCTURES),
        metavar="WHAT",
        help="channels: remove whole channels and units (default: set single weights to zero)",
    )
    parser.add_argument(
        "--criterion",
        type=OneOf("criterion", CRITERIA),
        metavar="NAME",
        help="importance of a channel: l2 (default) or l1 norm of its weights, or its batch_norm scale",
    )
    parser.add_argument(
        "--scope",
        type=OneOf("scope", SCOPES),
        metavar="NAME",
        help="local: this share of every layer (default for channels); global: of all layers (default for weights)",
    )
    parser.add_argument(
        "--finetune", type=read_natural, default=3, metavar="EPOCHS", help="epochs of fine-tuning (default: 3)"
    )
    parser.add_argument(
        "--lr", type=read_positive, metavar="RATE", help="learning rate for fine-tuning (default: the run's)"
    )
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, mps (default: as the run)")
    add_processes(parser, restarts=False)
    parser.add_argument("--out", metavar="DIR", help="where the new run folder goes (default: that of --runs)")


def run(args: argparse.Namespace) -> int:
    """Prune, fine-tune, and set before and after side by side."""
    from fathom.errors import UsageError

    if not args.amount:  # read_fraction allows 0
        raise UsageError("--amount must be above 0 and below 1")
    path = find_run(args.run, args.runs)
    from fathom.cli.outcome import finish
    from fathom.cli.progress import show_progress
    from fathom.recipes.prune import Finetuning, prune

    pruned = prune(
        path,
        args.amount,
        structured=args.structured,
        criterion=args.criterion,
        scope=args.scope,
        finetune=Finetuning(args.finetune, args.lr, args.device, show_progress),
        root=Path(args.out or args.runs),
        command=args.command,
    )
    return finish(pruned)

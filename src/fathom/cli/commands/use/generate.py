"""``fathom generate``."""

from __future__ import annotations

import argparse
import sys

from fathom.cli.arguments import add_code, add_device, add_model, find_model
from fathom.cli.values import read_count, read_natural, read_non_negative


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    add_code(parser)
    parser.add_argument("--prefix", metavar="TEXT", default="", help="text to continue (default: a common token)")
    parser.add_argument(
        "--length", type=read_count, metavar="N", default=200, help="characters or words to generate (default: 200)"
    )
    parser.add_argument(
        "--temperature",
        type=read_non_negative,
        metavar="T",
        default=1.0,
        help="below 1 makes likely tokens likelier; 0 always takes the likeliest (default: 1)",
    )
    parser.add_argument("--top-k", type=read_count, metavar="K", help="sample among the K likeliest only")
    parser.add_argument("--seed", type=read_natural, metavar="N", default=0, help="seed for sampling (default: 0)")
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Print the prefix and what the model makes of it."""
    model = find_model(args.run, args.runs)
    from fathom.inference.generation import generate  # torch, after the name is checked

    generated = generate(
        model,
        args.prefix,
        args.length,
        temperature=args.temperature,
        top_k=args.top_k,
        seed=args.seed,
        device=args.device,
    )
    if generated.unknown:
        named = ", ".join(repr(token) for token in generated.unknown)
        print(f"fathom: not in the model's vocabulary, read as unknown: {named}", file=sys.stderr)
    print(generated.text)
    return 0

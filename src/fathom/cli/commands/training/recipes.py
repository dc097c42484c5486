"""``fathom recipes``."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", help="show this recipe as YAML")


def run(args: argparse.Namespace) -> int:
    """List the recipes, or print one."""
    from fathom.settings.presets import recipe_names, recipe_summary, recipe_text

    if args.name:
        print(recipe_text(args.name), end="")  # as the file stands, newline included
        return 0
    names = recipe_names()
    width = max(map(len, names), default=0)  # default: no recipe shipped
    for name in names:
        print(f"{name:<{width}}  {recipe_summary(name)}")
    print("\nuse one: fathom train --recipe NAME; see one: fathom recipes NAME")
    return 0

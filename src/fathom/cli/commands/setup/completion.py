"""``fathom completion``: the lines by which a shell completes commands, options, networks, data sets and runs."""

from __future__ import annotations

import argparse

from fathom.cli.completion import SHELLS, shell_code
from fathom.cli.values import OneOf

_EXAMPLES = """\
examples:
  eval "$(fathom completion bash)"                                      in ~/.bashrc
  eval "$(fathom completion zsh)"                                       in ~/.zshrc, behind compinit
  fathom completion fish > ~/.config/fish/completions/fathom.fish
  fathom completion powershell | Out-String | Invoke-Expression         in $PROFILE
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("shell", metavar="SHELL", type=OneOf("shell", SHELLS), help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    """Print what the shell is to read."""
    print(shell_code(args.shell))
    return 0

"""What a shell offers at the tab key: commands, options, networks, data sets, runs, the names that an option takes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fathom.cli.values import OneOf

MakeParser = Callable[[str], argparse.ArgumentParser]

SHELLS = ("bash", "zsh", "fish", "powershell")


def complete(make_parser: MakeParser, verbs: Mapping[str, str]) -> None:
    """Answer the shell and end the process; what is typed so far stands in the environment, as argcomplete has it.

    Args:
        make_parser: gives the parser of a command; called only for the one that is typed.
        verbs: what each command does.
    """
    import argcomplete

    # COMP_LINE: the line as typed, set by the shell
    parser = line_parser(os.environ.get("COMP_LINE", ""), make_parser, verbs)
    # long: a bare "-" is completed to names that say what they are
    argcomplete.autocomplete(parser, always_complete_options="long")


def line_parser(line: str, make_parser: MakeParser, verbs: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return a parser of the whole line, in which the command typed has its arguments and the others have none."""
    typed = next((word for word in line.split()[1:] if word in verbs), None)  # the first word that is a command
    parser = argparse.ArgumentParser(prog="fathom")
    commands = parser.add_subparsers()
    for name, purpose in verbs.items():
        parents = [make_parser(name)] if name == typed else []  # only its module is imported: completion must be quick
        for action in (action for parent in parents for action in parent._actions):
            _add_completer(action)
        commands.add_parser(name, help=purpose, parents=parents, add_help=not parents)  # parents bring --help along
    return parser


def shell_code(shell: str) -> str:
    """Return the lines that a shell reads at its start."""
    from argcomplete.shell_integration import shellcode

    return str(shellcode(["fathom"], shell=shell))


def _add_completer(action: argparse.Action) -> None:
    """Give an argument what its place may hold; the others are completed to files, as the shell does by itself."""
    if isinstance(action.type, OneOf):
        names: Callable[[], Sequence[str]] = list(action.type.names).copy
    elif "RUN" in str(action.metavar):  # RUN, RUN|FILE.onnx, SCRIPT.py|RUN
        names = _run_names
    elif action.dest in ("model", "model_option", "models"):
        names = _model_names
    elif action.dest in ("data", "data_place"):
        names = _data_names
    else:
        return
    has_files = not isinstance(action.type, OneOf)

    def completer(prefix: str, **_: Any) -> list[str]:
        from argcomplete.completers import FilesCompleter

        files = FilesCompleter()(prefix) if has_files else []
        return [*(name for name in names() if name.startswith(prefix)), *files]

    action.completer = completer  # type: ignore[attr-defined] # where argcomplete looks


def _run_names() -> list[str]:
    from fathom.runs.folder.lookup import names_in

    return ["last", *reversed(names_in(Path("runs")))]  # newest first: names begin with the time


def _model_names() -> list[str]:
    from fathom.models import registry

    return registry.names()


def _data_names() -> list[str]:
    from fathom.data.sources import catalog

    return catalog.names()

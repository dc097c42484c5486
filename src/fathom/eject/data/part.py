"""What the code for one kind of data consists of."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class DataPart:
    """Code that defines ``load_splits() -> {"train": (X, y), …}``, and what it needs.

    Attributes:
        settings: lines of constants, for the head of the file.
        code: the definitions.
        imports: lines.
        uses: functions of Fathom's that the code calls, as (module, name).
        front: code of a layer ``Front`` before the network, which has weights of its own; "" for none.
        prepare: code of ``prepare(X)``, what happens to each batch before the network; "" for nothing.
        sizes: batch sizes of an evaluation.
        tail: long tables, for the end of the file.
    """

    settings: list[str]
    code: str
    imports: set[str] = field(default_factory=set)
    uses: list[tuple[str, str]] = field(default_factory=list)
    front: str = ""
    prepare: str = ""
    tail: str = ""


def dedent(text: str) -> str:
    """Return code without its indentation and the line breaks around it."""
    return textwrap.dedent(text).strip("\n")


def in_words(text: str) -> str:
    """Return a name as it may stand in a comment or a docstring: in one line, without what would end either."""
    return "".join(letter if letter.isprintable() and letter not in '"\\' else "?" for letter in text)


def write_numbers(name: str, numbers: Sequence[int], comment: str) -> str:
    """Return a list of numbers as lines of code."""
    body = textwrap.fill(", ".join(map(str, numbers)), 116, initial_indent="    ", subsequent_indent="    ")
    return f"# {comment}\n{name} = [\n{body}\n]"

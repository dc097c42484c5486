"""How the text of an option becomes its value; what is wrong with a text is said in words, before torch is imported."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from fathom.choices import LoggerName
from fathom.errors import unknown

Reader = Callable[[str], object]


def read_count(text: str) -> int:
    """Read a whole number of at least 1."""
    return _read_whole(text, 1)


def read_natural(text: str) -> int:
    """Read a whole number of at least 0."""
    return _read_whole(text, 0)


def read_positive(text: str) -> float:
    """Read a number above 0."""
    return _read_number(text, "above 0", lambda value: value > 0)


def read_non_negative(text: str) -> float:
    """Read a number of at least 0."""
    return _read_number(text, "of at least 0", lambda value: value >= 0)


def read_fraction(text: str) -> float:
    """Read a number of at least 0 and below 1."""
    return _read_number(text, "of at least 0 and below 1", lambda value: 0 <= value < 1)


def read_names(text: str) -> list[str]:
    """Read names with commas between them."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between them")
    return names


def read_loggers(text: str) -> list[str]:
    """Read names of loggers, without the libraries that they need."""
    return [str(OneOf("logger", get_args(LoggerName))(name)) for name in read_names(text)]


def read_percent(text: str) -> float:
    """Read a share, as 0.05 or as 5%."""
    if not text.endswith("%"):
        return read_fraction(text)
    share = _read_number(text[:-1], "from 0 to below 100, or a share", lambda value: 0 <= value < 100)
    return share / 100  # 5% is 0.05


def read_range(text: str) -> list[float]:
    """Read two numbers with a comma between them, the lower one first."""
    ends = text.split(",")
    if len(ends) != 2:
        raise argparse.ArgumentTypeError(f"{text!r}: expected two numbers with a comma between them, such as -1000,400")
    # the window's ends may be any numbers
    low, high = (_read_number(end.strip(), "of any size", lambda value: True) for end in ends)
    if low >= high:
        raise argparse.ArgumentTypeError(f"{text!r}: the lower number comes first")
    return [low, high]


@dataclass(frozen=True)
class OneOf:
    """A reader that knows ``names`` alone, and suggests the nearest one for another."""

    kind: str
    names: Sequence[str]

    def __call__(self, text: str) -> str:
        """Return the text, if it is one of the names."""
        if text not in self.names:
            raise unknown(self.kind, text, self.names)
        return text


def _read_whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1  # below the least: the one message below
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return value


def _read_number(text: str, what: str, is_right: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan  # nan: as any other wrong number
    if not (math.isfinite(value) and is_right(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {what}")
    return value

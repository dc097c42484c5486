"""Checks that builders make before they build, so that a wrong value is one clear line and not a stack of shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from fathom.errors import UsageError, unknown

T = TypeVar("T")
MOST_ONE_HOT = 256  # tokens; the letters of a language, or all bytes. With more an embedding is the default
EMBEDDING = 128  # dimensions; ours
SMALL_BELOW = 64  # pixels; 28 and 32 are the sizes that the small forms are made for, 96 the book's smallest full one


def check_image(model: str, input_shape: Sequence[int], minimum: int = 1) -> tuple[int, int, int]:
    """Return ``input_shape`` as (channels, height, width).

    Raises:  UsageError if it is no image shape, or smaller than ``minimum`` pixels in height or width.
    """
    if len(input_shape) != 3:
        raise UsageError(f"{model} expects images (channels, height, width); got input shape {_by(input_shape)}")
    channels, height, width = (check_count("input_shape", size) for size in input_shape)
    if min(height, width) < minimum:
        # sizes below it leave nothing after the pooling layers
        raise UsageError(f"{model} needs images of at least {minimum}x{minimum}; got {height}x{width}")
    return channels, height, width


def use_small(small: object, input_shape: Sequence[int]) -> bool:
    """Decide between the published form and the one for small images: None means small below 64 pixels."""
    if small is None:
        return len(input_shape) == 3 and min(input_shape[1:]) < SMALL_BELOW  # the shorter side decides
    return check_flag("small", small)


def choose_embedding(num_tokens: int) -> int:
    """Return the width of the token vectors where nobody chose it; 0 are one-hot vectors."""
    return 0 if num_tokens <= MOST_ONE_HOT else EMBEDDING


def check_choice(option: str, value: T, known: Iterable[T]) -> T:
    """Return ``value`` if it is one of the ``known`` ones."""
    choices = list(known)
    if value not in choices:
        raise unknown(option, value, map(str, choices))
    return value


def check_flag(option: str, value: object) -> bool:
    """Return ``value`` if it is true or false and not merely truthy: the text 'no' would count as yes."""
    # by type: 1 and "no" are neither
    if not isinstance(value, bool):
        raise UsageError(f"{option} must be true or false; got {value!r}")
    return value


def check_count(option: str, value: object) -> int:
    """Return ``value`` if it is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:  # True is an int
        raise UsageError(f"{option} must be a whole number of at least 1; got {value!r}")
    return value


def check_probability(option: str, value: object) -> float:
    """Return ``value`` if it lies in [0, 1): a dropout of 1 would let nothing through."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise UsageError(f"{option} must be at least 0 and below 1; got {value!r}")
    return float(value)


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "()"

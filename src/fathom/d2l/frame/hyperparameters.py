"""Arguments that become attributes, and methods added to a class after it is made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def add_to_class(Class: type) -> Callable[[Function], Function]:
    """Make a decorator that adds a function to ``Class`` as a method, so that a class can be built over several cells.

    Objects that exist already have the method as well.
    """

    def add(function: Function) -> Function:
        setattr(Class, function.__name__, function)  # the class is changed: objects that exist get the method too
        return function

    return add


class HyperParameters:
    """Base of the book's classes: an ``__init__`` keeps its arguments by one call."""

    hparams: dict[str, Any]

    def save_hyperparameters(self, ignore: Sequence[str] = ()) -> None:
        """Make every argument of the calling ``__init__`` an attribute, and keep them all in ``self.hparams``.

        As in the book, local variables assigned before the call count as arguments; names with a leading underscore
        do not.

        Args:
            ignore: names to leave out.
        """
        frame = _find_init(self, sys._getframe(1))  # 1: who called save_hyperparameters
        left_out = {*frame.f_code.co_freevars, *ignore}  # variables of the enclosing scope are no arguments
        self.hparams = {
            name: value
            for name, value in frame.f_locals.items()
            # as the book's: private names and self are left out
            if name not in left_out and not name.startswith("_") and value is not self
        }
        for name, value in self.hparams.items():
            setattr(self, name, value)


def _find_init(owner: object, frame: FrameType) -> FrameType:
    """Find the ``__init__`` of ``owner`` that led here, through overriding methods; the caller itself if there is none.

    Python hands a method nothing of its caller, so that the book's interface can only be had from the frames.
    """
    candidate: FrameType | None = frame  # outwards, from the caller on
    while candidate is not None and candidate.f_code.co_argcount:
        # its first argument, self, is another object
        if candidate.f_locals.get(candidate.f_code.co_varnames[0]) is not owner:
            break
        if candidate.f_code.co_name == "__init__":
            return candidate
        candidate = candidate.f_back
    return frame

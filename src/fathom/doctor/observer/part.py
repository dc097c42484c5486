"""What the parts of the observer have in common: each follows one kind of object."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer
    from fathom.doctor.observer.record import Record


class Part:
    """A part of an observer."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    @property
    def record(self) -> Record:
        """Where it writes what it sees."""
        return self.observer.record

    def install(self) -> list[Any]:
        """Set hooks and patches; return the handles that take the hooks away."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what is still to be written at the end."""


def own_work(method: Callable[..., None]) -> Callable[..., None]:
    """Let a method of a part run unseen and without gradients; not at all while the observer is idle."""

    @functools.wraps(method)
    def run(self: Part, *args: Any, **kwargs: Any) -> None:
        if self.observer.is_paused or torch.compiler.is_compiling():
            return
        with self.observer.own_work(method.__name__):
            method(self, *args, **kwargs)

    return run


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Let a method that runs on every step never be a failure of the training: ``own_work``, but cheaper.

    It must be quick, and compute nothing that carries gradients.
    """

    @functools.wraps(method)
    def run(self: Part, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # a limit that ends the script is none
            self.record.note_failure(method.__name__, error)

    return run

"""What ends a command early: Ctrl-C, SIGTERM, a closed terminal, a reader that left. Work in hand is undone."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from fathom.training.signals import Interrupted

_AGAIN_S = 0.05  # seconds: until the destructor that dropped it is over
SIGPIPE = 13  # its number everywhere; Windows has no name for it
ENDING = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP


class Interruption(KeyboardInterrupt):
    """Something other than Ctrl-C asked for the end, outside the training loop; it unwinds in the same way."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum


class Stop:
    """Holds the last signal that asked for the end of a command; None while none did."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        raise KeyboardInterrupt if signum == signal.SIGINT else Interruption(signum)


@contextlib.contextmanager
def handle_signals() -> Iterator[Stop]:
    """Let SIGTERM and SIGHUP unwind like Ctrl-C, so that temporary files go and a run's status is set.

    Python drops an exception that is raised inside a destructor or a callback of a weak reference, and some packages
    catch any that strikes while they are imported. The former is sent again; of the latter ``Stop`` keeps the signal,
    so that the error that follows from it is not taken for one.

    Handlers of an embedding program stay, and a SIGHUP that nohup ignores stays ignored; outside the main thread, where
    Python cannot, nothing is done.
    """
    stop = Stop()
    # handlers that may be replaced: Python's own
    usual: dict[signal.Signals, tuple[Any, ...]] = {signal.SIGINT: (signal.default_int_handler,)}
    usual |= dict.fromkeys(ENDING, (signal.SIG_DFL, None))  # None: set by C code, which Python cannot name
    old: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # another handler is an embedding program's
        old = {number: handler for number in usual if (handler := signal.getsignal(number)) in usual[number]}
    old_hook = sys.unraisablehook
    again: list[threading.Timer] = []

    def hook(dropped: Any) -> None:
        if stop.signum is None or not issubclass(dropped.exc_type, KeyboardInterrupt):
            old_hook(dropped)
            return
        timer = threading.Timer(_AGAIN_S, _send, [stop.signum])  # a timer: raising here would be dropped again
        timer.daemon = True  # a waiting timer must not keep the process alive
        again.append(timer)
        timer.start()

    try:
        for number in old:
            signal.signal(number, stop)
        sys.unraisablehook = hook
        yield stop
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = old_hook
        for number, handler in old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None cannot be set again


def resume_hint(stop: KeyboardInterrupt, command: str) -> Interrupted:
    """Make the error for a series that a signal stopped: its exit code, and what to type to go on."""
    from fathom.training.signals import Interrupted

    return Interrupted(signal_of(stop), f"stopped; resume with: {command}")


def signal_of(stop: KeyboardInterrupt) -> int:
    """Return the number of the signal behind an interruption."""
    return stop.signum if isinstance(stop, Interruption) else signal.SIGINT


def reader_left(stream: TextIO) -> None:
    """End a command whose output nobody reads any more: a run under way finishes its step and saves a checkpoint.

    Raises:  Interruption where no run is under way
    """
    with contextlib.suppress(OSError, ValueError):
        # what is still written goes nowhere, without an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    training = sys.modules.get("fathom.training.signals")  # not imported: no training is under way
    if training is None or not training.request_stop(SIGPIPE):
        raise Interruption(SIGPIPE)


def _send(signum: int) -> None:
    """Signal the main thread, out of a call that waits too where the system can."""
    ident = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and ident is not None:
        signal.pthread_kill(ident, signum)  # pthread_kill interrupts a blocking read; raise_signal does not
    else:
        signal.raise_signal(signum)

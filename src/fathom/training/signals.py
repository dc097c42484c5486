"""SIGINT, SIGTERM and SIGHUP ask a run to finish its step and save; they do not tear it down."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from fathom.errors import FathomError


class Interrupted(FathomError):
    """A signal stopped the run after its step was finished. Exit code 128 + signal."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum  # as shells report a process that a signal ended


class StopRequest:
    """Holds the signal that asked for a stop; None while nobody did."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C means now
        self.signum = signum


_active: StopRequest | None = None  # of the run under way in the main thread


def request_stop(signum: int) -> bool:
    """Ask the run under way to stop, as the signal would; return whether there is one."""
    if _active is None:
        return False
    _active.signum = _active.signum or signum  # the first signal decides the exit code
    return True


@contextlib.contextmanager
def catch_signals() -> Iterator[StopRequest]:
    """Note SIGINT, SIGTERM and SIGHUP instead of dying of them; a SIGHUP that nohup ignores stays ignored.

    Outside the main thread, where Python cannot, do nothing.
    """
    global _active
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # Python hands signals to the main thread alone
        yield request
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    old = {number: signal.signal(number, request) for number in numbers}
    before, _active = _active, request  # kept: a run may be started within another's hooks
    try:
        yield request
    finally:
        _active = before
        for number, handler in old.items():
            # None stands for a handler that was not set from Python and cannot be given back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        request.signum = None  # a frame that still holds the request must not think it is asked to stop

"""SIGINT and SIGTERM ask a run to finish its step and save; they do not tear it down."""

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
        self.exit_code = 128 + signum


class StopRequest:
    """Holds the signal that asked for a stop; None while nobody did."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C means now
        self.signum = signum


@contextlib.contextmanager
def catch_signals() -> Iterator[StopRequest]:
    """Note SIGINT and SIGTERM instead of dying of them; outside the main thread, where Python cannot, do nothing."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    old = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in old.items():
            # None stands for a handler that was not set from Python and cannot be given back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        request.signum = None

"""The process that computes: it alone loads PyTorch, so that the server starts at once and stays light.

One request at a time, a line of JSON each way. It is started by the first request and ends when it had nothing to do
for some minutes, when a request takes too long, or when the server ends (its standard input closes).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import Any

from fathom.errors import FathomError

_MOST_S = 180.0  # a request on a large model on a slow machine; then it is ended
_IDLE_S = 300.0


class Worker:
    """A process for the requests of one server."""

    def __init__(self, module: str = "fathom.board.work.child") -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._idle: threading.Timer | None = None

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Return what a task gives.

        Raises:  FathomError with what went wrong there, or if it takes too long
        """
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            process = self._running()
            overdue = threading.Timer(_MOST_S, process.kill)
            overdue.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps({"task": task, **arguments}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = ""
            finally:
                overdue.cancel()
            if not line:
                self._end()
                raise FathomError("the computing process ended; was there enough memory?")
            self._idle = threading.Timer(_IDLE_S, self.close)
            self._idle.daemon = True
            self._idle.start()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise FathomError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", self._module]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        return self._process

    def _end(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

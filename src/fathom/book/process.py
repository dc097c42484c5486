"""The child process in which a file's code runs. Torch-free."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from fathom.book.workspace import HIDDEN
from fathom.errors import missing_library
from fathom.files import describe_failure

CHILD = Path(__file__).with_name("child.py")
_MARK = "\x1e"  # as kernel/events.py writes it
_STEP_S = 5.0  # the longest that one pipe's reader waits for the other's
_POLL_S = 0.2
_GRACE_S = 3.0  # between asking the child to stop and killing it
_DRAIN_S = 0.5  # for what is left in the pipes after the child has exited


class Stopped(Exception):
    """The child ended before its work did; the message says how."""


class TimedOut(Stopped):
    """The child ran out of time."""


def run_job(
    job: Mapping[str, Any], folder: Path, *, python: str = sys.executable, timeout_s: float | None = None
) -> Generator[dict[str, Any], None, None]:
    """Run ``job`` in a new process in ``folder``, and yield its events as they come.

    However the iteration ends, by the last event, an error or Ctrl-C, the child and its processes are gone afterwards.

    Raises:  Stopped if the child dies, TimedOut if it takes too long; FathomError if it cannot be started
    """
    child = _Child(job, folder, python)
    try:
        yield from child.events(timeout_s)
    except KeyboardInterrupt:
        child.interrupt()
        raise
    finally:
        child.kill()


class _Child:
    def __init__(self, job: Mapping[str, Any], folder: Path, python: str) -> None:
        environment = os.environ | {
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(folder.parent / HIDDEN),
            "PYTHONIOENCODING": "utf-8",
        }
        if os.environ.get("PYTHONPATH"):  # relative folders start here, and the child runs elsewhere
            folders = os.environ["PYTHONPATH"].split(os.pathsep)
            environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(name) for name in folders if name)
        if job["cpu_stand_in"]:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        try:
            self._process = subprocess.Popen(
                [python, str(CHILD)],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches only the parent, which then decides
            )
        except OSError as error:
            raise describe_failure("start", python, error) from error
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._in_step = threading.Barrier(2)  # the two readers meet where a cell begins or ends
        self._stderr_tail = ""
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_rest)]
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(OSError), _using(self._process.stdin) as pipe:
            pipe.write(json.dumps(job).encode())

    def events(self, timeout_s: float | None) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        while True:
            if time.monotonic() > deadline:
                self.interrupt()
                yield from self._last_events()
                raise TimedOut(f"stopped after {timeout_s:g} s (--timeout)")
            try:
                event = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if self._process.poll() is None:
                    continue
                time.sleep(_DRAIN_S)  # a worker that outlived the child can hold its pipe open
                event = None if self._queue.empty() else self._queue.get()
            if event is None:
                raise self._explain_end()
            yield event
            if event["event"] == "done":
                return

    def _last_events(self) -> Iterator[dict[str, Any]]:
        """Yield what the interrupted child still sent, except that it has ended."""
        while not self._queue.empty():
            event = self._queue.get()
            if event is not None and event["event"] not in ("end", "done"):
                yield event

    def interrupt(self) -> None:
        """Interrupt the running cell as Ctrl-C would, and give the child a moment to exit."""
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.wait(_GRACE_S)

    def kill(self) -> None:
        """Kill the child and every process in its group."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(_DRAIN_S)  # longer only if something that left the group holds the pipe

    def _explain_end(self) -> Exception:
        code = self._process.wait()
        if "no IPython" in self._stderr_tail:
            return missing_library("running files", "ipython", "book")
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            reason = "; it may have run out of memory" if -code == signal.SIGKILL else ""
            return Stopped(f"the process was killed by {name}{reason}")
        last = (self._stderr_tail.strip().splitlines() or [""])[-1]
        return Stopped(f"the process ended with exit code {code}" + (f": {last}" if last else ""))

    def _read_events(self) -> None:
        with _using(self._process.stdout) as pipe:
            for line in pipe:
                with contextlib.suppress(ValueError):  # half a line from a killed process
                    event = json.loads(line)
                    is_boundary = event["event"] in ("start", "end")
                    if is_boundary:
                        self._meet_other_reader()
                    self._queue.put(event)
                    if is_boundary:
                        self._meet_other_reader()
        self._in_step.abort()
        self._queue.put(None)

    def _read_rest(self) -> None:
        """Pass on output from below Python's streams."""
        with _using(self._process.stderr) as pipe:
            while data := os.read(pipe.fileno(), 1 << 16):
                for number, text in enumerate(data.decode("utf-8", "replace").split(_MARK)):
                    if number > 0:
                        self._meet_other_reader()  # what was written before the boundary is queued
                        self._meet_other_reader()  # the boundary is queued
                    if text:
                        self._stderr_tail = (self._stderr_tail + text)[-10_000:]
                        self._queue.put({"event": "stream", "name": "stderr", "text": text})
        self._in_step.abort()

    def _meet_other_reader(self) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):  # a pipe was closed; the other is still read to its end
            self._in_step.wait(_STEP_S)


@contextlib.contextmanager
def _using(pipe: IO[bytes] | None) -> Iterator[IO[bytes]]:
    assert pipe is not None
    try:
        yield pipe
    finally:
        pipe.close()

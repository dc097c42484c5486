"""Processes that work for this one: started, welcomed, spoken to over TCP on this machine, and gone at the end.

Every wait has an end, and every failure names the worker: a dead one is seen by its closed connection, a stuck one by
the time it takes.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from fathom.scratch.devices.messages import Closed, Late, Malformed, Message, receive, send

_HELLO_S = 5.0  # seconds for the first message of a caller
_GOODBYE_S = 5.0  # seconds before a worker that does not end is killed


class WorkerError(RuntimeError):
    """A worker failed; the message says which one, when and how."""


class Worker:
    """One process and the connection to it."""

    def __init__(self, number: int, port: int, token: str) -> None:
        self.number = number
        self.connection: socket.socket | None = None
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self.process = subprocess.Popen(
            # -P: a file in the current folder cannot stand in for a module
            [sys.executable, "-P", "-m", "fathom.scratch.devices.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            # the processes share the cores: one thread each
            env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError), self.process.stdin as stdin:  # one that died at once is noticed soon enough
            stdin.write(json.dumps({"number": number, "port": port, "token": token}).encode() + b"\n")

    def tell(self, kind: str, arrays: Sequence[np.ndarray], timeout_s: float, **facts: Any) -> int:
        """Send a message; return its bytes.
        Shape:   array (…) -> ()

        Raises:  WorkerError if the worker is gone or does not take it in time
        """
        assert self.connection is not None
        self.connection.settimeout(timeout_s)
        try:
            return send(self.connection, kind, arrays, **facts)
        except (Closed, Late) as error:
            self.fail(str(error))

    def hear(self, timeout_s: float) -> Message:
        """Wait for a message.

        Raises:  WorkerError if the worker is gone, too slow, or reports an error
        """
        assert self.connection is not None
        try:
            message = receive(self.connection, timeout_s)
        except (Closed, Late, Malformed) as error:
            self.fail(str(error))
        if message.kind == "error":
            self.fail(str(message.facts.get("text")))
        return message

    def fail(self, what: str) -> NoReturn:
        """Say what became of the worker; if its process has ended, how."""
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=0.5)  # a connection closes a moment before its process ends
            # a negative code is the signal's number
            what = f"was killed by signal {-code}" if code < 0 else f"{what}; it ended with code {code}"
        self.errors.seek(0)  # what it wrote, from the beginning
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        last_words = f"; its last words: {lines[-1]}" if lines else ""
        raise WorkerError(f"worker {self.number} (process {self.process.pid}): {what}{last_words}")

    def close(self) -> None:
        """Wait for the end of the process, which its closed connection brings about; kill it if it does not come."""
        try:
            self.process.wait(timeout=_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()


class WorkerPool:
    """Workers for the length of a ``with`` block.

    Args:
        timeout_s: longest wait for any one answer, the start included.

    Raises:  WorkerError if a worker does not start
    """

    def __init__(self, num_workers: int, timeout_s: float) -> None:
        if num_workers < 1:
            raise ValueError(f"WorkerPool: num_workers must be at least 1, got {num_workers}")
        self.num_workers, self.timeout_s = num_workers, timeout_s
        self.workers: list[Worker] = []

    def __enter__(self) -> WorkerPool:
        token = secrets.token_hex(16)  # any process of this machine may call the port
        try:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                for number in range(self.num_workers):
                    # port 0 lets the system choose a free one
                    self.workers.append(Worker(number, listener.getsockname()[1], token))
                self._welcome(listener, token)
        except BaseException:
            self.close(at_once=True)
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(at_once=kind is not None)

    def close(self, at_once: bool = False) -> None:
        """Let the workers go: they end when their connection closes."""
        for worker in self.workers:
            if worker.connection is not None:
                worker.connection.close()
            if at_once:
                worker.process.kill()  # after an error nobody waits for its answer
        for worker in self.workers:
            worker.close()
        self.workers = []

    def wait_for_one(self, busy: Sequence[Worker]) -> Worker:
        """Return a worker that has something to say, be it that it is dead.

        Raises:  WorkerError if there is none in time
        """
        with selectors.DefaultSelector() as selector:
            for worker in busy:
                assert worker.connection is not None
                selector.register(worker.connection, selectors.EVENT_READ, worker)
            events = selector.select(self.timeout_s)  # sleeps until one can be read
        if not events:
            busy[0].fail(f"no answer within {self.timeout_s:g} s")
        found: Worker = events[0][0].data  # the others stay readable for the next call
        return found

    def _welcome(self, listener: socket.socket, token: str) -> None:
        """Wait until every worker has called; who does not know the token is no worker."""
        deadline_s = time.monotonic() + self.timeout_s
        listener.settimeout(0.1)  # seconds: so often a dead worker is looked for
        # by number: those who have not called yet
        while missing := {worker.number: worker for worker in self.workers if worker.connection is None}:
            for worker in missing.values():
                if worker.process.poll() is not None:
                    worker.fail("no connection")
                if time.monotonic() > deadline_s:
                    worker.fail(f"no connection within {self.timeout_s:g} s")
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            try:
                hello = receive(connection, _HELLO_S).facts
            except (Closed, Late, Malformed):
                hello = {}  # a stranger, or noise on the port
            caller = missing.get(hello.get("number", -1))
            # compared in constant time: nothing about the token leaks
            if caller is None or not hmac.compare_digest(str(hello.get("token")).encode(), token.encode()):
                connection.close()
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as in the worker: messages go at once
            caller.connection = connection

"""Fetch files: several at once, each resumed where it broke off, bounded in size."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fathom.data.fetch.source import RemoteFile, RemoteSource
from fathom.data.fetch.web import TransferFailed
from fathom.errors import FathomError
from fathom.files import describe_failure

WORKERS = 16
ATTEMPTS = 4  # in a row without a byte, after temporary faults
BACKOFF_S = 0.5  # before the second attempt; twice as long before each further one

OnTransfer = Callable[[int, int], None]
"""Called with the bytes and files added since the last call; negative if some were discarded."""


@dataclass
class Transfer:
    """A transfer of files from one source to this machine.

    Bytes go to ``<path>.part``, which the next fetch resumes, and which is renamed once it is complete.

    Args:
        count: called with what has arrived.
        max_bytes: no file may become larger.
    """

    source: RemoteSource
    count: OnTransfer
    max_bytes: int
    failures: list[BaseException] = field(default_factory=list)

    def run(self, items: Iterable[tuple[RemoteFile, Path]], workers: int = WORKERS) -> None:
        """Fetch each file to its path; a complete one is kept. The first failure stops all.

        Raises:  TransferFailed, FathomError or SourceChanged as the source; FathomError if the disk refuses
        """
        waiting, lock = iter(items), threading.Lock()

        def work() -> None:
            while not self.failures:
                with lock:
                    following = next(waiting, None)
                if following is None:
                    return
                try:
                    self.fetch(*following)
                except BaseException as error:
                    self.failures.append(error)

        # Daemons, unlike an executor's: after Ctrl-C nobody waits for unfinished transfers.
        threads = [threading.Thread(target=work, name=f"fetch-{i}", daemon=True) for i in range(workers)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException as error:
            self.failures.append(error)
            raise
        if self.failures:
            raise self.failures[0]

    def fetch(self, item: RemoteFile, path: Path) -> None:
        """Fetch one file, as ``run`` does."""
        part = path.with_name(f"{path.name}.part")
        try:
            if item.size is not None and _size(path) == item.size and path.exists():
                self.count(item.size, 1)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            if not item.tag or _size(part) > (self.max_bytes if item.size is None else item.size):
                part.unlink(missing_ok=True)  # it may not be the start of the same file
            self.count(_size(part), 0)
            self._fetch_with_retries(item, part)
            os.replace(part, path)
        except OSError as error:  # the source raises none
            raise describe_failure("write", path, error) from error
        self.count(0, 1)

    def _fetch_with_retries(self, item: RemoteFile, part: Path) -> None:
        failed = 0
        while True:
            start = _size(part)
            try:
                return self._append(item, part, start)
            except TransferFailed as error:
                failed = 1 if _size(part) > start else failed + 1  # bytes came: the count begins again
                if not error.is_retryable or failed >= ATTEMPTS or self.failures:
                    raise
                time.sleep(BACKOFF_S * 2 ** (failed - 1))

    def _append(self, item: RemoteFile, part: Path, start: int) -> None:
        if start == item.size:
            part.touch()  # an empty file, or one whose rename a kill prevented
            return
        with self.source.open(item, start) as stream, open(part, "ab") as file:
            if stream.start < start:  # the server cannot start in the middle
                file.truncate(stream.start)
                self.count(stream.start - start, 0)
            done, most = stream.start, self.max_bytes if item.size is None else item.size
            for chunk in stream.chunks:
                done += len(chunk)
                if done > most:
                    raise FathomError(f"{item.path}: the server sends more than {most:,} bytes")
                file.write(chunk)
                file.flush()  # so that it is kept even if this process is killed
                self.count(len(chunk), 0)
                if self.failures:
                    raise TransferFailed("stopped")
        if item.size is not None and done < item.size:  # the end of a stream does not say that it was cut
            raise TransferFailed(f"broke off after {done:,} of {item.size:,} bytes", is_retryable=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

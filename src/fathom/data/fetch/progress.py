"""How far fetching or unpacking is: a line that counts up on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time

_TERMINAL_S, _PLAIN_S = 0.1, 10.0


class Progress:
    """Counts bytes and files from several threads.

    Args:
        what: what is fetched.
        num_files: how many files there are in all, None while unknown.
        size: bytes in all, None while unknown.
        verbs: what is being done to them, and what has been.
    """

    def __init__(
        self, what: str, num_files: int | None, size: int | None, verbs: tuple[str, str] = ("fetching", "fetched")
    ) -> None:
        self.what, self.num_files, self.size, self.verbs = what, num_files, size, verbs
        self.bytes = self.files = 0
        self._lock = threading.Lock()
        self._is_live = sys.stderr.isatty()
        self._every_s = _TERMINAL_S if self._is_live else _PLAIN_S
        self._shown_at = time.monotonic()

    def count(self, num_bytes: int, num_files: int) -> None:
        """Add to what is here; show it if it is time to."""
        with self._lock:
            self.bytes += num_bytes
            self.files += num_files
            now = time.monotonic()
            if now - self._shown_at >= self._every_s:
                self._shown_at = now
                self._show(done=False)

    def finish(self) -> None:
        """Say that all is here."""
        with self._lock:
            self._show(done=True)
            if self._is_live:
                print(file=sys.stderr)

    def abandon(self) -> None:
        """Leave the line as it stands."""
        if self._is_live:
            print(file=sys.stderr)

    def _show(self, *, done: bool) -> None:
        total = "" if self.size is None or done else f" of {readable(self.size)}"
        if self.num_files is None or done:
            files = f"{self.num_files or self.files:,} files, "
        else:
            files = f"{self.files:,} of {self.num_files:,} files, "
        files = "" if self.num_files == 1 else files
        line = f"{self.verbs[done]} {self.what}: {files}{readable(self.bytes)}{total}"
        print(
            f"\r\x1b[K{line}" if self._is_live else line, end="" if self._is_live else "\n", file=sys.stderr, flush=True
        )


def say(line: str) -> None:
    """Return the user something about remote data."""
    print(f"fathom: {line}", file=sys.stderr, flush=True)


def readable(num_bytes: int) -> str:
    """Write a number of bytes in the unit that suits it.

    >>> readable(999), readable(1_250_000), readable(48_000_000_000)
    ('999 B', '1.2 MB', '48 GB')
    """
    size, unit = float(num_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if unit != "B" and size < 10 else f"{size:.0f} {unit}"

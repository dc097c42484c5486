"""Progress of fetching or unpacking, in files and bytes."""

from __future__ import annotations

import sys

from fathom.phrases import format_bytes
from fathom.progress import Progress, bytes_of


class TransferProgress:
    """Counts bytes and files from several threads.

    Args:
        what: what is fetched.
        num_files: files in all, None if unknown.
        size: bytes in all, None if unknown.
        verbs: for the running and the finished line.
    """

    def __init__(
        self, what: str, num_files: int | None, size: int | None, verbs: tuple[str, str] = ("fetching", "fetched")
    ) -> None:
        self.what, self.num_files, self.done_verb = what, num_files, verbs[1]
        self.files = 0
        self._progress = Progress(f"{verbs[0]} {what}", size, amount=self._amount)

    def count(self, num_bytes: int, num_files: int) -> None:
        """Add to what is here; negative numbers take back."""
        self.files += num_files
        self._progress.advance(num_bytes)

    def finish(self) -> None:
        """Print the final line."""
        self._progress.close()
        # a single file needs no count
        files = "" if self.num_files == 1 else f"{self.num_files or self.files:,} files, "
        print(f"{self.done_verb} {self.what}: {files}{format_bytes(self._progress.done)}", file=sys.stderr, flush=True)

    def abandon(self) -> None:
        """Show nothing more."""
        self._progress.close()

    def _amount(self, done: float, total: float | None) -> str:
        if self.num_files == 1:  # one file: bytes alone
            return bytes_of(done, total)
        of_all = "" if self.num_files is None else f" of {self.num_files:,}"
        return f"{self.files:,}{of_all} files, {bytes_of(done, total)}"


def notify(line: str) -> None:
    """Print a line about remote data on standard error."""
    print(f"fathom: {line}", file=sys.stderr, flush=True)

"""What reaches a terminal: text whose control characters are made visible, and what is drawn on purpose."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

# C0 without tab and line feed, DEL, C1; the embeddings, overrides and isolates of Unicode's bidirectional algorithm.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_CLOSED = (errno.EPIPE, errno.EIO)  # of a pipe without a reader, of a terminal that is gone


def visible(text: str) -> str:
    r"""Replace control characters, which names of files and classes may hold, by their escapes.

    >>> visible("cat\x1b[2J.png")
    'cat\\u001b[2J.png'
    """
    # u2028 and the like stay: terminals do not obey them
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class GuardedStream:
    """A text stream of a command: control characters are made visible, and a reader that left is told of once.

    Args:
        on_closed: called when nobody reads any more: a pipe's reader left, as ``| head`` does, or the terminal closed.
        is_bare: leave control characters as they are.
    """

    def __init__(self, stream: TextIO, on_closed: Callable[[TextIO], None], *, is_bare: bool = False) -> None:
        self.stream, self.on_closed, self.is_bare = stream, on_closed, is_bare

    # flush and write guard each their own: either may meet the closed reader
    def write(self, text: str) -> int:
        """Write a text."""
        with self._guarded():
            self.stream.write(text if self.is_bare else visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Let what was written reach its reader."""
        with self._guarded():
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)  # encoding, isatty, fileno: as the stream's

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _CLOSED:
                raise
            self.on_closed(self.stream)


def bare_stream(stream: TextIO) -> TextIO:
    """Return a stream for what moves the cursor or must arrive as it is."""
    if not isinstance(stream, GuardedStream):
        return stream
    return cast("TextIO", GuardedStream(stream.stream, stream.on_closed, is_bare=True))


def is_live(stream: TextIO) -> bool:
    """Return whether what is printed there can be overwritten: a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"  # dumb: Emacs shells, some CI


def make_console(stream: TextIO | None = None) -> Console:
    """Return rich's console on a stream, by default standard output; texts that it prints must be ``visible``."""
    from rich.console import Console

    return Console(file=bare_stream(sys.stdout if stream is None else stream), highlight=False)

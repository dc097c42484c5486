"""The pipe to the parent, and the text streams that write to it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from .display import FIGURE, describe_display

MARK = b"\x1e"  # ASCII's record separator
MAX_CHARACTERS = 200_000  # of one cell's streams; the rest is counted


class Events:
    """The pipe to the parent, one line per event."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._pipe = os.dup(1)  # the pipe keeps a number that the code does not know …
        os.dup2(2, 1)  # … and what writes to 1 directly goes to standard error
        self._characters = 0
        self._figure: Any = None  # shown but not rendered: the next output may clear it
        self._updates: dict = {}  # display's id -> what it shows last
        self._clear = False

    def send(self, event: str, **fields: object) -> None:
        """Write one event, all of it."""
        data = (json.dumps({"event": event, **fields}) + "\n").encode()
        while data:
            data = data[os.write(self._pipe, data) :]  # a pipe may take only part of it

    def begin(self, cell: int) -> None:
        """Announce a cell."""
        self._characters = 0
        self._mark()
        self.send("start", cell=cell)

    def end(self, cell: int, ok: bool, seconds: float) -> None:
        """Report that a cell has ended, and how."""
        self._mark()
        self.send("end", cell=cell, ok=ok, seconds=seconds)

    def _mark(self) -> None:
        with contextlib.suppress(OSError):  # the code may have closed its standard error
            os.write(2, MARK)

    def write(self, name: str, text: str) -> None:
        """Send text that a cell printed, up to the limit."""
        self.settle()  # a figure that waits comes before the text
        room = MAX_CHARACTERS - self._characters  # what is still allowed of this cell
        self._characters += len(text)
        if room > 0:
            self.send("stream", name=name, text=text[:room])  # beyond it only the count goes on

    def finish(self) -> None:
        """Send the rest of a cell's output."""
        self.settle(clear=False)
        self._clear = False
        updates, self._updates = self._updates, {}  # a live plot sends hundreds: only the last is worth the way
        for display, data in updates.items():
            self.send("update", **describe_display(data), id=display)
        if self._characters > MAX_CHARACTERS:
            self.send("stream", name="note", text=f"… {self._characters - MAX_CHARACTERS:,} more characters left out\n")

    def show(self, event: str, data: dict, display: str | None = None) -> None:
        """Send a result or a display; a figure waits, because code that draws live clears most of them unseen."""
        self.settle()
        if FIGURE in data and display is None:
            self._figure = (event, data)
        else:
            self.send(event, **describe_display(data), id=display)

    def update(self, data: dict, display: str) -> None:
        """Keep what a display shows last; it is sent when the cell ends."""
        self._updates[display] = data

    def clear(self, wait: bool) -> None:
        """Clear the cell's output: at once, or when the next output comes."""
        self._clear = True
        if not wait:
            self.settle()

    def settle(self, clear: bool = True) -> None:
        """Do what was postponed: clear, or render the waiting figure."""
        waiting, self._figure = self._figure, None  # taken out first: each figure is settled once
        if clear and self._clear:
            self._clear = False
            self._characters = 0  # cleared text does not count
            self.send("clear")
        elif waiting:
            event, data = waiting
            fields = describe_display(data)
            if fields["png"]:  # an empty figure shows nothing
                self.send(event, **fields, id=None)


class Stream:
    """A text stream that becomes events; in a forked worker it goes to the process's own standard error."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, events: Events, name: str) -> None:
        self._events = events
        self.name = f"<{name}>"
        self._name = name

    def write(self, text: str) -> int:
        """Send the text on."""
        if os.getpid() != self._events.pid:  # a fork has the pipe too: two writers would mix their lines
            os.write(2, text.encode("utf-8", "replace"))
        elif text:
            self._events.write(self._name, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Send several lines."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """No terminal: libraries draw no progress bars with cursor control."""
        return False

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def fileno(self) -> int:
        """Return a file that subprocesses can write to."""
        return 2

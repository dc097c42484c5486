"""How far a task is: a live bar with the time to go on a terminal, a line now and then in a pipe or a log."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from fathom.phrases import format_bytes
from fathom.terminal import is_live, make_console, visible

if TYPE_CHECKING:
    from rich.progress import TaskID

_REFRESH_S = 0.1
_LINE_S = 10.0  # between two lines in a log
_DELAY_S = 0.5  # what takes no longer is not shown

Amount = Callable[[float, float | None], str]
"""How an amount is written that is done, of one that is all (None while unknown)."""


def count_of(noun: str = "") -> Amount:
    """Return how a count of things is written.

    >>> count_of("images")(20, 4000), count_of()(3, None)
    ('20/4,000 images', '3')
    """

    def write(done: float, total: float | None) -> str:
        return f"{done:,.0f}{'' if total is None else f'/{total:,.0f}'}{' ' if noun else ''}{noun}"

    return write


def bytes_of(done: float, total: float | None) -> str:
    """Write how many bytes are done.

    >>> bytes_of(1_200_000, 4_000_000), bytes_of(999, None)
    ('1.2 MB of 4.0 MB', '999 B')
    """
    return format_bytes(done) + ("" if total is None else f" of {format_bytes(total)}")


def elapsed() -> Amount:
    """Return what writes the seconds since now, for work that cannot be counted."""
    began = time.monotonic()
    return lambda done, total: f"{time.monotonic() - began:.0f} s"


# weak: a bar that nobody holds needs no closing
_open: weakref.WeakSet[Progress] = weakref.WeakSet()


def close_all() -> None:
    """Take down every bar that is still up, as after an error: the cursor comes back with it."""
    for progress in list(_open):  # a copy: close() changes the set
        progress.close()


class Progress:
    """Shows one task. Several threads may report to it.

    Args:
        title: what is done, such as "reading images".
        total: how much there is to do; None while unknown.
        amount: how what is done is written.
        stream: by default standard error.
        done: how much was done before.
        delay_s: what is over sooner is not shown at all.
        line_s: seconds between two lines where there is no terminal; None for no lines.
        ticks: refresh by itself, for work that reports seldom.
    """

    def __init__(
        self,
        title: str,
        total: float | None = None,
        *,
        amount: Amount | None = None,
        stream: TextIO | None = None,
        done: float = 0.0,
        delay_s: float = _DELAY_S,
        line_s: float | None = _LINE_S,
        ticks: bool = False,
    ) -> None:
        self.title, self.total = title, total
        self.amount = count_of() if amount is None else amount
        self.done = done
        self.facts = ""
        self._stream = sys.stderr if stream is None else stream
        self.is_live = is_live(self._stream)
        self._line_s = line_s
        # a log has its first line after an interval, not at once
        self._show_from = time.monotonic() + (delay_s if self.is_live else (line_s or 0.0))
        self._lock = threading.RLock()  # re-entrant: advance() calls update()
        self._bar: Any = None
        self._task: TaskID | None = None
        self._ended = threading.Event()  # set by close(); wakes the ticking thread
        if delay_s <= 0 and self.is_live:
            self._show()
        if ticks and (self.is_live or line_s is not None):
            # for work whose end nobody reports, as a download without length
            threading.Thread(target=self._tick, name="progress", daemon=True).start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        # the width may change while there is no bar yet
        console = make_console(self._stream) if self._bar is None else self._bar.console
        return int(console.width)

    def advance(self, amount: float = 1) -> None:
        """Count what was done in addition."""
        with self._lock:
            self.update(self.done + amount)

    def update(
        self,
        done: float | None = None,
        *,
        total: float | None = None,
        title: str | None = None,
        facts: str | None = None,
    ) -> None:
        """Take up how far the task is, and show it if it is time to."""
        with self._lock:
            self.done = self.done if done is None else done
            self.total = self.total if total is None else total
            self.title = self.title if title is None else title
            self.facts = self.facts if facts is None else facts
            if time.monotonic() >= self._show_from:
                self._show()

    def print(self, line: str, stream: TextIO | None = None) -> None:
        """Print a line, above the bar where there is one."""
        with self._lock:
            if self._bar is None:
                print(line, file=self._stream if stream is None else stream, flush=True)
            else:
                self._show()  # the newest numbers, before the line pushes the bar down
                # text of others: no markup, no colours of numbers
                self._bar.console.print(visible(line), highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar down; the cursor comes back with it."""
        self._ended.set()
        with self._lock:
            if self._bar is not None:
                self._show()
                self._bar.stop()
                self._bar = None

    def _show(self) -> None:
        if self.is_live:
            self._show_from = time.monotonic() + _REFRESH_S
            if self._bar is None:
                self._put_up()
            self._bar.update(
                self._task,
                completed=self.done,
                total=self.total,
                title=visible(self.title),
                amount=self.amount(self.done, self.total),
                facts=visible(self.facts),
                refresh=True,
            )
        elif self._line_s is not None:
            self._show_from = time.monotonic() + self._line_s
            told = ", ".join(filter(None, (self.amount(self.done, self.total), self.facts)))
            print(f"{self.title}: {told}" if told else self.title, file=self._stream, flush=True)

    def _put_up(self) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        def text(field: str) -> TextColumn:
            # no_wrap: a second line could not be overwritten
            return TextColumn(f"{{task.fields[{field}]}}", markup=False, table_column=Column(no_wrap=True))

        self._bar = Bar(
            text("title"),
            BarColumn(bar_width=None),
            text("amount"),
            text("facts"),
            *((TextColumn("ETA"), TimeRemainingColumn(compact=True)) if self.total is not None else ()),
            console=make_console(self._stream),
            auto_refresh=False,  # refreshed by hand, no thread of rich's
            transient=True,  # gone when it is done: the result says the rest
        )
        first = {"title": visible(self.title), "amount": self.amount(self.done, self.total), "facts": ""}
        self._task = self._bar.add_task("", total=self.total, completed=self.done, **first)
        self._bar.start()
        _open.add(self)

    def _tick(self) -> None:
        while not self._ended.wait(_REFRESH_S):
            with self._lock:
                # again, under the lock: close() may have come first
                if not self._ended.is_set() and time.monotonic() >= self._show_from:
                    self._show()

"""What the server holds: the runs, the histories that were asked for, who may ask."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from fathom.board.index.history import History
from fathom.board.index.runs import Entry, RunIndex
from fathom.board.play.processes import Players
from fathom.board.web.sessions import Sessions
from fathom.board.work.worker import Worker

_MOST_HISTORIES = 32  # runs whose records are kept in memory


@dataclass
class Board:
    """One board.

    Attributes:
        language: "en" or "zh"; "" asks the browser.
        is_ending: whether the server was asked to stop; streams then end by themselves.
    """

    index: RunIndex
    sessions: Sessions
    read_only: bool = False
    language: str = ""
    worker: Worker = field(default_factory=Worker)
    players: Players = field(default_factory=Players)
    is_ending: Callable[[], bool] = lambda: False
    _histories: OrderedDict[str, History] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def history(self, entry: Entry) -> History:
        """Return a run's records, as far as they are written now."""
        with self._lock:  # one reader at a time: two would take the same lines twice
            history = self._histories.pop(entry.id, None) or History(entry.place, entry.source)
            self._histories[entry.id] = history  # the newest last
            while len(self._histories) > _MOST_HISTORIES:
                self._histories.popitem(last=False)
            history.place = entry.place
            history.update()
            return history

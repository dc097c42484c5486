"""The one stream of a tab: what changed since, and nothing else.

A tab says which runs it watches and how far it has read each, in bytes of its records; the id of an event holds the
same for all of them, so that a browser which reconnects goes on where it was. While nothing changes nothing is sent but
a comment every quarter of a minute, which keeps the connection from being taken for dead.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fathom.board.index.history import is_placed
from fathom.board.index.runs import SCAN_S, Entry
from fathom.board.index.studies import DATABASE
from fathom.board.state import Board
from fathom.runs.folder import schema

TICK_S = 0.5  # between two looks at the watched runs: sooner than one can see a curve move
REST_S, RESTS_AFTER_S = 1.5, 10.0  # and once nothing has changed for so long: an open tab costs next to nothing
KEEP_ALIVE_S = 15.0
MOST_STREAMS = 256
MOST_WATCHED = 12
_POSITION = re.compile(r"(?P<run>[0-9a-f]{16}):(?P<offset>\d{1,15})")
# Files whose change a view shows, beside the records: told by name, and asked for by the view in sight alone
_TOLD = (
    schema.RUN,
    schema.FINDINGS,
    schema.EVALUATION,
    schema.MODEL,
    schema.DATA,
    "probes.jsonl",
    "marks.json",
    DATABASE,
)


@dataclass
class Position:
    """How far one tab has read."""

    epoch: str = ""
    version: int = -1
    offsets: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_id(self) -> str:
        """Return the id of an event."""
        return ",".join([f"{self.epoch}-{self.version}", *(f"{run}:{at}" for run, at in self.offsets.items())])


def read_position(text: str) -> Position:
    """Read what ``to_id`` wrote; what is not understood counts as not read yet.

    >>> read_position("ab12-7,00112233445566ff:120").offsets
    {'00112233445566ff': 120}
    """
    first, *rest = text.split(",")
    epoch, _, version = first.partition("-")
    found = [match for part in rest[:MOST_WATCHED] if (match := _POSITION.fullmatch(part))]
    offsets = {match["run"]: int(match["offset"]) for match in found}
    return Position(epoch, int(version) if version.isdecimal() and len(version) < 16 else -1, offsets)


async def follow(board: Board, position: Position) -> AsyncIterator[str]:
    """Yield the events of one tab until the server ends."""
    index = board.index
    if position.epoch != index.epoch:  # another server: its versions mean nothing here
        position.epoch, position.version = index.epoch, -1
    for run_id in position.offsets:
        entry = index.get(run_id)
        position.stamps[run_id] = _stamps(entry) if entry else {}
    yield ": here\n\n"
    changed_at = said_at = time.monotonic()
    while not board.is_ending():
        has_sent = False
        async for name, content in _changes(board, position):
            yield f"event: {name}\nid: {position.to_id()}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"
            has_sent = True
        now = time.monotonic()
        if has_sent:
            changed_at = said_at = now
        elif now - said_at >= KEEP_ALIVE_S:
            yield ": still here\n\n"
            said_at = now
        await asyncio.sleep(REST_S if now - changed_at > RESTS_AFTER_S else TICK_S)


async def _changes(board: Board, position: Position) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield what changed since the last look; ``position`` moves on with each."""
    index = board.index
    if index.version != position.version:
        rows, gone = index.rows(position.version)
        position.version = index.version
        yield "runs", {"rows": rows, "gone": gone, "columns": index.differing()}
    for run_id in list(position.offsets):
        entry = index.get(run_id)
        if entry is None:
            del position.offsets[run_id]
            continue
        chunk = await asyncio.to_thread(entry.source.follow, entry.place, position.offsets[run_id])
        if chunk.is_new_file:
            del position.offsets[run_id]
            yield "anew", {"run": run_id}  # the tab asks for its history again
            continue
        if chunk.offset != position.offsets[run_id]:
            position.offsets[run_id] = chunk.offset
            records = [record for record in chunk.records if is_placed(record)]
            if records:
                yield "records", {"run": run_id, "records": records}
        stamps = _stamps(entry)
        changed = [name for name, stamp in stamps.items() if position.stamps[run_id].get(name) != stamp]
        if changed:
            position.stamps[run_id] = stamps
            yield "files", {"run": run_id, "files": changed}


def _stamps(entry: Entry) -> dict[str, int]:
    found = {}
    for name in _TOLD:
        try:
            found[name] = (entry.place.path / name).stat().st_mtime_ns
        except OSError:
            continue
    return found


class Streams:
    """How many tabs listen, and one look at the folders for all of them; none while nobody listens."""

    def __init__(self, board: Board) -> None:
        self.board, self.count = board, 0
        self._scanner: asyncio.Task[None] | None = None

    def open(self, position: Position) -> AsyncIterator[str] | None:
        """Return the events of a tab; None if there are too many."""
        return None if self.count >= MOST_STREAMS else self._counted(position)

    async def _counted(self, position: Position) -> AsyncIterator[str]:
        self.count += 1
        if self._scanner is None or self._scanner.done():
            self._scanner = asyncio.create_task(self._scan())
        try:
            async for event in follow(self.board, position):
                yield event
        finally:
            self.count -= 1

    async def _scan(self) -> None:
        while self.count:
            # sixty a turn: the first screenful is there at once, the rest follows without holding up the answers
            has_more = await asyncio.to_thread(self.board.index.refresh, most=60)
            await asyncio.sleep(0.02 if has_more else SCAN_S / 2)

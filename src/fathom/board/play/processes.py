"""The playground's processes: one for each network in sight, as long as somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fathom.board.play.settings import read_query
from fathom.errors import FathomError

MOST = 4  # two tabs with two networks each: more would share the cores
_LOOK_S = 0.5  # between two looks at whether the server ends
_LONGEST = 8 << 20  # bytes of a frame: 48 units and 2,000 points take about 200 kB
_SLOT = re.compile(r"[0-9a-f]{16}")
_COMMANDS = ("run", "pause", "step", "back", "reset", "settings", "speed")


class Players:
    """Processes by the name that their page gave them."""

    def __init__(self) -> None:
        self.is_ending: Callable[[], bool] = lambda: False  # whether the server was asked to stop
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def play(self, slot: str) -> AsyncIterator[str]:
        """Start a process and yield its frames as events; it ends when nobody takes them any more.

        Raises:  FathomError if there are too many, or one of this name
        """
        if not _SLOT.fullmatch(slot) or slot in self._running:
            raise FathomError("this network is shown already")
        if len(self._running) >= MOST:
            raise FathomError(f"{MOST} networks are trained already; close another tab")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "fathom.board.play.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST,
        )
        self._running[slot] = process
        return self._frames(slot, process)

    async def _frames(self, slot: str, process: asyncio.subprocess.Process) -> AsyncIterator[str]:
        assert process.stdout is not None
        try:
            yield ": here\n\n"
            while line := await self._next_line(process.stdout):
                yield f"data: {line.decode().rstrip()}\n\n"
        finally:
            self._running.pop(slot, None)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # what is left in the pipe goes with it
            process._transport.close()  # type: ignore[attr-defined]

    async def _next_line(self, output: asyncio.StreamReader) -> bytes:
        """Return the next frame; nothing at the end of the process, or of the server."""
        reading = asyncio.ensure_future(output.readline())
        while not self.is_ending():
            done, _ = await asyncio.wait({reading}, timeout=_LOOK_S)
            if done:
                return reading.result()
        reading.cancel()
        return b""

    def tell(self, slot: str, command: Mapping[str, Any]) -> None:
        """Hand a command on.

        Raises:  FathomError if it is none, or there is no such process; UsageError if its settings make no sense
        """
        process = self._running.get(slot)
        if process is None or process.stdin is None:
            raise FathomError("this network is no longer trained; reload the page")
        if command.get("do") not in _COMMANDS:
            raise FathomError(f"there is no such command; they are {', '.join(_COMMANDS)}")
        chosen: dict[str, Any] = {"do": command["do"]}
        if command["do"] == "settings":
            chosen["query"] = read_query(str(command.get("query", ""))).to_query()
        for name in ("steps", "from"):
            if isinstance(value := command.get(name), int):
                chosen[name] = max(0, min(value, 1 << 31))
        process.stdin.write((json.dumps(chosen) + "\n").encode())

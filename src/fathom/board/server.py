"""Starting the board: the socket, the address with its token, the browser."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.board.index.kept import KeptRows
from fathom.board.index.runs import RunIndex
from fathom.board.state import Board
from fathom.board.web.sessions import Sessions
from fathom.data.fetch.paths import cache_root
from fathom.errors import FathomError, UsageError
from fathom.web.guard import listed_hosts
from fathom.web.server import LOOPBACK, bind, import_web, is_loopback, make_server, run_until_stopped

PORT = 8350  # the first that is tried
_TRIES = 20


@dataclass(frozen=True)
class Options:
    """How the board is served.

    Attributes:
        port: None tries ``PORT`` and those behind it; 0 takes any that is free.
    """

    host: str = LOOPBACK[0]
    port: int | None = None
    read_only: bool = False
    language: str = ""
    opens_browser: bool = True


def serve(roots: Sequence[str], options: Options, *, on_ready: Callable[[str], None], page: str = "") -> None:
    """Serve until a signal ends it.

    Args:
        on_ready: told the address, before the first request is answered.
        page: the first page, as behind the # of an address; the table of runs if it is empty.
    Raises:  UsageError if a folder is missing; FathomError if the port is taken or the libraries are not there
    """
    import_web()
    folders = [_find(root) for root in roots]
    listening = listen(options)
    port = listening.getsockname()[1]
    index = RunIndex(folders, kept=KeptRows.of(folders, cache_root() / "board"))
    board = Board(index, Sessions(port), options.read_only, options.language)
    # looked through while the browser starts
    threading.Thread(target=index.refresh, kwargs={"most": 0}, daemon=True).start()
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{host}:{port}/#token={board.sessions.token}{page}"
    on_ready(address)
    if options.opens_browser and _has_desktop():
        webbrowser.open(address)
    from fathom.board.web.app import make_app

    server = make_server(make_app(board, allowed_hosts(options.host, port)))
    board.is_ending = board.players.is_ending = lambda: bool(server.should_exit)
    try:
        run_until_stopped(server, listening)
    finally:
        board.worker.close()


def allowed_hosts(host: str, port: int) -> frozenset[str]:
    """Return what may stand in Host: the names of loopback, and where others may ask those of this machine too."""
    names = {*LOOPBACK, host} if is_loopback(host) else {*LOOPBACK, host, socket.gethostname(), *_own_addresses()}
    return listed_hosts(names, port)


def listen(options: Options) -> socket.socket:
    """Return a socket that listens.

    Raises:  FathomError if the port is taken
    """
    if options.port is not None:
        return bind(options.host, options.port)
    for port in range(PORT, PORT + _TRIES):
        try:
            return bind(options.host, port)
        except UsageError:  # the address, not the port
            raise
        except FathomError:
            continue
    return bind(options.host, 0)


def _own_addresses() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(entry[4][0]) for entry in found})


def _find(root: str) -> Path:
    path = Path(root).absolute()
    if not path.is_dir():
        raise UsageError(f"there is no folder {root}; train a run first, or name the folder that holds runs")
    return path


def _has_desktop() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

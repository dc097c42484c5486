"""Starting the board: the socket, the address with its token, the browser."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.board.index.runs import RunIndex
from fathom.board.state import Board
from fathom.board.web.sessions import Sessions
from fathom.errors import FathomError, UsageError

if TYPE_CHECKING:
    import uvicorn

LOOPBACK = "127.0.0.1"
PORT = 8350  # the first that is tried; "0" takes any that is free
_TRIES = 20


@dataclass(frozen=True)
class Options:
    """How the board is served.

    Attributes:
        host: the address to listen on.
        port: None tries ``PORT`` and those behind it.
    """

    host: str = LOOPBACK
    port: int | None = None
    read_only: bool = False
    language: str = ""
    opens_browser: bool = True


def serve(roots: Sequence[str], options: Options, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until a signal ends it.

    Args:
        on_ready: told the address, before the first request is answered.
    Raises:  UsageError if a folder is missing or the port is taken
    """
    folders = [_find(root) for root in roots]
    listener = listen(options)
    port = listener.getsockname()[1]
    board = Board(RunIndex(folders), Sessions(port), options.read_only, options.language)
    address = f"http://{_bracketed(options.host)}:{port}/#token={board.sessions.token}"
    if on_ready is not None:
        on_ready(address)
    if options.opens_browser and _has_desktop():
        webbrowser.open(address)
    make_server(board, options.host, port).run(sockets=[listener])


def make_server(board: Board, host: str, port: int) -> uvicorn.Server:
    """Return the server of a board; its ``run`` takes the socket."""
    import uvicorn

    from fathom.board.web.app import make_app
    from fathom.board.web.connection import PatientProtocol

    config = uvicorn.Config(
        make_app(board, allowed_hosts(host, port)),
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,  # requests are nobody's business, failures are told by the answers
        access_log=False,
        proxy_headers=False,  # a header must not say whom to trust
        server_header=False,
        timeout_graceful_shutdown=1,  # streams never end by themselves
    )
    return uvicorn.Server(config)


def allowed_hosts(host: str, port: int) -> list[str]:
    """Return what may stand in Host: the names of loopback, and the address that was asked for."""
    names = [LOOPBACK, "localhost", "[::1]"]
    if host not in (LOOPBACK, "localhost", "::1", "0.0.0.0", "::"):
        names.append(_bracketed(host).lower())
    if host in ("0.0.0.0", "::"):  # every address of this machine: those that it knows of
        names += [socket.gethostname().lower(), *_own_addresses()]
    return [f"{name}:{port}" for name in names]


def _own_addresses() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({_bracketed(str(entry[4][0])) for entry in found})


def _find(root: str) -> Path:
    path = Path(root).absolute()
    if not path.is_dir():
        raise UsageError(f"there is no folder {root}; train a run first, or name the folder that holds runs")
    return path


def listen(options: Options) -> socket.socket:
    """Return a bound socket.

    Raises:  FathomError if the port is taken
    """
    tried = [options.port] if options.port is not None else [*range(PORT, PORT + _TRIES), 0]
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    for port in tried:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.bind((options.host, port))
        except OSError as error:
            listener.close()
            if port == tried[-1]:
                raise FathomError(
                    f"--port {port}: {error.strerror or error}; leave it out to take a free one"
                ) from None
            continue
        listener.set_inheritable(False)
        return listener
    raise FathomError("no port is free")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _has_desktop() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

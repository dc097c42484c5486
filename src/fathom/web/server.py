"""How a local server listens: on loopback unless told otherwise, on a port that is free, until it is asked to stop."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sys
from collections.abc import Iterator
from typing import Any

from fathom.errors import FathomError, UsageError, missing_library

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STOP_S = 3  # seconds that open requests get once the server is asked to stop


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 takes a free one.

    Raises:  FathomError if the port is taken, UsageError for an address that this machine does not have
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named as TCP: asyncio sends small answers at once (TCP_NODELAY) of such sockets alone, others wait 40 ms
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # where the option would let another program take the port over
        # a port whose last connections are still winding down is free
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if isinstance(error, socket.gaierror):
            raise UsageError(f"--host: this machine has no address {host}") from None
        raise FathomError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose another --port") from None
    return listening


def run_server(app: Any, listening: socket.socket) -> None:
    """Serve an ASGI app until Ctrl-C or SIGTERM; requests that are under way are finished first.

    Raises:  FathomError if uvicorn is not installed
    """
    run_until_stopped(make_server(app), listening)


def run_until_stopped(server: Any, listening: socket.socket) -> None:
    """Run what ``make_server`` made until Ctrl-C or SIGTERM."""
    with listening, _quiet_stop():
        server.run(sockets=[listening])


def make_server(app: Any) -> Any:
    """Return uvicorn's server of an ASGI app.

    Raises:  FathomError if uvicorn is not installed
    """
    uvicorn = import_web()
    from fathom.web.connection import PatientProtocol

    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="auto",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a header must not say whom to trust
        timeout_graceful_shutdown=_STOP_S,
        limit_concurrency=512,  # connections, so that they cannot use up the file descriptors
    )
    return uvicorn.Server(config)


def import_web() -> Any:
    """Import uvicorn.

    Raises:  FathomError saying how to install it, and starlette
    """
    try:
        import starlette  # noqa: F401 - what the apps are made of, told here so that it is told once
        import uvicorn
    except ImportError:
        raise missing_library("a server", "starlette uvicorn", "board") from None
    return uvicorn


@contextlib.contextmanager
def _quiet_stop() -> Iterator[None]:
    """Let Ctrl-C be the ordinary end: uvicorn raises it again once it has stopped."""
    with contextlib.suppress(KeyboardInterrupt):
        yield

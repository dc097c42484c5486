"""The addresses that the board answers, each to one function; everything behind the guard."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fathom.board.state import Board
from fathom.board.web.answers import READS, WRITES, read_object
from fathom.board.web.rules import BoardRules
from fathom.board.web.stream import Streams, read_position
from fathom.errors import FathomError
from fathom.runs.html import page
from fathom.runs.html.language import CATALOG
from fathom.web.guard import Guard, Rules

STATIC = Path(__file__).parents[1] / "static"
# one look and one catalogue of words for reports and board
_SHARED = {path.name: path for path in (Path(page.__file__).with_name("page.css"), CATALOG)}
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


def make_app(board: Board, hosts: frozenset[str]) -> Guard:
    """Return the app behind its guard.

    Args:
        hosts: what may stand in Host.
    """
    streams = Streams(board)

    def bound(answer: Callable[[Board, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await answer(board, request)

        return endpoint

    async def stream(request: Request) -> Response:
        seen = request.headers.get("last-event-id") or request.query_params.get("at", "")
        events = streams.open(read_position(seen))
        if events is None:
            return _say(503, "too many tabs are open")
        return StreamingResponse(events, media_type="text/event-stream")

    routes = [
        Route("/", _static("index.html")),
        Route("/static/{name}", _static_file),
        Route("/favicon.ico", _static("icon.svg")),
        Route("/api/session", bound(_log_in), methods=["POST"]),
        Route("/api/stream", stream),
        *(Route(path, bound(answer)) for path, answer in READS.items()),
        *(Route(path, bound(answer), methods=["POST"]) for path, answer in WRITES.items()),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, FathomError: _fathom_error})
    return Guard(app, Rules(hosts, BoardRules(board.sessions, read_only=board.read_only)))


async def _log_in(board: Board, request: Request) -> Response:
    content = await read_object(request)
    cookie = board.sessions.open(content.get("token"))
    if cookie is None:
        return _say(401, "this token is not the one that `fathom board` printed last")
    return JSONResponse({}, headers={"set-cookie": cookie})


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        content, kind, tag = _read_static(name)
        # revalidated each time: an upgraded Fathom must not run with the old page
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return answer


async def _static_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _names():  # a list, not a path: nothing else can be named
        raise HTTPException(404, "there is no such file")
    return await _static(name)(request)


@cache
def _names() -> frozenset[str]:
    return frozenset([*(path.name for path in STATIC.iterdir() if path.suffix in _KINDS), *_SHARED])


@cache
def _read_static(name: str) -> tuple[bytes, str, str]:
    path = _SHARED.get(name, STATIC / name)
    content = path.read_bytes()
    return content, _KINDS[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def _say(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _fathom_error(request: Request, error: Exception) -> Response:
    return _say(409, str(error))  # a run folder in a state that does not allow what was asked

"""The addresses that the board answers, each to one function; everything behind the guard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fathom.board import actions
from fathom.board.index.runs import Entry
from fathom.board.state import Board
from fathom.board.views.now import describe_now
from fathom.board.views.sections import VIEWS, render
from fathom.board.web.rules import BoardRules
from fathom.board.web.stream import Streams, read_position
from fathom.errors import FathomError
from fathom.version import VERSION
from fathom.web.guard import Guard, Rules

STATIC = Path(__file__).parents[1] / "static"
_STYLE = Path(__file__).parents[2] / "runs" / "html" / "page.css"  # the report's own: one look for both
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


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
        Route("/api/state", bound(_state)),
        Route("/api/stream", stream),
        Route("/api/runs", bound(_list_runs)),
        Route("/api/runs/{run}/history", bound(_history)),
        Route("/api/runs/{run}/now", bound(_now)),
        Route("/api/runs/{run}/view/{view}", bound(_view)),
        Route("/api/runs/{run}/{action}", bound(_act), methods=["POST"]),
        Route("/api/trash", bound(_list_trash)),
        Route("/api/trash/{run}", bound(_restore), methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, FathomError: _fathom_error})
    return Guard(app, Rules(hosts, BoardRules(board.sessions, read_only=board.read_only)))


async def _log_in(board: Board, request: Request) -> Response:
    content = await _read_object(request)
    cookie = board.sessions.open(content.get("token"))
    if cookie is None:
        return _say(401, "this token is not the one that `fathom board` printed last")
    return JSONResponse({}, headers={"set-cookie": cookie})


async def _state(board: Board, request: Request) -> Response:
    roots = [root.name or str(root) for root in board.index.roots]
    return JSONResponse(
        {
            "version": VERSION,
            "read_only": board.read_only,
            "language": board.language,
            "roots": roots,
            "views": list(VIEWS),
        }
    )


async def _list_runs(board: Board, request: Request) -> Response:
    index = board.index
    await run_in_threadpool(index.refresh, most=0)  # names alone: what they are follows through the stream
    rows, _ = index.rows()
    rows.sort(key=lambda row: str(row.get("created") or row["name"]), reverse=True)
    at = f"{index.epoch}-{index.version}"
    return JSONResponse({"at": at, "rows": rows, "columns": index.differing()})


async def _history(board: Board, request: Request) -> Response:
    entry = _entry(board, request)
    first, last = (_number(request, name) for name in ("first", "last"))
    history = await run_in_threadpool(board.history, entry)
    return JSONResponse(history.to_dict(first, last))


async def _now(board: Board, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(describe_now, _entry(board, request)))


async def _view(board: Board, request: Request) -> Response:
    entry, view = _entry(board, request), request.path_params["view"]
    if view not in VIEWS:
        raise HTTPException(404, "there is no such view")
    html = await run_in_threadpool(render, entry, view)
    tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:24]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(html, media_type="text/html", headers=headers)


async def _act(board: Board, request: Request) -> Response:
    action = actions.ACTIONS.get(request.path_params["action"])
    if action is None:
        raise HTTPException(404, "there is no such action")
    entry, content = _entry(board, request), await _read_object(request)
    return JSONResponse(await run_in_threadpool(action, board, entry, content))


async def _list_trash(board: Board, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(actions.list_trash, board))


async def _restore(board: Board, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(actions.undelete, board, request.path_params["run"]))


def _entry(board: Board, request: Request) -> Entry:
    entry = board.index.get(request.path_params["run"])
    if entry is None:
        raise HTTPException(404, "there is no such run; its folder may have been moved or deleted")
    return entry


def _number(request: Request, name: str) -> float | None:
    try:
        return float(request.query_params[name])
    except (KeyError, ValueError):
        return None


async def _read_object(request: Request) -> dict[str, Any]:
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request holds no JSON") from None
    if not isinstance(content, dict):
        raise HTTPException(400, "the request holds no JSON object")
    return content


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
    return frozenset([*(path.name for path in STATIC.iterdir() if path.suffix in _KINDS), _STYLE.name])


@cache
def _read_static(name: str) -> tuple[bytes, str, str]:
    path = _STYLE if name == _STYLE.name else STATIC / name
    content = path.read_bytes()
    return content, _KINDS[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def _say(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _fathom_error(request: Request, error: Exception) -> Response:
    return _say(409, str(error))  # a run folder in a state that does not allow what was asked

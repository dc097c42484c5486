"""What is answered to each address of a run, a comparison, the trash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from fathom.board import actions
from fathom.board.index.runs import Entry
from fathom.board.play.copies import as_command, as_python
from fathom.board.play.settings import read_query
from fathom.board.state import Board
from fathom.board.views.errors import list_cell, list_likely_label_errors
from fathom.board.views.now import describe_now
from fathom.board.views.schedule import plan_schedule
from fathom.board.views.sections import VIEWS, render, render_comparison
from fathom.version import VERSION

Answer = Callable[[Board, Request], Awaitable[Response]]
_MOST_COMPARED = 12
_MOST_SAMPLES = 60
_MOST_LENGTH = 2000  # characters or words that are generated at once


async def _state(board: Board, request: Request) -> Response:
    """Answer all that the first page needs, in one request."""
    return JSONResponse(
        {
            "version": VERSION,
            "read_only": board.read_only,
            "language": board.language,
            "roots": [root.name or str(root) for root in board.index.roots],
            "views": list(VIEWS),
            "runs": await _all_runs(board),
        }
    )


async def _list_runs(board: Board, request: Request) -> Response:
    return JSONResponse(await _all_runs(board))


async def _all_runs(board: Board) -> dict[str, Any]:
    index = board.index
    await run_in_threadpool(index.refresh, most=0)  # names alone: what they are follows through the stream
    rows, _ = index.rows()
    rows.sort(key=lambda row: str(row.get("created") or row["name"]), reverse=True)
    at = f"{index.epoch}-{index.version}"
    return {"at": at, "rows": rows, "columns": index.differing()}


async def _history(board: Board, request: Request) -> Response:
    entry = find_entry(board, request)
    first, last = (_number(request, name) for name in ("first", "last"))
    history = await run_in_threadpool(board.history, entry)
    return JSONResponse(history.to_dict(first, last))


async def _now(board: Board, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(describe_now, find_entry(board, request)))


async def _view(board: Board, request: Request) -> Response:
    entry, view = find_entry(board, request), request.path_params["view"]
    if view not in VIEWS:
        raise HTTPException(404, "there is no such view")
    html = await run_in_threadpool(render, entry, view, language_of(board, request))
    tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:24]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(html, media_type="text/html", headers=headers)


async def _act(board: Board, request: Request) -> Response:
    action = actions.ACTIONS.get(request.path_params["action"])
    if action is None:
        raise HTTPException(404, "there is no such action")
    entry, content = find_entry(board, request), await read_object(request)
    return JSONResponse(await run_in_threadpool(action, board, entry, content))


async def _schedule(board: Board, request: Request) -> Response:
    history = await run_in_threadpool(board.history, find_entry(board, request))
    return JSONResponse(await run_in_threadpool(plan_schedule, history))


async def _cell(board: Board, request: Request) -> Response:
    path, asked = find_entry(board, request).place.path, request.query_params
    if "label" in asked:
        return JSONResponse(await run_in_threadpool(list_cell, path, asked["label"], asked.get("predicted", "")))
    return JSONResponse(await run_in_threadpool(list_likely_label_errors, path))


async def _compare(board: Board, request: Request) -> Response:
    ids = request.query_params.get("ids", "").split(",")[:_MOST_COMPARED]
    entries = [entry for run_id in ids if (entry := board.index.get(run_id)) is not None]
    ours = [entry for entry in entries if entry.source.name == "fathom"]
    html = await run_in_threadpool(render_comparison, ours, language_of(board, request)) if len(ours) > 1 else ""
    return Response(html, media_type="text/html")


async def _samples(board: Board, request: Request) -> Response:
    places = [int(text) for text in request.query_params.get("at", "").split(",") if text.isdecimal()][:_MOST_SAMPLES]
    return await _work(board, request, "test_samples", indices=places)


async def _batch(board: Board, request: Request) -> Response:
    return await _work(board, request, "training_batch")


async def _maps(board: Board, request: Request) -> Response:
    asked = request.query_params
    index, attention = (int(text) if (text := asked.get(name, "")).isdecimal() else 0 for name in ("at", "attention"))
    if "prefix" in asked:
        return await _work(board, request, "attend_text", prefix=asked["prefix"], layer=attention)
    return await _work(board, request, "maps", layer=asked.get("layer", ""), index=index, attention=attention)


async def _check(board: Board, request: Request) -> Response:
    return await _work(board, request, "check_data", language=language_of(board, request))


async def _range_test(board: Board, request: Request) -> Response:
    return await _work(board, request, "sweep_rates")


async def _search(board: Board, request: Request) -> Response:
    path = find_entry(board, request).place.path
    options = {"run": str(path), "language": language_of(board, request)}
    return JSONResponse(await run_in_threadpool(board.worker.ask, "describe_search", **options))


async def _predict(board: Board, request: Request) -> Response:
    content = await read_object(request)
    if isinstance(image := content.get("image"), str):
        return await _work(board, request, "predict_image", image=image)
    if isinstance(index := content.get("index"), int):
        return await _work(board, request, "predict_image", index=index)
    if isinstance(row := content.get("row"), dict):
        return await _work(board, request, "predict_row", row={str(name): str(text) for name, text in row.items()})
    if isinstance(prefix := content.get("prefix"), str):
        length, heat, seed = (_between(content.get(name), *ends) for name, ends in _TEXT_OPTIONS.items())
        options = {"prefix": prefix, "length": int(length), "temperature": heat, "seed": int(seed)}
        return await _work(board, request, "continue_text", **options)
    raise HTTPException(400, "give an image, a row or a prefix")


_TEXT_OPTIONS = {"length": (1, _MOST_LENGTH), "temperature": (0.0, 10.0), "seed": (0, 1 << 31)}


def _between(value: object, low: float, high: float) -> float:
    return min(max(float(value), low), high) if isinstance(value, int | float) else low


async def _work(board: Board, request: Request, task: str, **arguments: Any) -> Response:
    entry = find_entry(board, request)
    if board.read_only:
        raise HTTPException(403, "this board is read-only; it computes nothing")
    if entry.source.name != "fathom":
        raise HTTPException(409, "only a run of Fathom holds a model that can be opened")
    found = await run_in_threadpool(board.worker.ask, task, run=str(entry.place.path), **arguments)
    return JSONResponse(found)


async def _list_trash(board: Board, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(actions.list_trash, board))


async def _restore(board: Board, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(actions.undelete, board, request.path_params["run"]))


def language_of(board: Board, request: Request) -> str:
    """Return the language to answer in: as the board was started, else as the page or the browser asks."""
    asked = board.language or request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "zh" if asked.lower().startswith("zh") else "en"


def find_entry(board: Board, request: Request) -> Entry:
    """Return the run that an address names by its id.

    Raises:  HTTPException if there is none
    """
    entry = board.index.get(request.path_params["run"])
    if entry is None:
        raise HTTPException(404, "there is no such run; its folder may have been moved or deleted")
    return entry


def _number(request: Request, name: str) -> float | None:
    try:
        return float(request.query_params[name])
    except (KeyError, ValueError):
        return None


async def read_object(request: Request) -> dict[str, Any]:
    """Return what a request holds.

    Raises:  HTTPException if it is no JSON object
    """
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request holds no JSON") from None
    if not isinstance(content, dict):
        raise HTTPException(400, "the request holds no JSON object")
    return content


async def _play(board: Board, request: Request) -> Response:
    if board.read_only:
        raise HTTPException(403, "this board is read-only; it computes nothing")
    frames = await board.players.play(request.path_params["slot"])
    return StreamingResponse(frames, media_type="text/event-stream")


async def _direct(board: Board, request: Request) -> Response:
    board.players.tell(request.path_params["slot"], await read_object(request))
    return JSONResponse({})


async def _copies(board: Board, request: Request) -> Response:
    content = await read_object(request)
    settings, step = read_query(str(content.get("query", ""))), content.get("step")
    at = max(0, step) if isinstance(step, int) else 0
    return JSONResponse({"command": as_command(settings, at), "python": as_python(settings, at)})


READS: dict[str, Answer] = {
    "/api/state": _state,
    "/api/runs": _list_runs,
    "/api/compare": _compare,
    "/api/trash": _list_trash,
    "/api/play/{slot}": _play,
    "/api/runs/{run}/history": _history,
    "/api/runs/{run}/now": _now,
    "/api/runs/{run}/schedule": _schedule,
    "/api/runs/{run}/cell": _cell,
    "/api/runs/{run}/samples": _samples,
    "/api/runs/{run}/batch": _batch,
    "/api/runs/{run}/maps": _maps,
    "/api/runs/{run}/range": _range_test,
    "/api/runs/{run}/check": _check,
    "/api/runs/{run}/search": _search,
    "/api/runs/{run}/view/{view}": _view,
}
WRITES: dict[str, Answer] = {
    "/api/runs/{run}/predict": _predict,
    "/api/runs/{run}/{action}": _act,
    "/api/trash/{run}": _restore,
    "/api/play/copies": _copies,
    "/api/play/{slot}": _direct,
}

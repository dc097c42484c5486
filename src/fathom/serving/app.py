"""The addresses that ``fathom serve`` answers; everything behind the guard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fathom.errors import FathomError, UsageError
from fathom.serving.batching import Batcher
from fathom.serving.openapi import describe_api
from fathom.serving.served import Served
from fathom.version import VERSION
from fathom.web.guard import Guard, Headers, Refusal, Rules, Scope, has_bearer

_STATIC = Path(__file__).with_name("static")
_FILES = {
    "": ("page.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
_OPEN = ("/health", *(f"/{name}" for name in _FILES))  # without the token: they tell nothing of the model
_MOST_SAMPLES = 256  # of one request


def make_app(served: Served, hosts: frozenset[str], *, token: str | None, most_batch: int = 64) -> Guard:
    """Return the app behind its guard.

    Args:
        hosts: what may stand in Host.
        token: what a request must carry; None asks for none.
        most_batch: samples that are computed together.
    """
    api = _Api(served, Batcher(served.samples.predict, most=most_batch), has_token=token is not None)
    routes = [
        Route("/predict", api.predict, methods=["POST"]),
        Route("/health", api.health),
        Route("/model", api.model),
        Route("/openapi.json", api.openapi),
        *(Route(f"/{name}", _file(*found)) for name, found in _FILES.items()),
    ]
    handlers: dict[Any, Any] = {HTTPException: _http_error, FathomError: _fathom_error, Refusal: _refusal}
    app = Starlette(routes=routes, exception_handlers=handlers | {Exception: _other_error})

    def check(scope: Scope, headers: Headers) -> None:
        if token is not None and scope["path"] not in _OPEN and not has_bearer(headers, token):
            raise Refusal(401, "send the header: Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"})
        # without a token a foreign page could still send a form, whose kind of content is one of three
        if scope["method"] == "POST" and token is None and headers.get("sec-fetch-mode") == "navigate":
            raise Refusal(403, "another site asks")

    return Guard(app, Rules(hosts, check, most_body=32 << 20))  # 32 MiB: some photos at once


class _Api:
    """What is answered, for one model."""

    def __init__(self, served: Served, batcher: Batcher, *, has_token: bool) -> None:
        self.served, self.batcher, self.has_token = served, batcher, has_token
        self.started = time.monotonic()

    async def predict(self, request: Request) -> Response:
        """Predict every sample of the request."""
        samples = self.served.samples
        top = _top(request)
        samples.check(top)
        # decoding takes long: not in the loop, which would make everybody wait
        found = await run_in_threadpool(samples.read, request.headers.get("content-type", ""), await request.body())
        if not found:
            raise UsageError("the request has no samples")
        if len(found) > _MOST_SAMPLES:
            raise Refusal(413, f"a request may have {_MOST_SAMPLES} samples, and this one has {len(found)}")
        return JSONResponse({"predictions": await self.batcher.submit(found, top)})

    async def health(self, request: Request) -> Response:
        """Say that it works, for whatever watches the server."""
        batcher = self.batcher
        counts = {"waiting": batcher.num_waiting, "batches": batcher.num_batches, "samples": batcher.num_samples}
        up_s = round(time.monotonic() - self.started, 1)
        return JSONResponse({"status": "ok", "fathom": VERSION, "up_s": up_s} | counts)

    async def model(self, request: Request) -> Response:
        """Say what the model is."""
        samples = self.served.samples
        return JSONResponse(
            {
                "name": self.served.name,
                "kind": self.served.kind,
                "takes": samples.noun,
                "content_types": ["application/json", *samples.content_types],
                "class_names": samples.class_names,
                "example": samples.example,
            }
        )

    async def openapi(self, request: Request) -> Response:
        """Describe the addresses."""
        return JSONResponse(describe_api(self.served, has_token=self.has_token, most_samples=_MOST_SAMPLES))


def _top(request: Request) -> int:
    text = request.query_params.get("top", "1")
    if not text.isdecimal() or len(text) > 6 or int(text) < 1:  # 6 digits: more classes than any model has
        raise UsageError(f"top={text[:20]}: it must be a whole number of at least 1")
    return int(text)


def _file(name: str, kind: str) -> Any:
    content = (_STATIC / name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _fathom_error(request: Request, error: Exception) -> Response:
    # what the client sent is wrong, or the model fails on it
    return JSONResponse({"error": str(error)}, 400 if isinstance(error, UsageError) else 422)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse({"error": error.reason}, error.status, headers=error.headers)


async def _other_error(request: Request, error: Exception) -> Response:
    # no details: they may name paths of this machine; the terminal has the traceback
    return JSONResponse({"error": "the model failed; see the server's terminal"}, 500)

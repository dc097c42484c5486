"""What every request passes before anything else looks at it: who asks, from where, how, how much and how often.

The server listens on loopback, which keeps strangers out but not the pages they have open in the same browser. A page
of another site can send requests to 127.0.0.1 (CSRF), and one whose name was made to point here (DNS rebinding) can
even read the answers. So the Host must be ours to the port on *every* request, since a GET after rebinding carries no
Origin; writes must name our Origin and be JSON, which no foreign form can send; and every answer needs a cookie that
only our own page was given, and that the browser sends to no other site's request (``SameSite=Strict``).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from fathom.board.web.sessions import Sessions

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = frozenset({"GET", "HEAD", "POST"})
LOGIN = "/api/session"
MOST_PATH = 1024  # bytes of a path with its query: the longest that the page asks for has about 300
MOST_BODY = 12 << 20  # 12 MiB: a photo of 8 MiB in base64
BODY_S = 20.0  # seconds for a body to arrive
WRITES_PER_S, WRITE_BURST = 20.0, 60.0  # a person's clicks stay far below
TOKENS_PER_S, TOKEN_BURST = 1.0, 10.0  # guesses at the token, which has 192 bits

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",  # for what does not know frame-ancestors
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Refusal(Exception):
    """A request that is not answered, with the status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class Bucket:
    """So many tokens a second, at most ``burst`` saved up."""

    rate: float
    burst: float

    def __post_init__(self) -> None:
        self._level, self._at = self.burst, time.monotonic()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now = time.monotonic()
        self._level, self._at = min(self.burst, self._level + (now - self._at) * self.rate), now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Guard:
    """The middleware around the whole app.

    Args:
        hosts: what may stand in Host, with the port, in lower case.
        read_only: nothing but opening a session is taken as a POST.
    """

    def __init__(self, app: App, *, hosts: Iterable[str], sessions: Sessions, read_only: bool) -> None:
        self.app, self.sessions, self.read_only = app, sessions, read_only
        self.hosts = frozenset(hosts)
        self._writes, self._logins = Bucket(WRITES_PER_S, WRITE_BURST), Bucket(TOKENS_PER_S, TOKEN_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or hand on to the app."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send)
        try:
            headers = _read_headers(scope)
            self._check(scope, headers)
            if scope["method"] == "POST":
                receive = _replay(await _read_body(receive))
        except Refusal as refusal:
            await _refuse(send, refusal)
            return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            raise Refusal(403, "this is not the address of the board")
        if scope["method"] not in METHODS:
            raise Refusal(405, "only GET, HEAD and POST are answered")
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > MOST_PATH:
            raise Refusal(414, "the address is too long")
        # sent by browsers alone, which cannot be made to lie about it; "none" is an address typed by hand
        is_foreign = headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        # a link from elsewhere may open the page, which knows nothing until it has the cookie
        is_link = headers.get("sec-fetch-mode") == "navigate" and not scope["path"].startswith("/api/")
        if is_foreign and not is_link:
            raise Refusal(403, "another site asks")
        if "origin" in headers and headers["origin"].lower() != f"http://{host}":
            raise Refusal(403, "another site asks")
        if scope["method"] == "POST":
            self._check_write(scope, headers)
        if scope["path"].startswith("/api/") and scope["path"] != LOGIN and not self.sessions.knows(headers):
            raise Refusal(401, "open the address that `fathom board` printed, with its token")

    def _check_write(self, scope: Scope, headers: dict[str, str]) -> None:
        if "origin" not in headers:
            raise Refusal(403, "a write must say where it comes from (Origin)")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "a write must be application/json")
        length = headers.get("content-length", "")
        if not length.isdecimal():
            raise Refusal(411, "a write must say its length")
        if int(length) > MOST_BODY:
            raise Refusal(413, f"at most {MOST_BODY >> 20} MiB")
        is_login = scope["path"] == LOGIN
        if self.read_only and not is_login:
            raise Refusal(403, "the board is read-only")
        if not (self._logins if is_login else self._writes).take():
            raise Refusal(429, "too many requests; wait a moment")


def _read_headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name; one that must be single and is not makes the request void."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        # two Hosts or lengths are read differently by different programs
        if name in found and name in ("host", "origin", "content-length", "content-type", "cookie"):
            raise Refusal(400, f"{name} is given twice")
        found[name] = value.decode("latin-1")
    return found


async def _read_body(receive: Receive) -> bytes:
    """Read a body whole, whatever its length claims; give up on one that does not arrive."""
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "the request broke off")
                content += message.get("body", b"")
                if len(content) > MOST_BODY:
                    raise Refusal(413, f"at most {MOST_BODY >> 20} MiB")
                if not message.get("more_body"):
                    return bytes(content)
    except TimeoutError:
        raise Refusal(408, "the request took too long to arrive") from None


def _replay(body: bytes) -> Receive:
    """Return a channel that gives a body that was read already."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()  # nothing more comes; whoever waits for the end is cancelled
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _with_headers(send: Send) -> Send:
    extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = [(name.lower(), value) for name, value in message.get("headers", [])]
            if not any(name == b"cache-control" for name, _ in present):
                present.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*present, *extra]}
        await send(message)

    return guarded


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == 405:
        headers.append((b"allow", ", ".join(sorted(METHODS)).encode()))
    if refusal.status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of the body is not worth reading
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""What every request passes before an app sees it: who asks, from where, how much, how often. Plain ASGI.

A server on loopback is out of reach of strangers, but not of the pages they have open in the same browser. A page of
another site can send requests to 127.0.0.1 (CSRF), and one whose name was made to point here (DNS rebinding) can read
the answers too. So the Host must be one of ours, with its port, on *every* request; an Origin, where there is one, must
be ours; and what else an app asks for (a cookie, a token, JSON) stands in its ``Rules``.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = dict[str, str]

METHODS = frozenset({"GET", "HEAD", "POST"})
# two of these are read differently by different programs
_SINGLE = ("host", "origin", "content-length", "content-type", "cookie", "authorization")

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
    """A request that is not answered, with the status that says so.

    Args:
        headers: further ones of the answer, as Retry-After.
    """

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers or {}


@dataclass
class Bucket:
    """So many a second, with at most ``burst`` saved up."""

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


@dataclass(frozen=True)
class Rules:
    """What an app asks of its requests.

    Attributes:
        hosts: what may stand in Host, with the port, in lower case; see ``fathom.web.server``.
        check: raises ``Refusal``, for whatever an app asks beyond this: a token, a kind of content.
        most_body, most_path: bytes.
        body_s: seconds in which a body must have arrived.
    """

    hosts: frozenset[str]
    check: Callable[[Scope, Headers], None]
    most_body: int = 12 << 20  # 12 MiB: a photo of 8 MiB in base64
    most_path: int = 1024
    body_s: float = 20.0


class Guard:
    """The middleware around a whole app."""

    def __init__(self, app: App, rules: Rules) -> None:
        self.app, self.rules = app, rules

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
            headers = read_headers(scope)
            self._check(scope, headers)
            self.rules.check(scope, headers)
            if scope["method"] == "POST":
                receive = _replay(await self._read_body(receive, headers))
        except Refusal as refusal:
            await refuse(send, refusal)
            return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Refuse what no app of ours answers.

        Raises:  Refusal
        """
        host = headers.get("host", "").lower()
        if host not in self.rules.hosts:
            raise Refusal(403, "this server does not go by that name")
        if scope["method"] not in METHODS:
            raise Refusal(405, "only GET, HEAD and POST are answered", {"allow": ", ".join(sorted(METHODS))})
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > self.rules.most_path:
            raise Refusal(414, "the address is too long")
        # sent by browsers alone, which cannot be made to lie about it; "none" is an address typed by hand
        asks_elsewhere = headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        # a link that is followed only opens the page, which has nothing without its token
        opens_page = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/" and scope["method"] == "GET"
        if (asks_elsewhere and not opens_page) or headers.get("origin", f"http://{host}").lower() != f"http://{host}":
            raise Refusal(403, "another site asks")

    async def _read_body(self, receive: Receive, headers: Headers) -> bytes:
        """Read a body whole, whatever its length claims; give up on one that does not arrive.

        Raises:  Refusal
        """
        most, content = self.rules.most_body, bytearray()
        too_much = Refusal(413, f"a request may have {most >> 20} MiB", {"connection": "close"})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15 or int(length) > most:  # 15 digits: a petabyte
            raise too_much
        try:
            async with asyncio.timeout(self.rules.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(400, "the request broke off")
                    content += message.get("body", b"")
                    if len(content) > most:
                        raise too_much
                    if not message.get("more_body"):
                        return bytes(content)
        except TimeoutError:
            raise Refusal(408, "the request took too long to arrive", {"connection": "close"}) from None


def listed_hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """Return what may stand in Host: each name with the port, and alone where the port is 80, as browsers leave it out.

    >>> sorted(listed_hosts(["localhost", "::1"], 8000))
    ['[::1]:8000', 'localhost:8000']
    """
    quoted = [f"[{name}]" if ":" in name else name.lower() for name in names]  # an IPv6 address stands in brackets
    return frozenset([*(f"{name}:{port}" for name in quoted), *(quoted if port == 80 else ())])


def has_bearer(headers: Headers, token: str) -> bool:
    """Whether a request carries ``Authorization: Bearer`` and the token, compared in constant time."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def read_headers(scope: Scope) -> Headers:
    """Return the headers by name, in small letters.

    Raises:  Refusal if one that must be single is not
    """
    found: Headers = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in _SINGLE:
            raise Refusal(400, f"{name} is given twice")
        found[name] = value.decode("latin-1")
    return found


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answer with the reason, as JSON."""
    body = json.dumps({"error": refusal.reason}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))} | refusal.headers
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


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

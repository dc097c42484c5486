"""The guard in front of every local server: what it lets through, and what not."""

import asyncio

import pytest

from fathom.errors import FathomError, UsageError
from fathom.web.guard import Bucket, Guard, Refusal, Rules, has_bearer, listed_hosts
from fathom.web.server import bind, is_loopback

HOSTS = listed_hosts(["127.0.0.1", "localhost"], 8000)


async def app(scope, receive, send):
    """Answers with the body it was sent."""
    body = (await receive())["body"] if scope["method"] == "POST" else b"page"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(method="GET", path="/", *, chunks=(b"",), rules=None, **headers):
    """Return status, headers and body."""
    raw = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in ({"host": "localhost:8000"} | headers).items()
    ]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": raw}
    parts = [
        {"type": "http.request", "body": chunk, "more_body": i < len(chunks) - 1} for i, chunk in enumerate(chunks)
    ]
    sent = []

    async def receive():
        if not parts:
            await asyncio.Event().wait()
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    rules = rules or Rules(HOSTS, lambda scope, headers: None, most_body=1 << 20)
    asyncio.run(Guard(app, rules)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_what_is_ours_passes_with_headers_that_keep_it_ours():
    status, headers, body = ask()
    assert (status, body) == (200, b"page")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert headers[b"cache-control"] == b"no-store"
    assert ask("POST", chunks=(b"ab", b"cd"), origin="http://localhost:8000")[2] == b"abcd"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"host": "evil.example:8000"}, 403),  # a name that was made to point here
        ({"host": "localhost"}, 403),  # without the port
        ({"host": "localhost:9000"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate", "path": "/api/runs"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 200),  # a link opens the page
        ({"method": "DELETE"}, 405),
        ({"path": "/" + "x" * 2000}, 414),
        ({"method": "POST", "content_length": "9999999"}, 413),
        ({"method": "POST", "content_length": "-1"}, 413),
        ({"method": "POST", "chunks": (b"x" * 700_000, b"x" * 700_000)}, 413),  # whatever length was said
    ],
)
def test_what_is_refused(request_, status):
    assert ask(**request_)[0] == status


def test_a_header_that_must_be_single():
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"localhost:8000"), (b"Host", b"evil")],
    }
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(app, Rules(HOSTS, lambda scope, headers: None))(scope, None, send))
    assert sent[0]["status"] == 400


def test_a_body_that_never_arrives():
    slow = Rules(HOSTS, lambda scope, headers: None, body_s=0.01)
    assert ask("POST", chunks=(), rules=slow)[0] == 408


def test_an_app_has_rules_of_its_own():
    def check(scope, headers):
        if not has_bearer(headers, "secret"):
            raise Refusal(401, "no", {"www-authenticate": "Bearer"})

    rules = Rules(HOSTS, check)
    assert ask(rules=rules)[0] == 401
    assert ask(rules=rules, authorization="Bearer secre")[0] == 401
    assert ask(rules=rules, authorization="bearer secret")[0] == 200


def test_hosts_and_buckets():
    assert listed_hosts(["Example.org"], 80) == {"example.org:80", "example.org"}
    bucket = Bucket(rate=0.001, burst=2)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")


def test_a_port_that_is_taken():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(FathomError, match="choose another --port"):
            bind("127.0.0.1", first.getsockname()[1])
    with pytest.raises(UsageError, match="no address"):
        bind("not-a-host.invalid", 0)

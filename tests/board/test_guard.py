"""What a request must be before the board looks at it; each case against the live server."""

import dataclasses
import socket
import time

import pytest

pytest.importorskip("starlette")
from fathom.web import connection

MOST_BODY = 12 << 20

ADDRESSES = ("/api/state", "/api/runs", "/api/stream", "/api/trash", "/api/runs/0123456789abcdef/history")


def test_without_the_cookie_nothing_is_told(serve, runs_folder):
    client = serve(runs_folder)
    assert [client.get(path).status for path in ADDRESSES] == [401] * 5
    assert client.get("/").status == 200  # the page itself, which knows nothing
    client.cookie = f"fathom-board-{client.port}=guess; {chr(0x80)}"
    assert [client.get(path).status for path in ADDRESSES] == [401] * 5


def test_the_token_is_swapped_for_a_strict_cookie(serve, runs_folder):
    client = serve(runs_folder)
    answer = client.post("/api/session", {"token": client.board.sessions.token})
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    assert client.board.sessions.token not in answer.headers["set-cookie"]


def test_wrong_tokens_are_refused_and_soon_not_even_read(serve, runs_folder):
    client = serve(runs_folder)
    statuses = [client.post("/api/session", {"token": token}).status for token in ["", None, 3, *("x" * 12)]]
    assert set(statuses[:9]) == {401}
    assert statuses[-1] == 429


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{}", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:{}.x", ""])
def test_a_host_that_is_not_ours_is_refused_for_every_address(client, host):
    for path in ("/", "/static/main.js", "/api/runs", "/nowhere"):
        assert client.get(path, {"host": host.format(client.port)}).status == 403


def test_two_hosts_are_refused(client):
    assert client.get("/api/runs", [("host", client.host), ("host", "evil.example")]).status == 400
    assert client.get("/api/runs", [("cookie", "a=b")]).status == 400  # beside the one that is right


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(client, method):
    answer = client.request(method, "/api/runs")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("name", ["x-http-method-override", "x-method-override", "x-http-method"])
def test_a_header_makes_no_other_method(client, name):
    run = client.first_id("090000")
    assert client.get(f"/api/runs/{run}/delete", {name: "POST"}).status == 405
    assert client.get(f"/api/runs/{run}/delete?_method=POST").status == 405
    assert len(list(client.root.glob("*/run.json"))) == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"origin": None}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "https://127.0.0.1:{}"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": None}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_a_write_from_elsewhere_changes_nothing(client, changes, status):
    headers = client.ours | {name: value and value.format(client.port) for name, value in changes.items()}
    headers = {name: value for name, value in headers.items() if value is not None}
    assert client.post(f"/api/runs/{client.first_id('090000')}/mark", {"note": "another's"}, headers).status == status
    assert not list(client.root.glob("*/marks.json"))


def test_a_read_from_elsewhere_is_refused(client):
    assert client.get("/api/runs", {"origin": "http://evil.example"}).status == 403
    assert client.get("/api/runs", {"sec-fetch-site": "cross-site"}).status == 403
    assert client.get("/static/main.js", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}).status == 403


def test_too_large_a_request_is_refused_by_what_it_says_and_by_what_it_is(client):
    path = f"/api/runs/{client.first_id('090000')}/mark"
    assert client.post(path, b"{}", client.ours | {"content-length": str(MOST_BODY + 1)}).status == 413
    assert client.request("POST", path, client.ours | {"transfer-encoding": "chunked"}, b"0\r\n\r\n").status in (
        400,
        411,
    )
    assert client.get("/api/runs?" + "x" * 2000).status == 414


def test_writes_too_often_wait(client):
    path = f"/api/runs/{client.first_id('090000')}/nothing"
    statuses = [client.post(path).status for _ in range(90)]
    assert statuses[0] == 404
    assert 429 in statuses


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"[" * 3000, b'"x"', bytes([255])])
def test_what_is_no_object_is_refused(client, body):
    assert client.post(f"/api/runs/{client.first_id('090000')}/mark", body).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/../state.py",
        "/static/..%2fstate.py",
        "/static/%2e%2e%2fstate.py",
        "/static/....//state.py",
        "/static//etc/passwd",
        "/static/..%5cstate.py",
        "/static/page.css%00.js",
        "/api/runs/../../etc/passwd/history",
        "/api/runs/%2fetc%2fpasswd/history",
        "/api/runs/..%2f..%2f/now",
        "/api/runs/last/history",
        "/api/runs/0123456789abcdef/now",
    ],
)
def test_no_path_leads_out(client, path):
    assert client.get(path).status == 404


def test_every_answer_carries_the_headers_that_protect_it(client):
    for path in ("/", "/static/main.js", "/api/runs", "/nowhere", "/api/runs/x/now"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


def test_read_only_is_read_only(serve, runs_folder):
    client = serve(runs_folder, read_only=True).log_in()
    before = {path: path.read_bytes() for path in runs_folder.rglob("*") if path.is_file()}
    for action in ("mark", "delete", "stop", "predict"):
        assert client.post(f"/api/runs/{client.first_id('090000')}/{action}").status == 403
    assert client.post("/api/trash/0123456789abcdef").status == 403
    assert before == {path: path.read_bytes() for path in runs_folder.rglob("*") if path.is_file()}


def test_names_are_ids_and_never_paths(client):
    run = client.first_id("090000")
    text = "".join(client.get(path).text for path in ("/api/runs", f"/api/runs/{run}/now", "/api/state"))
    assert str(client.root.parent) not in text


def test_a_client_that_sends_by_drops_is_hung_up_on(client, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as slow:
        slow.sendall(b"GET /api/runs HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        assert slow.recv(100) == b""
    assert time.monotonic() - began < 3
    assert client.get("/api/runs").status == 200


def test_a_body_that_comes_by_drops_is_not_waited_for(client, monkeypatch):
    path = f"/api/runs/{client.first_id('090000')}/mark"
    monkeypatch.setattr(client.app, "rules", dataclasses.replace(client.app.rules, body_s=0.3))
    headers = client.ours | {"host": client.host, "cookie": client.cookie, "content-length": "20"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as slow:
        slow.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n{{".encode())
        assert slow.recv(12) == b"HTTP/1.1 408"
    assert not list(client.root.glob("*/marks.json"))


def test_two_hundred_tabs_are_served(client):
    streams = []
    try:
        for _ in range(200):
            stream = socket.create_connection(("127.0.0.1", client.port), timeout=10)
            request = f"GET /api/stream HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n\r\n"
            stream.sendall(request.encode())
            streams.append(stream)
        assert all(stream.recv(12) == b"HTTP/1.1 200" for stream in streams)
        assert client.get("/api/runs").status == 200
    finally:
        for stream in streams:
            stream.close()

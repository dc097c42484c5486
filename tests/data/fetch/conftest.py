"""Servers on this machine: one for files over http with its failures to order, one that speaks S3."""

import contextlib
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fathom.data.fetch import transfer


class FileServer:
    """Serves ``files`` by path.

    Attributes:
        ranges: whether it can begin in the middle.
        tags: whether it says which version a file is of.
        sizes: whether it says how long a file is.
        cuts: how many bytes the next whole-file requests send before the connection breaks, one entry a request.
        answers: a status to refuse a path with.
        login: user and password, base64, that are asked for.
        sent: bytes of bodies sent so far.
    """

    def __init__(self):
        self.files, self.answers, self.cuts = {}, {}, []
        self.ranges = self.tags = self.sizes = True
        self.login = self.location = None
        self.requests, self.sent, self.headers = Counter(), 0, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.serve(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def serve(self, handler):
        path, asked = handler.path, handler.headers.get("Range")
        self.requests[path] += 1
        self.headers.append(dict(handler.headers))
        body = self.files.get(path.partition("?")[0])
        status = self.answers.get(path, 200 if body is not None else 404)
        if self.login and handler.headers.get("Authorization") != f"Basic {self.login}":
            status = 401
        if status != 200:
            handler.send_response(status)
            if status == 302:
                handler.send_header("Location", self.location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        total, first, last = len(body), 0, len(body) - 1
        if asked and self.ranges:
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
            first, last = int(found[1]), min(last, int(found[2])) if found[2] else last
            if first >= total:
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{total}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        else:
            handler.send_response(200)
        part = body[first : last + 1]
        if self.tags:
            handler.send_header("ETag", f'"{hash(body)}"')
        if self.sizes:
            handler.send_header("Content-Length", str(len(part)))
        else:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        is_probe = asked == "bytes=0-0"
        if self.cuts and not is_probe:
            part = part[: self.cuts.pop(0)]
            handler.close_connection = True
        with contextlib.suppress(OSError):  # the client may have gone
            handler.wfile.write(part)
        if not is_probe:
            self.sent += len(part)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def web(monkeypatch):
    """A web server."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NETRC", "/nonexistent")
    server = FileServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty cache, and no long waits."""
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FATHOM_OFFLINE", raising=False)
    monkeypatch.setattr(transfer, "BACKOFF_S", 0.01)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def _s3_server():
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(_s3_server, monkeypatch):
    """A client of a server that speaks S3, empty at first; the environment leads to it."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": _s3_server,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_DEFAULT_REGION": "us-east-1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    for entry in client.list_objects_v2(Bucket="bucket").get("Contents", ()):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    client.delete_bucket(Bucket="bucket")
    client.close()

import http.client
import json
import runpy
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

FAKE = runpy.run_path(str(Path(__file__).parents[1] / "runs" / "fake_run.py"))


@pytest.fixture
def make_run():
    return FAKE["make_run"]


def make_folder(root):
    """Make a folder with a finished run and one that was killed."""
    FAKE["make_run"](root, "20250301-141500-lenet-fashion_mnist", mistakes=3)
    killed = {"status": "running", "epochs": 2, "evaluation": False, "seed": 1, "lr": 0.3}
    FAKE["make_run"](root, "20250302-090000-lenet-fashion_mnist", **killed)
    return root


@pytest.fixture
def runs_folder(tmp_path):
    return make_folder(tmp_path / "runs")


@dataclass
class Answer:
    status: int
    headers: dict
    content: bytes

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        return json.loads(self.content)


class Client:
    """Sends requests byte for byte as they are written: no path is tidied up, no header added but Host."""

    def __init__(self, board, port):
        self.board, self.port, self.cookie = board, port, None
        self.host = f"127.0.0.1:{port}"
        self.ours = {"origin": f"http://{self.host}", "content-type": "application/json"}

    def request(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
        names = {name.lower() for name, _ in pairs}
        connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
        if self.cookie:
            connection.putheader("cookie", self.cookie)
        for name, value in pairs:
            connection.putheader(name, value)
        if body is not None and "content-length" not in names:
            connection.putheader("content-length", str(len(body)))
        try:
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers)

    def post(self, path, content=None, headers=None):
        body = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
        return self.request("POST", path, self.ours if headers is None else headers, body)

    def log_in(self):
        answer = self.post("/api/session", {"token": self.board.sessions.token})
        assert answer.status == 200
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return self

    def first_id(self, part):
        return next(row["id"] for row in self.get("/api/runs").json()["rows"] if part in row["name"])


@pytest.fixture(scope="module")
def serve():
    """Serve folders as ``fathom board`` does, on a port of their own; returns a client."""
    pytest.importorskip("uvicorn")
    from fathom.board.index.runs import RunIndex
    from fathom.board.server import Options, allowed_hosts, listen
    from fathom.board.state import Board
    from fathom.board.web.app import make_app
    from fathom.board.web.sessions import Sessions
    from fathom.web.server import make_server

    started = []

    def start(*roots, **options):
        listener = listen(Options(port=0))
        port = listener.getsockname()[1]
        board = Board(RunIndex(roots), Sessions(port), **options)
        app = make_app(board, allowed_hosts("127.0.0.1", port))
        server = make_server(app)
        board.is_ending = board.players.is_ending = lambda: server.should_exit
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        started.append((server, thread, listener))
        while not server.started:
            time.sleep(0.005)
        client = Client(board, port)
        client.app, client.rules = app, app.rules.check
        return client

    yield start
    for server, _, _ in started:
        server.should_exit = True
    for _, thread, listener in started:
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def shared(serve, tmp_path_factory):
    root = make_folder(tmp_path_factory.mktemp("board") / "runs")
    client = serve(root).log_in()
    client.root = root
    return client


@pytest.fixture
def client(shared):
    """A client of a server that the tests of a file share; what one has spent of its rates, the next has again."""
    from fathom.board.web.rules import WRITE_BURST, WRITES_PER_S
    from fathom.web.guard import Bucket

    shared.rules.writes = Bucket(WRITES_PER_S, WRITE_BURST)
    return shared

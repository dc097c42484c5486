"""Downloads against a real server on this machine, and archives made to do harm."""

import contextlib
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fathom.data.fetch import paths
from fathom.data.fetch.archives import read_members, unpack
from fathom.data.fetch.download import RequestPolicy, fetch, report
from fathom.errors import FathomError

CONTENT = bytes(range(256)) * 4000
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves CONTENT in several manners, and counts the requests for each path."""

    def __init__(self):
        hits = self.hits = Counter()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hits[self.path] += 1
                body, status, length = CONTENT, 200, None
                match self.path:
                    case "/gz":
                        body = gzip.compress(CONTENT)
                    case "/cut":
                        body, length = CONTENT[:5000], len(CONTENT)
                    case "/cutgz":
                        body = gzip.compress(CONTENT)[:-100]
                    case "/other":
                        body = CONTENT[::-1]
                    case "/absent":
                        status = 404
                    case "/busy":  # comes right at the third request
                        status = 503 if hits[self.path] < 3 else 200
                    case "/down":
                        status = 500
                    case "/slow":
                        time.sleep(0.3)
                self.send_response(status)
                if self.path == "/redirect":
                    self.send_header("Location", "http://example.org/file")
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                with contextlib.suppress(OSError):  # the client may have given up
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

            def send_response(self, code, message=None):
                super().send_response(302 if self.path == "/redirect" else code, message)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


def get(server, tmp_path, *routes, timeout_s=30.0, **options):
    policy = RequestPolicy(backoff_s=0.01, timeout_s=timeout_s, allow_http_loopback=True)
    options = {"checksum": SHA256, "max_bytes": len(CONTENT), "policy": policy} | options
    return fetch([server.root + route for route in routes], tmp_path / "folder" / "file", **options)


def left_over(tmp_path):
    return [p.name for p in tmp_path.rglob("*") if p.is_file() and not p.name.endswith(".lock")]


def test_fetches_once_and_shows_progress(server, tmp_path, capsys):
    seen = []
    path = get(server, tmp_path, "/file", progress=lambda *call: seen.append(call))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("file", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})
    get(server, tmp_path, "/file")
    assert server.hits["/file"] == 1
    assert left_over(tmp_path) == ["file"]
    report("file", 1_000_000, 3_000_000)
    report("file", 3_000_000, 3_000_000)
    assert capsys.readouterr().err == "downloaded file (3.0 MB)\n"


def test_gzipped_files_are_stored_uncompressed_and_checked_by_content(server, tmp_path):
    assert get(server, tmp_path, "/gz", gunzip=True).read_bytes() == CONTENT


def test_md5_too(server, tmp_path):
    checksum = "md5:" + hashlib.md5(CONTENT).hexdigest()
    assert get(server, tmp_path, "/file", checksum=checksum).exists()


def test_a_file_that_is_there_is_replaced_only_when_asked_and_whole(server, tmp_path):
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_bytes(b"half")
    assert get(server, tmp_path, "/file").read_bytes() == b"half"
    with pytest.raises(FathomError, match="wrong checksum"):
        get(server, tmp_path, "/other", replace=True)
    assert path.read_bytes() == b"half"
    assert get(server, tmp_path, "/file", replace=True).read_bytes() == CONTENT


def test_without_a_checksum_what_comes_is_taken(server, tmp_path):
    assert get(server, tmp_path, "/other", checksum=None).read_bytes() == CONTENT[::-1]


def test_mirrors_in_order(server, tmp_path):
    get(server, tmp_path, "/absent", "/other", "/redirect", "/file", "/never")
    assert dict(server.hits) == {"/absent": 1, "/other": 1, "/redirect": 1, "/file": 1}


def test_passing_faults_are_retried(server, tmp_path):
    get(server, tmp_path, "/busy")
    assert server.hits["/busy"] == 3


@pytest.mark.parametrize(
    ("route", "options", "hits", "message"),
    [
        ("/absent", {}, 1, "answers 404"),
        ("/down", {}, 3, "answers 500"),
        ("/cut", {}, 3, "broke off after 5,000 bytes"),
        ("/cutgz", {"gunzip": True}, 3, "broke off"),
        ("/other", {}, 1, "wrong checksum, sha256"),
        ("/file", {"gunzip": True}, 1, "not a gzip file"),
        ("/file", {"max_bytes": 1000}, 1, "more than the expected 1,000 bytes"),
        ("/redirect", {}, 1, "redirects to http://example.org/file, which is not https"),
        ("/slow", {"timeout_s": 0.05}, 3, "timed out"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(server, tmp_path, route, options, hits, message):
    with pytest.raises(FathomError, match=message) as caught:
        get(server, tmp_path, route, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert server.root + route in text
    assert f"at {tmp_path}/folder/file" in text
    assert server.hits[route] == hits
    assert left_over(tmp_path) == []


def test_no_network(tmp_path, monkeypatch):
    import socket

    def refuse(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    started = time.perf_counter()
    with pytest.raises(
        FathomError,
        match=r"example.org: no network.*download https://example.org/x.gz by hand and place it, uncompressed, at",
    ):
        fetch(["https://example.org/x.gz"], tmp_path / "x", checksum=SHA256, max_bytes=1, gunzip=True)
    assert time.perf_counter() - started < 1, "waiting does not bring the network back"


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd"])
def test_only_https(tmp_path, url):
    for allow in (False, True):
        with pytest.raises(FathomError, match="use https"):
            fetch([url], tmp_path / "x", checksum=SHA256, max_bytes=1, policy=RequestPolicy(allow_http_loopback=allow))
    with pytest.raises(FathomError, match="use https"):
        fetch(["http://127.0.0.1/x"], tmp_path / "x", checksum=SHA256, max_bytes=1)


FETCH = """
import sys
from pathlib import Path
from fathom.data.fetch.download import RequestPolicy, fetch
policy = RequestPolicy(allow_http_loopback=True)
fetch([sys.argv[1]], Path(sys.argv[2]), checksum=sys.argv[3], max_bytes=10**7, policy=policy)
"""


def test_two_processes_that_start_together_fetch_once(server, tmp_path):
    command = [sys.executable, "-c", FETCH, server.root + "/slow", str(tmp_path / "file"), SHA256]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert server.hits["/slow"] == 1
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_a_killed_process_left_does_not_stay(server, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".file.part").write_bytes(b"half")
    get(server, tmp_path, "/file")
    assert left_over(tmp_path) == ["file"]


def test_a_full_disk_is_one_line_and_leaves_nothing(server, tmp_path):
    # a limit on the size of files makes the kernel refuse the write, as a full disk does
    script = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + FETCH
    command = [sys.executable, "-c", script, server.root + "/file", str(tmp_path / "file"), SHA256]
    result = subprocess.run(command, capture_output=True, text=True)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("fathom.errors.FathomError: cannot write")
    assert "free some space or set FATHOM_HOME elsewhere" in last
    assert left_over(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "folder").write_text("a file in the way")
    with pytest.raises(FathomError, match=f"cannot make the folder {tmp_path}/folder .*; set FATHOM_HOME"):
        get(server, tmp_path, "/file")


# --- folders


def test_roots(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path))
    assert paths.data_roots() == [tmp_path, tmp_path / "home" / "data"]
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    assert paths.data_roots() == [tmp_path / "home" / "data"]
    assert paths.make_cache_folder("a", "b").is_dir()
    monkeypatch.delenv("FATHOM_HOME")
    assert paths.cache_root().name == "fathom"
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FathomError, match=r"FATHOM_DATA names .*nowhere, which is not a folder"):
        paths.data_roots()


def test_a_cache_that_is_not_writable(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FathomError, match=f"folder {tmp_path}/data is not writable; set FATHOM_HOME"):
        paths.make_cache_folder()


# --- archives


def make_tar(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            tar.addfile(info, io.BytesIO(content))
    return path


def test_unpack(tmp_path):
    archive = make_tar(
        tmp_path / "a.tar.gz",
        ("top", b"", tarfile.DIRTYPE),
        ("top/one", b"1", tarfile.REGTYPE),
        ("top/deep/two", b"22", tarfile.REGTYPE),
    )
    (tmp_path / ".out.part").mkdir()  # left by a killed process
    (tmp_path / ".out.part" / "junk").touch()
    unpack(archive, tmp_path / "out", max_bytes=100)
    files = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert files == {"top/one": b"1", "top/deep/two": b"22"}
    assert not (tmp_path / ".out.part").exists()
    archive.unlink()
    unpack(archive, tmp_path / "out", max_bytes=100)  # is there already


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (("../evil", b"x", tarfile.REGTYPE), "points outside"),
        (("a/../../evil", b"x", tarfile.REGTYPE), "points outside"),
        (("/evil", b"x", tarfile.REGTYPE), "points outside"),
        (("..\\evil", b"x", tarfile.REGTYPE), "points outside"),
        (("link", b"", tarfile.SYMTYPE), "link or device"),
        (("hard", b"", tarfile.LNKTYPE), "link or device"),
        (("pipe", b"", tarfile.FIFOTYPE), "link or device"),
        (("device", b"", tarfile.CHRTYPE), "link or device"),
        (("large", bytes(200), tarfile.REGTYPE), "exceeds 100 B"),
    ],
)
def test_a_hostile_archive_is_refused_whole(tmp_path, member, message):
    (tmp_path / "in").mkdir()
    archive = make_tar(tmp_path / "in" / "a.tar.gz", ("good", b"1", tarfile.REGTYPE), member)
    with pytest.raises(FathomError, match=message):
        unpack(archive, tmp_path / "out", max_bytes=100)
    assert {p.name for p in tmp_path.iterdir()} <= {"in", ".out.lock"}


def test_too_many_members(tmp_path):
    archive = make_tar(tmp_path / "a.tar.gz", *((str(i), b"", tarfile.REGTYPE) for i in range(20)))
    with pytest.raises(FathomError, match="10 members"):
        list(read_members(archive, max_bytes=100, max_members=10))


@pytest.mark.parametrize("keep", [0, 30, 200])
def test_a_damaged_archive(tmp_path, keep):
    archive = make_tar(tmp_path / "a.tar.gz", ("one", os.urandom(5000), tarfile.REGTYPE))
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(FathomError, match=f"cannot read the archive {archive}"):
        list(read_members(archive, max_bytes=10_000))

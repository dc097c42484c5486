"""Files over http: whole, resumed, brought up to date, and every refusal in one line."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile

import pytest
from filelock import FileLock

from fathom.address import conceal
from fathom.data.fetch import copies
from fathom.data.fetch.copies import local_copy
from fathom.data.fetch.web_source import WebFile
from fathom.data.tables.reading import read_table
from fathom.errors import FathomError, UsageError

CONTENT = bytes(range(256)) * 8000


def refusal(address, **options):
    with pytest.raises(FathomError) as caught:
        local_copy(address, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def left_over(home):
    return sorted(p.name for p in home.rglob("*") if ".part" in str(p))


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("sizes", [True, False])
def test_a_file_is_fetched_once(web, home, ranges, sizes):
    web.ranges, web.sizes = ranges, sizes
    web.files["/book.txt"] = CONTENT
    copy = local_copy(f"{web.root}/book.txt")
    assert copy.path.read_bytes() == CONTENT
    assert copy.path.name == "book.txt"
    assert copy.path.is_relative_to(home)
    assert local_copy(f"{web.root}/book.txt") == copy
    assert web.sent == len(CONTENT)
    assert left_over(home) == []


def test_an_empty_file_too(web):
    web.files["/a.csv"] = b""
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == b""


def test_a_change_is_noticed_and_the_earlier_version_stays(web):
    web.files["/a.csv"] = b"a\n1\n"
    old = local_copy(f"{web.root}/a.csv")
    web.files["/a.csv"] = b"a\n2\n"
    new = local_copy(f"{web.root}/a.csv")
    assert (old.path.read_bytes(), new.path.read_bytes()) == (b"a\n1\n", b"a\n2\n")
    asked = sum(web.requests.values())
    assert local_copy(f"{web.root}/a.csv", version=old.version) == old
    assert sum(web.requests.values()) == asked
    web.files["/a.csv"] = b"a\n3\n"
    local_copy(f"{web.root}/a.csv")
    assert not old.path.exists()  # two versions are kept
    assert "has changed" in refusal(f"{web.root}/a.csv", version=old.version)


def test_broken_connections_are_gone_on_from(web):
    web.files["/a.csv"] = CONTENT
    web.cuts = [600_000, 700_000]
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT
    assert web.sent == len(CONTENT)
    assert [h["Range"] for h in web.headers if h.get("Range", "bytes=0-0") != "bytes=0-0"] == [
        "bytes=600000-",
        "bytes=1300000-",
    ]


def test_without_ranges_it_begins_again(web):
    web.files["/a.csv"] = CONTENT
    web.ranges, web.cuts = False, [600_000]
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT
    assert web.sent == len(CONTENT) + 600_000


def test_a_later_process_goes_on(web):
    web.files["/a.csv"] = CONTENT
    web.cuts = [600_000, 0, 0, 0, 0]
    assert "what has arrived is kept" in refusal(f"{web.root}/a.csv")
    web.cuts = []
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT
    assert web.sent == len(CONTENT)


def test_what_was_begun_of_another_version_is_not_gone_on_with(web):
    web.files["/a.csv"] = CONTENT
    web.cuts = [600_000, 0, 0, 0, 0]
    refusal(f"{web.root}/a.csv")
    web.files["/a.csv"], web.cuts = CONTENT[::-1], []
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT[::-1]


def test_a_change_in_the_middle_is_noticed(web):
    web.files["/a.csv"] = CONTENT
    web.cuts = [600_000]
    source = WebFile(f"{web.root}/a.csv")
    serve = web.serve

    def change(handler):
        if web.sent:
            web.files["/a.csv"] = CONTENT[::-1]
        serve(handler)

    web.serve = change
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT[::-1]
    assert source.list_files().files[0].size == len(CONTENT)


def test_without_tags_and_sizes_it_is_fetched_every_time(web):
    web.tags = web.sizes = False
    web.ranges = False
    web.files["/a.csv"] = CONTENT
    copy = local_copy(f"{web.root}/a.csv")
    assert local_copy(f"{web.root}/a.csv") == copy
    assert copy.path.read_bytes() == CONTENT
    web.files["/a.csv"] = b"other"
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == b"other"


def test_tags_that_change_with_every_request_do_no_harm(web):
    web.files["/a.csv"] = CONTENT
    serve, number = web.serve, iter(range(100))

    def tag(handler):
        send = handler.send_header
        handler.send_header = lambda name, value: send(name, str(next(number)) if name == "ETag" else value)
        serve(handler)

    web.serve = tag
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT


def test_without_network_the_copy_serves_and_says_so(web, home, capsys, monkeypatch):
    web.files["/a.csv"] = CONTENT
    address = f"{web.root}/a.csv"
    assert "no copy is here" in refusal("http://127.0.0.1:9/a.csv")
    copy = local_copy(address)
    web.answers["/a.csv"] = 503
    capsys.readouterr()
    assert local_copy(address) == copy
    assert capsys.readouterr().err.startswith(
        f"fathom: {address}: answers 503 Service Unavailable; using the copy of 20"
    )
    del web.answers["/a.csv"]
    monkeypatch.setenv("FATHOM_OFFLINE", "1")
    asked = sum(web.requests.values())
    assert local_copy(address) == copy
    assert "offline, and no copy is here" in refusal(f"{web.root}/b.csv")
    assert sum(web.requests.values()) == asked


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "access denied; put user"), (403, "access denied"), (404, "no such file"), (410, "no such file")],
)
def test_a_refusal_is_no_lack_of_network(web, status, words):
    web.files["/a.csv"] = CONTENT
    local_copy(f"{web.root}/a.csv")
    web.answers["/a.csv"] = status
    assert words in refusal(f"{web.root}/a.csv")


def test_passwords_are_used_and_written_nowhere(web, home, monkeypatch, tmp_path):
    web.files["/a.csv"] = CONTENT
    web.login = base64.b64encode(b"me:hunter2").decode()
    address = conceal(f"{web.root.replace('://', '://me:hunter2@')}/a.csv?X-Amz-Signature=abcdef")
    copy = local_copy(address)
    assert copy.path.read_bytes() == CONTENT
    assert "/a.csv?X-Amz-Signature=abcdef" in web.requests
    for path in home.rglob("*"):
        assert "hunter2" not in str(path)
        assert "abcdef" not in str(path)
        assert not path.is_file() or not {b"hunter2", b"abcdef"} & set(path.read_bytes().split(b'"'))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert local_copy(f"{web.root}/a.csv?other").path.read_bytes() == CONTENT


def test_passwords_do_not_follow_to_another_host(web):
    web.login = base64.b64encode(b"me:hunter2").decode()
    web.files["/a.csv"] = web.files["/there.csv"] = CONTENT
    web.answers["/a.csv"] = 302
    typed = f"{web.root.replace('://', '://me:hunter2@')}/a.csv"
    web.location = "/there.csv"
    assert local_copy(typed).path.read_bytes() == CONTENT
    web.location = f"{web.root.replace('127.0.0.1', 'localhost')}/there.csv"
    assert "access denied" in refusal(typed)
    assert "Authorization" not in web.headers[-1]


def test_https_is_not_left_for_http(web):
    source = WebFile("https://example.org/a.csv")
    assert source._may_redirect("https://elsewhere.org/a.csv")
    assert not source._may_redirect("http://example.org/a.csv")
    assert not source._may_redirect("file:///etc/passwd")


def test_sizes_are_bounded(web, monkeypatch):
    web.files["/a.csv"] = CONTENT
    monkeypatch.setenv("FATHOM_REMOTE_MAX_GB", "0.001")
    assert "more than the limit of 1.0 MB" in refusal(f"{web.root}/a.csv")
    web.sizes, web.ranges = False, False
    assert "sends more than 1,000,000 bytes" in refusal(f"{web.root}/a.csv")
    monkeypatch.setenv("FATHOM_REMOTE_MAX_GB", "many")
    assert "expected a number of gigabytes" in refusal(f"{web.root}/a.csv")


def test_a_full_disk_is_told_beforehand(web, monkeypatch):
    web.files["/a.csv"] = CONTENT
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda _: usage)
    assert "needs 2.0 MB more, and 1.0 kB are free" in refusal(f"{web.root}/a.csv")
    assert web.sent == 0


def test_a_web_page_in_place_of_a_file_is_named(web, monkeypatch):
    web.files["/a.csv"] = b"<html>"
    serve = web.serve

    def as_page(handler):
        end = handler.end_headers
        handler.end_headers = lambda: (handler.send_header("Content-Type", "text/html; charset=utf-8"), end())
        serve(handler)

    web.serve = as_page
    assert "is a web page" in refusal(f"{web.root}/a.csv")


def test_a_server_that_hangs_is_given_up(web, monkeypatch):
    source = WebFile(f"{web.root}/a.csv", timeout_s=0.1)
    monkeypatch.setattr(copies, "_open_source", lambda _: source)
    web.serve = lambda handler: time.sleep(0.5)
    assert "timed out" in refusal(f"{web.root}/a.csv")


def test_a_damaged_copy_is_fetched_again(web):
    web.files["/a.csv"] = CONTENT
    copy = local_copy(f"{web.root}/a.csv")
    copy.path.write_bytes(b"short")
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT
    (copy.path.parent / ".source.json").write_text(json.dumps({"schema": 1, "root": "../..", "files": []}))
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT


def zipped(names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, f"content of {name}")
    return packed.getvalue()


def test_an_archive_is_unpacked_to_the_folder_it_holds(web, home):
    names = ["photos/cat/1.jpg", "photos/dog/1.jpg", "__MACOSX/photos/._x", ".DS_Store"]
    web.files["/photos.zip"] = zipped(names)
    copy = local_copy(f"{web.root}/photos.zip")
    assert copy.path.name == "photos"
    assert sorted(p.name for p in copy.path.iterdir()) == ["cat", "dog"]
    assert (copy.path / "cat" / "1.jpg").read_text() == "content of photos/cat/1.jpg"
    assert not list(home.rglob("*.zip"))
    assert local_copy(f"{web.root}/photos.zip") == copy


@pytest.mark.parametrize("name", ["../../evil.jpg", "/evil.jpg", "a\\..\\evil.jpg"])
def test_an_archive_cannot_write_elsewhere(web, home, name):
    web.files["/photos.zip"] = zipped(["cat/1.jpg", name])
    assert "points outside its folder" in refusal(f"{web.root}/photos.zip")
    assert not list(home.parent.rglob("*evil*"))


def test_a_damaged_archive_is_fetched_again(web):
    web.files["/photos.zip"] = whole = zipped(["cat/1.jpg", "dog/1.jpg"])
    web.files["/photos.zip"] = whole[:-30]
    message = refusal(f"{web.root}/photos.zip")
    assert message.startswith(f"{web.root}/photos.zip: cannot read the archive photos.zip")
    web.files["/photos.zip"] = whole
    assert (local_copy(f"{web.root}/photos.zip").path / "cat").is_dir()


def test_a_folder_over_http_is_refused(web):
    with pytest.raises(UsageError, match="cannot be listed over http"):
        local_copy(f"{web.root}/photos/")


def test_processes_that_start_together_fetch_once(web, home, capsys):
    web.files["/a.csv"] = CONTENT
    folder = copies._CopyFolder(f"{web.root}/a.csv", unpacks=True, encoding=None).folder
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        results = []
        threads = [threading.Thread(target=lambda: results.append(local_copy(f"{web.root}/a.csv"))) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        assert web.sent == 0
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert web.sent == len(CONTENT)
    assert "another process is fetching" in capsys.readouterr().err


def test_killed_in_the_middle_it_goes_on(web, home):
    web.files["/a.csv"] = CONTENT
    serve = web.serve

    def slowly(handler):
        write = handler.wfile.write

        def trickle(part):
            for i in range(0, len(part), 100_000):
                write(part[i : i + 100_000])
                time.sleep(0.05)

        if handler.headers.get("Range") != "bytes=0-0":
            handler.wfile.write = trickle
        serve(handler)

    web.serve = slowly
    code = f"from fathom.data.fetch.copies import local_copy; local_copy({web.root + '/a.csv'!r})"
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    try:
        deadline = time.monotonic() + 30
        while not any(p.stat().st_size > 500_000 for p in home.rglob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (part,) = home.rglob("*.part")
    arrived = part.stat().st_size
    web.serve = serve
    assert local_copy(f"{web.root}/a.csv").path.read_bytes() == CONTENT
    assert web.headers[-1]["Range"] == f"bytes={arrived}-"


def test_a_packed_table_stays_packed(web, home):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.csv", "x,y\n1,2\n")
    web.files["/rows.csv.zip"] = packed.getvalue()
    copy = local_copy(f"{web.root}/rows.csv.zip", unpacks=False)
    assert copy.path.name == "rows.csv.zip"
    assert read_table(copy.path).frame.to_dict("list") == {"x": [1], "y": [2]}
    assert local_copy(f"{web.root}/rows.csv.zip").path.is_dir()
    assert local_copy(f"{web.root}/rows.csv.zip", unpacks=False, version=copy.version) == copy

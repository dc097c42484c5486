"""Where results go: devices and pipes are written through, what stands there keeps its mode, its links, its names."""

import contextlib
import io
import os
import stat
import subprocess
import sys
import threading

import pytest

from fathom.errors import FathomError, UsageError
from fathom.files import write_atomically
from fathom.outputs import check_output, reserve_stdout, write_output

posix = pytest.mark.skipif(os.name == "nt", reason="needs the kinds of file that Unix has")


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_keeps_its_mode(tmp_path, mode):
    target = tmp_path / "a.csv"
    target.write_text("old")
    target.chmod(mode)
    write_output(target, "new")
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", mode)


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, exists):
    target, link = tmp_path / "there" / "a.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    write_output(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert listing(target.parent) == ["a.csv"]


@posix
@pytest.mark.parametrize("content", ["new", "much longer than what was there"])
def test_all_names_of_a_file_get_the_new_content(tmp_path, content):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("old content")
    os.link(first, second)
    write_output(second, content)
    assert first.read_text() == second.read_text() == content
    assert first.stat().st_ino == second.stat().st_ino
    assert listing(tmp_path) == ["a.csv", "b.csv"]


@posix
def test_a_failure_leaves_a_file_of_two_names_as_it_was(tmp_path, monkeypatch):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("old")
    os.link(first, second)
    monkeypatch.setattr(
        "fathom.files._finish", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(FathomError, match="no space left"):
        write_output(second, "new")
    assert first.read_text() == "old"
    assert listing(tmp_path) == ["a.csv", "b.csv"]


@posix
def test_a_read_only_file_is_refused_even_for_root(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(FathomError, match=r"cannot write .*a\.csv: the file is read-only; make it writable"):
        write_output(target, "new")
    assert target.read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_keeps_its_owner(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    os.chown(target, 1234, 1234)
    write_atomically(target, "new")
    assert (target.read_text(), target.stat().st_uid, target.stat().st_gid) == ("new", 1234, 1234)


@posix
def test_devices_are_written_to_and_stay_devices():
    before = os.stat("/dev/null")
    write_output("/dev/null", b"gone")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_dev) == (before.st_ino, before.st_dev)


@posix
def test_a_named_pipe_hands_the_content_on(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_output(pipe, "through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert listing(tmp_path) == ["pipe"]


@posix
def test_a_socket_is_refused(tmp_path, monkeypatch):
    import socket

    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(FathomError, match="cannot write s: it is a socket, not a file"):
            write_output("s", "x")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("", "--out: the name of the file is empty"),
        ("  ", "--out: the name of the file is empty"),
        (".", r"--out \.: is a folder; name a file"),
        ("..", r"--out \.\.: is a folder; name a file"),
        ("new/", "--out new/: is a folder; name a file"),
        ("absent/a.csv", "--out absent/a.csv: no such folder: absent"),
    ],
)
def test_what_cannot_be_a_file_is_refused(tmp_path, monkeypatch, out, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        check_output(out)
    with pytest.raises(UsageError, match=message):
        write_output(out, "x")
    assert listing(tmp_path) == []


def test_standard_output_is_for_the_content_and_the_rest_goes_to_standard_error():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), reserve_stdout():
        print("said")
        write_output("-", "content")
    assert (out.getvalue(), err.getvalue()) == ("content", "said\n")


@posix
@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_the_names_of_standard_output_go_on_where_it_is(tmp_path, name):
    """A file that the shell opened is not begun anew, and not replaced either."""
    program = (
        "import sys; from fathom.outputs import write_output; print('before', flush=True);"
        f"write_output({name!r}, b'content\\n'); print('after')"
    )
    with open(tmp_path / "log", "wb") as log:
        inode = os.fstat(log.fileno()).st_ino
        subprocess.run([sys.executable, "-c", program], stdout=log, check=True)
    assert (tmp_path / "log").read_text() == "before\ncontent\nafter\n"
    assert (tmp_path / "log").stat().st_ino == inode

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fathom import files
from fathom.errors import FathomError
from fathom.files import append_line, atomic_file, atomic_folder, remove_leftovers, remove_stale, write_atomically


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def refuse(code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


def test_text_and_bytes_arrive_whole(tmp_path):
    write_atomically(tmp_path / "a.txt", "größer\n")
    write_atomically(tmp_path / "b.bin", b"\x00\xff")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "größer\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert listing(tmp_path) == ["a.txt", "b.bin"]


def test_a_new_file_gets_ordinary_permissions(tmp_path):
    (tmp_path / "ordinary").write_text("")
    write_atomically(tmp_path / "atomic", "")
    assert stat.S_IMODE((tmp_path / "atomic").stat().st_mode) == stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)


@pytest.mark.parametrize(
    ("call", "code", "advice"),
    [
        ("fsync", errno.ENOSPC, "no space left on device; free some space"),
        ("replace", errno.EROFS, "read-only file system; choose a folder that can be written"),
        ("replace", errno.EACCES, "permission denied; choose a folder that you may write"),
    ],
)
def test_refusal_is_one_line_and_keeps_the_old_file(tmp_path, monkeypatch, call, code, advice):
    target = tmp_path / "run.json"
    target.write_text("old")
    monkeypatch.setattr(files.os, call, refuse(code))
    with pytest.raises(FathomError) as caught:
        write_atomically(target, "new")
    assert str(caught.value).startswith(f"cannot write {target}: {advice}")
    assert "\n" not in str(caught.value)
    assert target.read_text() == "old"
    assert listing(tmp_path) == ["run.json"]


def test_a_missing_parent_is_one_line(tmp_path):
    with pytest.raises(FathomError, match=r"cannot write .*no such file or directory"):
        write_atomically(tmp_path / "absent" / "x", "")


def test_an_error_in_the_block_leaves_nothing(tmp_path):
    def write_half(error):
        with atomic_file(tmp_path / "x") as file, atomic_folder(tmp_path / "y") as folder:
            file.write(b"half")
            (folder / "half").write_text("")
            raise error

    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error):
            write_half(error)
    assert listing(tmp_path) == []


def fill(path, text, **options):
    with atomic_folder(path, **options) as folder:
        (folder / "weights").write_text(text)
        (folder / "deep").mkdir()
        (folder / "deep" / "state").write_text(text)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_replaces_the_one_before(tmp_path, monkeypatch, exchange):
    if not exchange:  # a system without renameat2
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    for text in ("one", "two"):
        fill(tmp_path / "best", text)
    assert (tmp_path / "best" / "deep" / "state").read_text() == "two"
    assert listing(tmp_path) == ["best"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_replaced_folder_can_be_kept(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    for text in ("one", "two", "three"):
        fill(tmp_path / "last", text, previous=tmp_path / "previous")
    assert (tmp_path / "last" / "weights").read_text() == "three"
    assert (tmp_path / "previous" / "weights").read_text() == "two"
    assert listing(tmp_path) == ["last", "previous"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems rename twice")
def test_linux_exchanges_folders_in_one_call(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "x").touch()
    assert files._exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "x").exists()


def test_a_full_disk_while_syncing_keeps_the_old_folder(tmp_path, monkeypatch):
    fill(tmp_path / "last", "old")
    monkeypatch.setattr(files.os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(FathomError, match="no space left on device"):
        fill(tmp_path / "last", "new")
    assert (tmp_path / "last" / "weights").read_text() == "old"
    assert listing(tmp_path) == ["last"]


def test_every_file_and_folder_is_synced(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), real(handle))[1])
    fill(tmp_path / "last", "x")
    expected = [tmp_path, tmp_path / "last", *(tmp_path / "last").rglob("*")]
    assert {path.stat().st_ino for path in expected} <= set(synced)


def test_appending_takes_a_torn_line_back(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    append_line(path, '{"step": 1}')
    real = os.write
    calls = []

    def half(handle, data):
        if calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        calls.append(real(handle, data[:4]))
        return 4

    monkeypatch.setattr(files.os, "write", half)
    with pytest.raises(FathomError, match=r"metrics\.jsonl: no space left on device"):
        append_line(path, '{"step": 2}')
    monkeypatch.undo()
    append_line(path, '{"step": 3}')
    assert path.read_text() == '{"step": 1}\n{"step": 3}\n'


WRITER = """
import sys
from pathlib import Path
from fathom.files import atomic_folder, write_atomically
root = Path(sys.argv[1])
for i in range(10**9):
    write_atomically(root / "run.json", '{"value": "' + str(i % 10) * 20000 + '"}')
    with atomic_folder(root / "last", previous=root / "previous") as folder:
        for name in ("a", "b"):
            (folder / name).write_text(str(i))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_kill_never_leaves_half(tmp_path):
    for round in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
        deadline = time.monotonic() + 20
        before = (tmp_path / "last" / "a").read_text() if (tmp_path / "last").exists() else None
        while time.monotonic() < deadline:  # until it has written anew
            time.sleep(0.05)
            try:
                if (tmp_path / "last" / "a").read_text() != before:
                    time.sleep(0.007 * round)  # another point of the cycle every time
                    break
            except FileNotFoundError:
                continue
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(set(json.loads((tmp_path / "run.json").read_text())["value"])) == 1
        assert (tmp_path / "last" / "a").read_text() == (tmp_path / "last" / "b").read_text() != ""
        remove_leftovers(tmp_path)
        assert set(listing(tmp_path)) <= {"run.json", "last", "previous"}


def test_leftovers_go_and_nothing_else(tmp_path):
    (tmp_path / ".fathom.tmp-12ab").mkdir()
    (tmp_path / ".fathom.tmp-12ab" / "x").touch()
    (tmp_path / ".fathom.tmp-34cd").touch()
    (tmp_path / ".hidden").touch()
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "absent")
    assert listing(tmp_path) == [".hidden"]


KILLED = """
import os, sys
from fathom.files import atomic_file
manager = atomic_file(sys.argv[1])
file = manager.__enter__()
file.write(b"half")
file.flush()
os._exit(9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that end with the process")
def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "a.csv"], check=False)
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "b.csv"], check=False)
    (of_a,) = (name for name in listing(tmp_path) if name.startswith(prefix_of("a.csv")))
    with atomic_file(tmp_path / "a.csv") as file:
        assert len(listing(tmp_path)) == 3
        remove_stale(tmp_path / "a.csv")  # as another process does, at the same time
        remove_stale(tmp_path / "absent" / "a.csv")
        file.write(b"whole")
    assert of_a not in listing(tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == b"whole"
    (left,) = set(listing(tmp_path)) - {"a.csv"}
    assert left.startswith(prefix_of("b.csv"))


def test_where_files_cannot_be_locked_nothing_is_removed(tmp_path, monkeypatch):
    (tmp_path / f"{prefix_of('a.csv')}0123").touch()
    monkeypatch.setattr(files.fcntl, "flock", refuse(errno.ENOTSUP))
    remove_stale(tmp_path / "a.csv")
    write_atomically(tmp_path / "a.csv", "whole")
    assert len(listing(tmp_path)) == 2


def test_a_new_file_that_somebody_takes_for_stale_is_begun_anew(tmp_path, monkeypatch):
    lock, taken = files._lock, []

    def interfere(handle):
        if not taken:
            taken.extend(listing(tmp_path))
            remove_stale(tmp_path / "a.csv")
        return lock(handle)

    monkeypatch.setattr(files, "_lock", interfere)
    write_atomically(tmp_path / "a.csv", "whole")
    assert len(taken) == 1
    assert listing(tmp_path) == ["a.csv"]


def prefix_of(name):
    return files._temporary_prefix(Path(name))


def test_names_that_are_not_utf_8_come_back_from_json_and_yaml(tmp_path):
    """On Linux a name is bytes; Python stands surrogates in for those that are no UTF-8."""
    from fathom.runs.folder.records import read_json, read_lines, read_yaml, to_json, to_yaml

    name = os.fsdecode(b"\xca\xfd/" + "é.png".encode())
    write_atomically(tmp_path / "a.json", to_json({"name": name}))
    assert read_json(tmp_path / "a.json") == {"name": name}
    write_atomically(tmp_path / "a.yaml", to_yaml({"name": name}))
    assert read_yaml(tmp_path / "a.yaml") == {"name": name}
    append_line(tmp_path / "a.jsonl", to_json({"name": name}))
    assert read_lines(tmp_path / "a.jsonl") == [{"name": name}]
    (tmp_path / "a.json").read_text("utf-8")

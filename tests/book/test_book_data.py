"""The book's data sets: found, downloaded, checked, unpacked."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from fathom.d2l import torch as new
from fathom.d2l.topics import download as place
from fathom.d2l.v0 import torch as old
from fathom.errors import FathomError, UsageError

CONTENT = b"one,two\n1,2\n"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A working directory, an own data folder and a cache, all empty; the network is not there."""
    for name in ("work/code", "own", "home"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "code")
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(place, "fetch", _refuse)
    return tmp_path


def _refuse(urls, target, **options):
    raise FathomError(f"cannot download {target.name} (no network); fetch {urls[0]} by hand and place it at {target}")


def serve(monkeypatch, content):
    """Let downloads bring ``content``; gives the list of what was asked for."""
    asked = []

    def fetch(urls, target, **options):
        asked.append((urls[0], Path(target), options["checksum"]))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    monkeypatch.setattr(place, "fetch", fetch)
    return asked


def register(monkeypatch, name="pets", file="pets.csv", content=CONTENT):
    monkeypatch.setitem(new.DATA_HUB, name, (new.DATA_URL + file, hashlib.sha1(content).hexdigest()))


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_hub_is_one_for_both_editions():
    assert old.DATA_HUB is new.DATA_HUB
    assert new.DATA_URL.startswith("https://")
    assert all(len(sha1) == 40 and url.startswith(new.DATA_URL) for url, sha1 in new.DATA_HUB.values())


def test_real_files_are_found(shared_data):
    for name in ("time_machine", "airfoil", "kaggle_house_train", "kaggle_house_test"):
        path = Path(new.download(name))
        assert shared_data in path.parents
        assert hashlib.sha1(path.read_bytes()).hexdigest() == new.DATA_HUB[name][1]


@pytest.mark.parametrize("where", ["work/data", "work/code/data", "own", "own/tables", "home/data"])
def test_found_in_every_place(folders, monkeypatch, where):
    register(monkeypatch)
    (folders / where).mkdir(parents=True, exist_ok=True)
    (folders / where / "pets.csv").write_bytes(CONTENT)
    path = Path(new.download("pets"))
    assert path.read_bytes() == CONTENT
    assert path.resolve().parent == (folders / where).resolve()


@pytest.mark.parametrize(
    ("there", "root"), [([], "home/data"), (["code/data"], "data"), (["data", "code/data"], "../data")]
)
def test_the_root_where_none_is_named(folders, there, root):
    for name in there:
        (folders / "work" / name).mkdir()
    assert new.DataModule().root == str(folders / root if root == "home/data" else root)


def test_both_signatures(folders, monkeypatch):
    register(monkeypatch)
    sha1 = new.DATA_HUB["pets"][1]
    (folders / "mine").mkdir()
    (folders / "mine" / "pets.csv").write_bytes(CONTENT)
    mine = str(folders / "mine")
    for d2l in (new, old):
        calls = [
            d2l.download("pets", mine),
            d2l.download("pets", cache_dir=mine),
            d2l.download(name="pets", cache_dir=mine),
            d2l.download(d2l.DATA_URL + "pets.csv", mine, sha1),
            d2l.download(url=d2l.DATA_URL + "pets.csv", folder=mine, sha1_hash=sha1),
        ]
        assert calls == [os.path.join(mine, "pets.csv")] * 5
    with pytest.raises(TypeError, match="name or the address"):
        new.download()


def test_a_file_with_a_wrong_checksum_is_passed_over_and_replaced(folders, monkeypatch):
    register(monkeypatch)
    (folders / "own" / "pets.csv").write_bytes(b"half")
    (folders / "work" / "data").mkdir()
    (folders / "work" / "data" / "pets.csv").write_bytes(b"half")
    asked = serve(monkeypatch, CONTENT)
    path = Path(new.download("pets"))
    assert path == folders / "home" / "data" / "pets.csv"  # not the working directory's neighbour
    assert asked == [(new.DATA_URL + "pets.csv", path, "sha1:" + new.DATA_HUB["pets"][1])]
    assert (folders / "own" / "pets.csv").read_bytes() == b"half"
    named = folders / "mine"
    named.mkdir()
    (named / "pets.csv").write_bytes(b"half")
    path.unlink()
    assert Path(new.download("pets", named)).read_bytes() == CONTENT
    assert (named / "pets.csv").read_bytes() == CONTENT


def test_a_wrong_file_placed_by_hand_is_named(folders, monkeypatch):
    register(monkeypatch)
    (folders / "own" / "pets.csv").write_bytes(b"<html>")
    with pytest.raises(
        FathomError, match=r"cannot download.*; \S+own/pets\.csv is another file: its SHA-1 is not [0-9a-f]"
    ):
        new.download("pets")


def test_https_takes_the_place_of_http(folders, monkeypatch):
    asked = serve(monkeypatch, CONTENT)
    new.download("http://example.org/a/b.csv?version=2", folders / "mine")
    assert asked == [("https://example.org/a/b.csv?version=2", folders / "mine" / "b.csv", None)]


def test_what_cannot_be_had_is_said_in_a_line(folders):
    with pytest.raises(FathomError, match=r"hotdog\.zip.*https://d2l-data.*by hand and place it at .*home/data/hotdog"):
        new.download_extract("hotdog")
    with pytest.raises(UsageError, match="unknown data set 'hotdogs'; did you mean 'hotdog'"):
        new.download("hotdogs")
    with pytest.raises(UsageError, match="did you mean 'voc2012'"):
        old.download_extract("voc2021")


def test_archives_are_unpacked_once_where_they_can_be(folders, monkeypatch):
    content = zipped({"pets/train/a.txt": "a", "pets/labels.csv": "b"})
    register(monkeypatch, file="pets.zip", content=content)
    asked = serve(monkeypatch, content)
    folder = Path(new.download_extract("pets"))
    assert folder == folders / "home" / "data" / "pets"
    assert (folder / "train" / "a.txt").read_text() == "a"
    assert Path(new.download_extract("pets", "pets/train")) == folder / "train"
    assert len(asked) == 1
    assert sorted(p.name for p in folder.parent.iterdir() if not p.name.startswith(".")) == ["pets", "pets.zip"]


def test_a_folder_unpacked_by_hand_is_found(folders, monkeypatch):
    (folders / "own" / "hotdog").mkdir()
    assert Path(new.download_extract("hotdog")) == folders / "own" / "hotdog"
    (folders / "own" / "VOCdevkit" / "VOC2012").mkdir(parents=True)
    assert Path(old.download_extract("voc2012", os.path.join("VOCdevkit", "VOC2012"))).name == "VOC2012"


def test_an_archive_found_elsewhere_comes_to_the_folder_that_was_named(folders, monkeypatch):
    """As edition 1.0 does it: download to a root, unpack there, read from there."""
    content = zipped({"pets/a.txt": "a"})
    (folders / "own" / "pets.zip").write_bytes(content)
    register(monkeypatch, file="pets.zip", content=content)
    root = str(folders / "root")
    new.extract(new.download(new.DATA_URL + "pets.zip", root, new.DATA_HUB["pets"][1]))
    assert Path(root, "pets", "a.txt").read_text() == "a"


def test_extract_merges_and_replaces(folders):
    archive = folders / "a.zip"
    archive.write_bytes(zipped({"top/new.txt": "new", "top/old.txt": "2", "top/empty/": ""}))
    (folders / "out" / "top").mkdir(parents=True)
    (folders / "out" / "top" / "old.txt").write_text("1")
    (folders / "out" / "top" / "kept.txt").write_text("kept")
    assert new.extract(archive, folders / "out") is None
    found = {path.name: path.read_text() for path in (folders / "out" / "top").iterdir() if path.is_file()}
    assert found == {"new.txt": "new", "old.txt": "2", "kept.txt": "kept"}
    with tarfile.open(folders / "b.tar.gz", "w:gz") as tar:
        tar.add(folders / "out" / "top", "again")
    new.extract(str(folders / "b.tar.gz"))
    assert (folders / "again" / "kept.txt").read_text() == "kept"


def _link_in_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"../evil.txt": "x"}), "points outside its folder"),
        (zipped({"/evil.txt": "x"}), "points outside its folder"),
        (_link_in_zip(), "is a link or device"),
        (zipped({"a.txt": "x" * 1000})[:-30], "cannot read the archive"),
        (b"PK\x03\x04 and no more", "cannot read the archive"),
        (b"<html>404</html>", "it is neither a tar nor a zip archive"),
    ],
)
def test_hostile_and_damaged_archives_leave_nothing(folders, content, message):
    archive = folders / "bad.zip"
    archive.write_bytes(content)
    with pytest.raises(FathomError, match=message):
        new.extract(archive, folders / "out")
    assert [path.name for path in (folders / "out").iterdir() if not path.name.startswith(".")] == []
    assert not (folders / "evil.txt").exists()


def test_what_cannot_be_unpacked_is_said(folders):
    with pytest.raises(FathomError, match="there is no archive"):
        new.extract(folders / "absent.zip")
    (folders / "table.csv").write_bytes(CONTENT)
    with pytest.raises(FathomError, match="only zip and tar archives"):
        new.extract(folders / "table.csv")


def test_download_all(folders, monkeypatch):
    monkeypatch.setattr(place, "DATA_HUB", {})
    register(monkeypatch)  # of the shared table, which is not asked here
    monkeypatch.setitem(place.DATA_HUB, "pets", (new.DATA_URL + "pets.csv", hashlib.sha1(CONTENT).hexdigest()))
    asked = serve(monkeypatch, CONTENT)
    old.download_all()
    assert [url for url, *_ in asked] == [new.DATA_URL + "pets.csv"]

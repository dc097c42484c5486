"""Archives on this machine: unpacked once a content, told apart by it, and refused in one line."""

import os
import re
import shutil
import zipfile

import pytest
from PIL import Image

from fathom.data.fetch.archives import find_root, is_packed, stem_of
from fathom.data.fetch.packed import unpacked_copy
from fathom.data.images.module import ImageData
from fathom.errors import FathomError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


IMAGES = {f"{kind}/{i}.jpg": f"{kind}{i}".encode() for kind in ("cat", "dog") for i in range(3)}


def names_below(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("outer", ["", "photos/", "a/photos/"])
def test_the_root_is_the_folder_of_classes_however_it_was_packed(tmp_path, outer, capsys):
    files = {f"{outer}{name}": content for name, content in IMAGES.items()}
    extra = {"__MACOSX/cat/._0.jpg": b"x", f"{outer}.DS_Store": b"x"}
    copy = unpacked_copy(write_zip(tmp_path / "photos.zip", files | extra))
    assert names_below(copy.path) - {".DS_Store"} == set(IMAGES)
    assert (copy.path / "dog" / "2.jpg").read_bytes() == b"dog2"
    assert capsys.readouterr().err == f"unpacked photos.zip into {tmp_path / 'home/archives'}: 7 files, 25 B\n"


@pytest.mark.parametrize("form", ["tar", "gztar", "bztar", "xztar"])
def test_tar_archives(tmp_path, form):
    for name, content in IMAGES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    archive = shutil.make_archive(str(tmp_path / "photos"), form, tmp_path / "in")
    assert is_packed(archive)
    assert names_below(unpacked_copy(archive).path) == set(IMAGES)


def test_a_copy_serves_as_long_as_the_content_is_the_same(tmp_path, capsys, monkeypatch):
    archive = write_zip(tmp_path / "photos.zip", IMAGES)
    first = unpacked_copy(archive)
    capsys.readouterr()
    os.utime(archive, ns=(1, 1))
    assert unpacked_copy(archive) == first  # known by its content
    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", None)
        assert unpacked_copy(archive) == first  # known by time and size, without being read
    (tmp_path / "elsewhere").mkdir()
    moved = archive.rename(tmp_path / "elsewhere" / "photos.zip")
    assert unpacked_copy(moved) == first
    assert capsys.readouterr().err == ""

    write_zip(moved, IMAGES | {"cat/9.jpg": b"new"})
    second = unpacked_copy(moved)
    assert second.version != first.version
    assert (second.path / "cat" / "9.jpg").exists()
    assert unpacked_copy(moved, version=first.version) == first  # a run that began with it goes on with it
    moved.unlink()
    assert unpacked_copy(moved, version=second.version) == second
    with pytest.raises(FathomError, match=r"cannot read .*photos.zip: no such file"):
        unpacked_copy(moved)


def test_another_version_is_not_taken_for_the_one_that_was_asked_for(tmp_path, home):
    archive = write_zip(tmp_path / "photos.zip", IMAGES)
    first = unpacked_copy(archive)
    shutil.rmtree(home)
    assert unpacked_copy(archive, version=first.version) == first  # unpacked again
    shutil.rmtree(home)
    write_zip(archive, IMAGES | {"cat/9.jpg": b"new"})
    with pytest.raises(FathomError, match=f"has changed .version {first.version} is gone."):
        unpacked_copy(archive, version=first.version)


def test_a_half_deleted_copy_is_made_again(tmp_path):
    archive = write_zip(tmp_path / "photos.zip", IMAGES)
    copy = unpacked_copy(archive)
    shutil.rmtree(copy.path)
    assert names_below(unpacked_copy(archive).path) == set(IMAGES)


def test_two_versions_of_an_archive_are_kept(tmp_path, home):
    for i in range(4):
        unpacked_copy(write_zip(tmp_path / "photos.zip", IMAGES | {"cat/9.jpg": bytes(i)}))
    assert len(list((home / "archives").iterdir())) == 2


def lock(content):
    """Say in an archive's records that every member is encrypted."""
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in list(re.finditer(signature, bytes(content))):
            content[found.start() + offset] |= 1
    return content


@pytest.mark.parametrize(
    ("files", "change", "error"),
    [
        (IMAGES, lambda b: b[: len(b) // 2], "it is truncated"),
        (IMAGES, lambda b: b"", "neither a tar nor a zip"),
        (IMAGES, lambda b: b"PK\x03\x04", "truncated"),
        (IMAGES, lambda b: b[:39] + b"!!!!" + b[43:], "cannot read the archive"),
        (IMAGES, lock, "it is encrypted.; pack it again without a password$"),
        ({"notes/a.txt": b"x"}, bytes, r"no images in this archive \(\.apng"),
        ({}, bytes, "no images in this archive"),
        ({"../a.jpg": b"x"}, bytes, "points outside its folder"),
        ({"a/../../a.jpg": b"x"}, bytes, "points outside its folder"),
        ({"/a.jpg": b"x"}, bytes, "points outside its folder"),
        ({"cat/" + "a" * 300 + ".jpg": b"x"}, bytes, "file name too long"),
        ({"cat": b"x", "cat/a.jpg": b"x"}, bytes, "cannot unpack"),
    ],
)
def test_a_bad_archive_is_refused_in_one_line_and_leaves_nothing(tmp_path, home, files, change, error):
    archive = write_zip(tmp_path / "photos.zip", files)
    archive.write_bytes(bytes(change(bytearray(archive.read_bytes()))))
    with pytest.raises(FathomError, match=error) as raised:
        unpacked_copy(archive)
    assert "\n" not in str(raised.value)
    assert str(archive) in str(raised.value)
    assert list((home / "archives").iterdir()) == []
    assert not (tmp_path / "a.jpg").exists()


@pytest.mark.parametrize("name", [b"cat/a\0b.jpg", b"\0a/b/c.jpg"])
def test_a_member_with_a_nul_in_its_name_is_refused(tmp_path, name):
    write_zip(tmp_path / "photos.zip", {"cat/a!b.jpg"[: len(name)]: b"x"})
    content = (tmp_path / "photos.zip").read_bytes()
    (tmp_path / "photos.zip").write_bytes(content.replace(b"cat/a!b.jpg"[: len(name)], name))
    with pytest.raises(FathomError, match="has an invalid name; the archive is refused"):
        unpacked_copy(tmp_path / "photos.zip")


def test_a_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("cat/passwords.jpg")
    info.external_attr = 0o120777 << 16
    write_zip(tmp_path / "photos.zip", {info: "/etc/passwd"})
    with pytest.raises(FathomError, match="is a link or device"):
        unpacked_copy(tmp_path / "photos.zip")


def test_what_grows_beyond_all_measure_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fathom.data.fetch.packed._SURELY_FINE", 1000)
    write_zip(tmp_path / "bomb.zip", {"cat/a.jpg": bytes(1_000_000)})
    with pytest.raises(FathomError, match=r"exceeds \d+ kB"):
        unpacked_copy(tmp_path / "bomb.zip")


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, (256 << 20) + 10))
    write_zip(tmp_path / "photos.zip", {"cat/a.jpg": bytes(1000)})
    with pytest.raises(FathomError, match="the disk is full, 10 B are free below "):
        unpacked_copy(tmp_path / "photos.zip")


def test_the_data_classes_take_archives(tmp_path):
    root = tmp_path / "images"
    for shade, kind in ((60, "cat"), (180, "dog")):
        (root / kind).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (8, 8), (shade, i, 0)).save(root / kind / f"{i}.png")
    whole = shutil.make_archive(str(tmp_path / "photos"), "zip", root.parent, root.name)
    data = ImageData.from_folder(whole, val=0.25)
    assert (data.class_names, data.num_train) == (("cat", "dog"), 4)
    flat = tmp_path / "flat" / "images"
    flat.mkdir(parents=True)
    rows = ["file,label"]
    for path in sorted(root.rglob("*.png")):
        shutil.copy(path, flat / f"{path.parent.name}{path.name}")
        rows.append(f"{path.parent.name}{path.stem},{path.parent.name}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    packed = shutil.make_archive(str(tmp_path / "flat"), "zip", flat.parent, flat.name)
    assert ImageData.from_table(tmp_path / "labels.csv", packed, val=0.25).num_train == 4


def test_sample_names(tmp_path):
    assert stem_of("photos.tar.gz") == "photos"
    assert stem_of(".zip") == "data"
    (tmp_path / "folder.zip").mkdir()
    assert not is_packed(tmp_path / "folder.zip")
    assert not is_packed("https://host/photos.zip")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_root(tmp_path / "a") == tmp_path / "a"  # b holds no folders: it is a class

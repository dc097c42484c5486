"""Archives that are damaged or whose names are not UTF-8: never fewer, other or misnamed files without a word."""

import io
import tarfile
import zipfile

import pytest

from fathom.data.fetch.archive_members import NameReading
from fathom.data.fetch.archives import read_members
from fathom.data.fetch.packed import unpacked_copy
from fathom.errors import FathomError, UsageError

FILES = {f"{kind}/{i}.jpg": bytes([i]) * 700 for kind in ("cat", "dog") for i in range(4)}
SUFFIXES = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")


def pack(path, files, encoding="utf-8"):
    """Write an archive whose names are in an encoding that nothing in it tells."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in files.items():
                info = NamedInBytes("x")
                info.create_system, info.bytes = 0, name.encode(encoding)
                info.filename = info.bytes.decode("cp437")
                file.writestr(info, content)
        return path
    kind = path.suffixes[-1].removeprefix(".").removeprefix("tar")
    with tarfile.open(path, f"w:{kind}", encoding=encoding, format=tarfile.GNU_FORMAT) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


class NamedInBytes(zipfile.ZipInfo):
    __slots__ = ("bytes",)

    def _encodeFilenameFlags(self):  # what zipfile asks for the name of a member that it writes
        return self.bytes, 0


def read(path):
    return {str(name): content for name, content in read_members(path, max_bytes=1 << 20)}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_archive_is_refused_wherever_it_ends(tmp_path, suffix):
    whole = pack(tmp_path / f"a.{suffix}", FILES)
    assert read(whole) == FILES
    content = whole.read_bytes()
    # A tar is filled with zeros up to 10,240 bytes, which are no content: of its end one block is enough.
    last = 8 * (512 + 1024) if suffix == "tar" else len(content) - 1
    for end in [*range(0, last, 97 if len(content) < 4000 else 512), last]:
        whole.write_bytes(content[:end])
        with pytest.raises(FathomError, match=r"truncated|neither a tar nor a zip"):
            read(whole)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_flipped_bit_never_loses_or_renames_a_file(tmp_path, suffix):
    """A tar alone has no checksum of contents; all others have, and then not even a byte may differ."""
    whole = pack(tmp_path / f"a.{suffix}", FILES)
    content = bytearray(whole.read_bytes())
    refused = 0
    for place in range(0, len(content), max(1, len(content) // 60)):
        content[place] ^= 4
        whole.write_bytes(content)
        content[place] ^= 4
        try:
            found = read(whole)
        except FathomError:
            refused += 1
        else:
            assert set(found) == set(FILES)
            assert suffix == "tar" or found == FILES
    assert refused > 8


def test_damage_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    archive = pack(tmp_path / "photos.tar.gz", FILES)
    content = bytearray(archive.read_bytes())
    content[-8] ^= 1  # of the checksum, which stands in the last eight bytes with the length
    archive.write_bytes(content)
    with pytest.raises(FathomError, match=r"cannot read the archive .*photos.tar.gz \(it is damaged: CRC check failed"):
        unpacked_copy(archive)
    assert list((tmp_path / "home" / "archives").iterdir()) == []


def test_a_second_tar_behind_the_first_is_not_passed_over(tmp_path):
    first = pack(tmp_path / "a.tar", FILES).read_bytes()
    (tmp_path / "a.tar").write_bytes(first + pack(tmp_path / "b.tar", {"bird/0.jpg": b"x"}).read_bytes())
    with pytest.raises(FathomError, match="it is two archives in one file: join them with tar --concatenate"):
        read(tmp_path / "a.tar")


def test_a_zip_that_lists_fewer_files_than_it_promises(tmp_path):
    archive = pack(tmp_path / "a.zip", FILES)
    content = bytearray(archive.read_bytes())
    content[-12] += 1  # the number of files, ten bytes into the 22 of the end
    archive.write_bytes(content)
    with pytest.raises(FathomError, match="its list has 8 of 9 files"):
        read(archive)


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
@pytest.mark.parametrize(
    ("names", "encoding", "found"),
    [
        (("数据/猫/图片一.jpg", "数据/狗/昞.jpg", "a.jpg"), "gbk", "gb18030"),  # the last byte of 昞 is a backslash
        (("資料/貓/圖片一.jpg", "資料/狗/許功蓋.jpg"), "big5", "big5"),
        (("数据/猫/图片一.jpg", "été.jpg"), "utf-8", None),
        (("données/été.jpg",), "cp437", "cp437"),
    ],
)
def test_names_that_are_not_utf_8(tmp_path, suffix, names, encoding, found):
    if suffix == "tar.gz" and encoding == "cp437":
        pytest.skip("the standard names cp437 for zip alone")
    archive, told = pack(tmp_path / f"a.{suffix}", dict.fromkeys(names, b"x"), encoding), []
    members = read_members(archive, max_bytes=100, names=NameReading(on_found=told.append))
    assert tuple(str(name) for name, _ in members) == names
    assert told == [found] * (found is not None)


def test_the_encoding_of_names_can_be_given(tmp_path):
    """Cyrillic letters of DOS are as well Greek ones of cp437: nobody can tell from so few bytes."""
    names = ("фото/кот.jpg", "фото/пёс.jpg")
    archive = pack(tmp_path / "a.zip", dict.fromkeys(names, b"x"), "cp866")
    members = read_members(archive, max_bytes=100, names=NameReading("cp866"))
    assert tuple(str(name) for name, _ in members) == names
    with pytest.raises(UsageError, match=r"a\.zip: a name in it, .* is not written in utf-8"):
        list(read_members(archive, max_bytes=100, names=NameReading("utf-8")))


def test_folders_parted_by_backslashes_as_old_windows_programs_do(tmp_path):
    assert set(read(pack(tmp_path / "a.zip", {"ds\\cat\\1.jpg": b"x"}))) == {"ds/cat/1.jpg"}
    with pytest.raises(FathomError, match="points outside its folder"):
        read(pack(tmp_path / "b.zip", {"..\\cat\\1.jpg": b"x"}))


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_hard_links_are_the_files_they_share(tmp_path, mode):
    """A backup of a folder in which one file has three names."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"pixels" * 500)
    (folder / "b.jpg").hardlink_to(folder / "a.jpg")
    (folder / "c.jpg").hardlink_to(folder / "a.jpg")
    (folder / "d.jpg").write_bytes(b"others" * 400)
    with tarfile.open(tmp_path / "a.tar", mode) as file:
        file.add(folder, "photos")
    with tarfile.open(tmp_path / "a.tar") as file:
        assert sum(info.islnk() for info in file) == 2
    assert read(tmp_path / "a.tar") == {f"photos/{path.name}": path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FathomError, match=r"exceeds 9\.0 kB in all"):  # each name counts
        list(read_members(tmp_path / "a.tar", max_bytes=9000))

"""Names in a label file that are not quite those of the files: what is matched, what is said, what is refused."""

import unicodedata

import pytest
from PIL import Image

from fathom.data.images.labels.file import read_image_table
from fathom.data.images.labels.named_images import ImageRows
from fathom.errors import FathomError

_NFD = unicodedata.normalize("NFD", "grün.png")


def make(folder, *names):
    for i, name in enumerate(names):
        path = folder / "img" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2), i).save(path)
    return folder / "img"


def read(images, *names):
    table = images.parent / "labels.csv"
    rows = [f"{name},{'cat' if i % 2 else 'dog'}\n" for i, name in enumerate(names)]
    table.write_text("file,label\n" + "".join(rows), encoding="utf-8")
    return read_image_table(table, images)


def found(images, files):
    return [path.relative_to(images).as_posix() for path in files.train.paths]


@pytest.mark.parametrize(
    ("on_disk", "names", "said"),
    [
        (("a.PNG", "b.PNG"), ("A.png", "b.PNG"), "1 of 2 names differ from those of the files in letter case (1)"),
        (("a.jpg", "b.png"), ("a.jpeg", "b.tif"), "all names differ from those of the files in suffix (2)"),
        ((_NFD, "b.png"), ("grün.png", "b.png"), "in Unicode form (1)"),
        ((_NFD, "b.png"), ("GRÜN", "b"), "in letter case (1)"),
        (("a.png", "b.png"), ("img/a.png", "img\\b.png"), "all names differ from those of the files in folders (2)"),
        (("cat/1.png", "dog/1.png"), ("/home/me/set/cat/1.png", "/home/me/set/dog/1.png"), "in folders (2)"),
        (("cat/1.png", "dog/1.png"), (r"C:\Users\me\cat\1.png", r"\\host\share\dog\1.PNG"), "folders (2), letter case"),
        (("cat/1.png", "dog/1.png"), ("gs://bucket/cat/1.png", "https://x.org/dog/1.png"), "in folders (2)"),
        (("part_1/a.png", "part_2/b.png"), ("a", "b"), "in folders (2)"),  # HAM10000 is packed in two
        (("set/cat/1.png", "set/dog/1.png"), ("/x/cat/1.png", "/x/dog/1.png"), "in folders (2)"),
    ],
)
def test_names_that_differ_in_writing_are_matched_and_told(tmp_path, on_disk, names, said):
    images = make(tmp_path, *on_disk)
    files = read(images, *names)
    assert found(images, files) == list(on_disk)
    assert files.missing == ()
    assert len(files.notes) == 1
    assert said in files.notes[0]
    rows = ImageRows(images.parent / "labels.csv", images, files.class_names)
    assert [place for _, _, place in rows] == list(files.train.paths)
    assert rows.notes == list(files.notes)


def test_what_may_be_several_files_is_named_and_left_out(tmp_path):
    images = make(tmp_path, "x/a.png", "y/a.png", "b.png", "C.png", "c.png")
    files = read(images, "a.png", "b.png", "c.PNG", "c.png")
    assert found(images, files) == ["b.png", "c.png"]
    assert dict(files.missing) == {
        str(images / "a.png"): "may be one of several files: x/a.png, y/a.png",
        str(images / "c.PNG"): "may be one of several files: C.png, c.png",
    }
    rows = list(ImageRows(images.parent / "labels.csv", images, files.class_names))
    assert isinstance(rows[0][2], FathomError)
    assert "may be one of several files" in str(rows[0][2])


@pytest.mark.parametrize(
    ("on_disk", "names", "matched"),
    [
        (("b.png", "dog/1.png"), ("b.png", "cat/1.png"), ["b.png"]),  # another folder is another image
        (("b.png", "1.png"), ("b.png", "cat/1.png", "dog/1.png"), ["b.png"]),  # one file cannot be both
        (("b.png", "1.png"), ("b.png", "1.png", "img/1.png"), ["b.png", "1.png"]),  # the exact name has it
        (("b.png", "@eaDir/1.png"), ("b.png", "1.png"), ["b.png"]),  # a thumbnail
    ],
)
def test_what_is_another_image_is_not_matched(tmp_path, on_disk, names, matched):
    images = make(tmp_path, *on_disk)
    files = read(images, *names)
    assert found(images, files) == matched
    assert len(files.missing) == len(names) - len(matched)


def test_a_name_without_a_suffix_that_two_files_have_is_named(tmp_path):
    images = make(tmp_path, "a.bmp", "a.png", "b.png")
    files = read(images, "a", "b", "x" * 300)
    assert found(images, files) == ["b.png"]
    assert dict(files.missing) == {
        str(images / "a"): "may be one of several files: a.bmp, a.png",
        str(images / ("x" * 300)): "does not exist",  # a name longer than any file's
    }


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    make(tmp_path, "a.png")
    Image.new("L", (2, 2)).save(tmp_path / "secret.png")
    for name in ("../secret.png", "x/../../secret.png", "..\\secret.png"):
        with pytest.raises(FathomError, match=r"row 2 names .*, which is not below"):
            read(tmp_path / "img", "a.png", name)
    files = read(tmp_path / "img", "a.png", str(tmp_path / "secret.png"))
    assert len(files.train) == 1
    assert files.missing == ((str(tmp_path / "secret.png"), "does not exist"),)

"""Files that name images and their labels: which columns, which images, and what is refused."""

import pytest
from PIL import Image

from fathom.data.images.label_file import read_image_table
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.errors import FathomError, UsageError


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.jpg", "b.jpg", "c.png", "deep/d.jpg", "deep/e.jpg", "f.png")):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(folder / name)
    return folder


def read(images, text, **options):
    table = images.parent / "labels.csv"
    table.write_text(text, encoding=options.pop("encoding", "utf-8"))
    return read_image_table(table, images, **options)


def join_names(images, part):
    return [path.relative_to(images).as_posix() for path in part.paths]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("file,label\na.jpg,cat\ndeep/d.jpg,dog\n", {}),
        ("\ufefflabel;who;image\ncat;x;a.jpg\ndog;y;deep/d.jpg\n", {}),
        ("a.jpg\tcat\ndeep/d.jpg\tdog\n", {}),
        ('name,breed,id\n"Rex, the\ndog",cat,a\nTom,dog,deep/d\n', {"file_column": "id"}),
        ("id,breed\na,cat\ndeep\\d,dog\n", {}),
        ("Image Name,what,score\na.jpg,cat,1\n ./deep/../deep/d.jpg ,dog,2\n", {"label_column": "what"}),
    ],
)
def test_columns_are_found_or_given(images, text, options):
    files = read(images, text, **options)
    assert join_names(images, files.train) == ["a.jpg", "deep/d.jpg"]
    assert files.class_names == ("cat", "dog")
    assert files.train.labels.tolist() == [0, 1]
    assert (files.val, files.test, files.missing) == (None, None, ())


def test_a_split_column_missing_images_and_rows_that_do_not_count(images):
    text = "file,label,split\na.jpg,10,train\nb.jpg,9,Validation\nc.png,10,test\nf.png,9,train\n"
    files = read(images, text + "gone.jpg,9,train\na.jpg,10,train\ndeep/e.jpg,,train\n,9,train\n")
    assert files.class_names == ("9", "10")  # numbers in the order of numbers
    assert join_names(images, files.train) == ["a.jpg", "f.png"]
    assert (join_names(images, files.val), join_names(images, files.test)) == (["b.jpg"], ["c.png"])
    assert files.missing == (str(images / "gone.jpg"),)
    assert set(files.notes) == {
        "labels.csv: left out: 1 row repeating another one",
        "labels.csv: left out: 1 row without a label",
        "labels.csv: left out: 1 row without a file",
    }


def test_a_column_called_set_need_not_divide(images):
    files = read(images, "file,label,set\na.jpg,cat,1\nb.jpg,dog,2\n")
    assert len(files.train) == 2


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("file,label\n../secret.png,x\n", {}, FathomError, r"row 1 names ../secret.png, which is not below"),
        ("file,label\n/etc/passwd,x\n", {}, FathomError, r"row 1 names /etc/passwd, which is not below"),
        (
            "file,label\nx.jpg,a\ny.jpg,b\n",
            {},
            FathomError,
            r"names 2 images, but none of them is in .*images; is --i",
        ),
        ("file,label\n", {}, FathomError, "has a header but no rows"),
        ("", {}, FathomError, "the file is empty"),
        ("file,label\na.jpg,\n", {}, FathomError, "no row has both a file and a label"),
        ("x,y,z\n1,2,3\n", {}, UsageError, r"none of its columns \(x, y, z\) is known to name the images; say --f"),
        ("file,u,v\na.jpg,1,2\n", {}, UsageError, r"which of its columns \(file, u, v\) is the label\? Say --label-c"),
        ("file,label\na.jpg,1\n", {"label_column": "lable"}, UsageError, "did you mean 'label'"),
        ("file,label\na.jpg,1\n", {"label_column": "file"}, UsageError, "cannot be both the file and the label"),
        ("file,label,s\na.jpg,1,dev\n", {"split_column": "s"}, UsageError, "row 1 says 'dev' in s; it is train, val"),
        (
            "file,price\n" + "".join(f"a.jpg,{i}.5\n" for i in range(50)),
            {},
            FathomError,
            "price has 50 different values",
        ),
    ],
)
def test_what_does_not_serve_is_one_line(images, text, options, error, message):
    with pytest.raises(error, match=message):
        read(images, text, **options)


def test_missing_images_count_as_broken(images):
    text = "file,label\na.jpg,x\nb.jpg,y\nc.png,x\ndeep/d.jpg,y\ngone.jpg,y\n"
    (images.parent / "labels.csv").write_text(text)
    with pytest.raises(FathomError, match=r"1 of 5 images \(20.0 %\) cannot be read, .*gone.jpg does not exist"):
        ImageData.from_table(images.parent / "labels.csv", images, val=0, options=ImageOptions(workers=0))
    data = ImageData.from_table(
        images.parent / "labels.csv", images, val=0, options=ImageOptions(workers=0, max_broken=0.2)
    )
    assert data.num_train == 4
    assert data.broken == [(str(images / "gone.jpg"), "does not exist")]

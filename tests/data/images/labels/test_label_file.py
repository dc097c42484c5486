"""Files that name images and their labels: which columns, which images, and what is refused."""

import pytest
from PIL import Image

from fathom.data.images.checks import check_images
from fathom.data.images.labels.file import read_image_table
from fathom.data.images.labels.named_images import ImageRows
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
    assert files.missing == ((str(images / "gone.jpg"), "does not exist"),)
    assert set(files.notes) == {
        "labels.csv: left out: 1 row repeating another one",
        "labels.csv: left out: 1 row without a label",
        "labels.csv: left out: 1 row without a file",
    }


def test_a_column_called_set_need_not_divide(images):
    files = read(images, "file,label,set\na.jpg,cat,1\nb.jpg,dog,2\n")
    assert len(files.train) == 2
    assert files.notes == ("labels.csv: set is not used to divide the images: its values (1, 2) name no split",)


@pytest.mark.parametrize(
    ("column", "train", "val", "test"),
    [
        ("split", "train", "dev", "test"),
        ("split", "TRAIN", "VALIDATE", "TEST"),  # of Google's AutoML
        ("Usage", "Training", "PublicTest", "PrivateTest"),  # of FER2013
        ("subset", "training set", "valid", "test_images"),
        ("ml_usage", "training", "validation", "test"),  # of Vertex AI
        ("is_valid", "False", "True", None),  # of fastai
        ("is_valid", "0", "1", None),
        ("is_test", "no", None, "yes"),
        ("is_training_image", "1", None, "0"),  # of CUB-200
    ],
)
def test_splits_as_people_spell_them(images, column, train, val, test):
    cells = {"a.jpg": train, "b.jpg": val, "c.png": test, "deep/d.jpg": train, "f.png": ""}
    rows = [
        f"{file},{'cat' if file == 'a.jpg' else 'dog'},{cell}\n" for file, cell in cells.items() if cell is not None
    ]
    files = read(images, f"file,label,{column}\n" + "".join(rows))
    assert join_names(images, files.train) == ["a.jpg", "deep/d.jpg"]
    assert [part and join_names(images, part) for part in (files.val, files.test)] == [
        ["b.jpg"] if val else None,
        ["c.png"] if test else None,
    ]
    assert files.notes == ("labels.csv: left out: 1 row without a split",)
    assert files.origins["train"] == f"column {column} of labels.csv"


def test_a_split_column_can_be_left_unused(images):
    files = read(images, "file,label,split\na.jpg,1,test\nb.jpg,2,odd\n", split_column="none")
    assert (len(files.train), files.val, files.test, files.origins) == (2, None, None, {})


def test_it_is_said_which_split_is_used(images):
    text = "file,label,split\na.jpg,x,train\nb.jpg,y,train\nc.png,x,train\nf.png,y,train\ndeep/d.jpg,x,dev\n"
    (images.parent / "labels.csv").write_text(text)
    data = ImageData.from_table(images.parent / "labels.csv", images, val=0.25, options=ImageOptions(workers=0))
    assert [path.name for path in data.val.paths] == ["d.jpg"]
    assert data.num_train + len(data.test) == 4
    origin = (
        "splits: train, val from column split of labels.csv; test cut from train at random (25 %, stratified, seed 0)"
    )
    assert origin in data.notes
    assert {finding.message for finding in check_images(data).findings} >= {origin}


def test_of_two_columns_of_files_the_one_that_is_there_counts(images):
    files = read(images, "original,copy,label\nold/1.jpg,a.jpg,cat\nold/2.jpg,b.jpg,dog\n")
    assert join_names(images, files.train) == ["a.jpg", "b.jpg"]
    assert files.notes == ("labels.csv: of the columns that name files (original, copy), copy is used",)
    files = read(images, "mask,image,label\na.jpg,b.jpg,cat\nc.png,f.png,dog\n", file_column="image")
    assert join_names(images, files.train) == ["b.jpg", "f.png"]


@pytest.mark.parametrize(
    ("labels", "names", "classes"),
    [
        (["1", "1.0", "01", "2"], ("1", "2"), [0, 0, 0, 1]),
        (["001", "002", "001", "010"], ("001", "002", "010"), [0, 1, 0, 2]),  # codes: each number has one spelling
        (["1.5", "1.50", "x1", "x01"], ("1.5", "x01", "x1"), [0, 0, 2, 1]),  # what is no number is as it is written
    ],
)
def test_labels_that_are_one_number_are_one_class(images, labels, names, classes):
    files = ("a.jpg", "b.jpg", "c.png", "f.png")
    rows = [f"{file},{label}\n" for file, label in zip(files, labels, strict=True)]
    found = read(images, "file,label\n" + "".join(rows))
    assert found.class_names == names
    assert found.train.labels.tolist() == classes
    spelled = [label for _, label, _ in ImageRows(images.parent / "labels.csv", images, names)]
    assert spelled == [names[label] for label in classes]


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
        ("file,label,s\na.jpg,1,x\n", {"split_column": "s"}, UsageError, "s says 'x', where a split is expected"),
        (
            "file,label,split\na.jpg,1,test\nb.jpg,2,odd\n",
            {},
            UsageError,
            "split says 'odd', where .*--split-column no",
        ),
        ("file,label,split,is_valid\na.jpg,1,train,0\n", {}, UsageError, r"name splits \(split, is_valid\); say which"),
        ("mask,image,label\na.jpg,b.jpg,1\n", {}, UsageError, r"\(mask, image\); say .* --file-column image"),
        (
            "file,who\n" + "".join(f"a.jpg,w{i}\n" for i in range(50)),
            {},
            FathomError,
            "who has 50 different values in 50 rows: there is nothing to tell a class by",
        ),
    ],
)
def test_what_does_not_serve_is_one_line(images, text, options, error, message):
    with pytest.raises(error, match=message):
        read(images, text, **options)


def test_missing_images_count_as_broken(images):
    text = "file,label\na.jpg,x\nb.jpg,y\nc.png,x\ndeep/d.jpg,y\ngone.jpg,y\n"
    (images.parent / "labels.csv").write_text(text)
    strict = ImageOptions(workers=0, max_broken=0.1)
    with pytest.raises(FathomError, match=r"1 of 5 images \(20.0 %\) cannot be read, .*gone.jpg does not exist"):
        ImageData.from_table(images.parent / "labels.csv", images, val=0, options=strict)
    data = ImageData.from_table(
        images.parent / "labels.csv", images, val=0, options=ImageOptions(workers=0, max_broken=0.2)
    )
    assert data.num_train == 4
    assert data.broken == [(str(images / "gone.jpg"), "does not exist")]

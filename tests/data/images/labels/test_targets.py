"""Label files of many makers: what is learned from them, how it was found out, and what overrules it."""

import numpy as np
import pytest
from PIL import Image

from fathom.data.images.labels.file import read_image_table
from fathom.data.tables.reading import read_table
from fathom.errors import FathomError, UsageError


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    for name in [*"abcdef", *(f"n{i:02d}" for i in range(50)), "my own 1"]:
        Image.new("L", (1, 1)).save(folder / f"{name}.png")
    return folder


def read(images, tmp_path, text, name="labels.csv", encoding="utf-8", **options):
    table = tmp_path / name
    table.write_bytes(text.encode(encoding))
    return read_image_table(table, images, **options)


def names_of(files):
    return [path.stem for path in files.train.paths]


@pytest.mark.parametrize(
    ("text", "classes", "labels"),
    [
        ("id_code,diagnosis\na,0\nb,4\nc,2\n", ("0", "2", "4"), [0, 2, 1]),  # APTOS
        ("lesion_id,image_id,dx,age\nx1,a,nv,80\nx2,b,mel,30\n", ("mel", "nv"), [1, 0]),  # HAM10000
        ("Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\na.png;29;30;5;6;24;25;7\nb.png;9;3;5;6;2;2;12\n",)
        + (("7", "12"), [0, 1]),  # GTSRB
        ("Width,Height,ClassId,Path\n27,26,20,Train/20/a.png\n28,27,0,Train/20/b.png\n", ("0", "20"), [1, 0]),
        ("a.png 3\nsub/b.png 0\nmy own 1.png 3\n", ("0", "3"), [1, 0, 1]),  # Caffe
        ("a.png\t3\nb.png\t0\n", ("0", "3"), [1, 0]),
        ("TRAIN,gs://bucket/x/a.png,cat\nTRAIN,gs://bucket/x/b.png,dog\n", ("cat", "dog"), [0, 1]),  # AutoML
        ("image,MEL,NV,BCC\na,0.0,1.0,0.0\nb,1.0,0.0,0.0\n", ("MEL", "NV"), [1, 0]),  # ISIC 2018
        (",file,label\n0,a.png,x\n1,b.png,y\n", ("x", "y"), [0, 1]),  # pandas' index
        ("file,label\na.png,001\nb.png,002\nc.png,001\n", ("001", "002"), [0, 1, 0]),
        ('file,label\na.png,"Salmon, smoked"\nb.png,"Eel, smoked"\n', ("Eel, smoked", "Salmon, smoked"), [1, 0]),
        ("file,breed\na.png,golden retriever\nb.png,golden eagle\nc.png,bald eagle\n",)
        + (("bald eagle", "golden eagle", "golden retriever"), [2, 1, 0]),
    ],
)
def test_classes_of_many_makers(images, tmp_path, text, classes, labels):
    files = read(images, tmp_path, text)
    assert (files.task, files.multilabel, files.class_names) == ("classification", False, classes)
    assert files.train.labels.tolist() == labels
    assert not files.missing


@pytest.mark.parametrize(
    ("text", "names", "labels"),
    [
        ("image,p,q,z\na,1,1,0\nb,0,0,0\n", ("p", "q", "z"), [[1, 1, 0], [0, 0, 0]]),
        ("image_id,Bald,Hat\na.png,-1,1\nb.png,1,1\n", ("Bald", "Hat"), [[0, 1], [1, 1]]),  # CelebA
        ("image,p,q\na,True,no\nb,yes,FALSE\nc,True,true\n", ("p", "q"), [[1, 0], [1, 0], [1, 1]]),
        ("Image Index,Finding Labels,Age\na.png,Mass|Edema,3\nb.png,No Finding,9\n",)
        + (("Edema", "Mass", "No Finding"), [[1, 1, 0], [0, 0, 1]]),  # ChestX-ray14
        ("image,labels\na.png,scab rust\nb.png,rust\nc.png,scab\n", ("rust", "scab"), [[1, 1], [1, 0], [0, 1]]),
        ("fname,labels\na.png,horse person\nb.png,car\nc.png,car person\n",)  # fastai's PASCAL
        + (("car", "horse", "person"), [[0, 1, 1], [1, 0, 0], [1, 0, 1]]),
        ("id,attribute_ids\na,5 13\nb,13 7\nc,7 5 13\n", ("5", "7", "13"), [[1, 0, 1], [0, 1, 1], [1, 1, 1]]),  # iMet
        ("file,tag\na.png,\"['cat', 'dog']\"\nb.png,[]\nc.png,['cat']\n", ("cat", "dog"), [[1, 1], [0, 0], [1, 0]]),
        ("file;tags\na.png;x|y\nb.png;none\n", ("x", "y"), [[1, 1], [0, 0]]),
        ("TRAIN,gs://b/a.png,cat,dog\nTRAIN,gs://b/b.png,dog\n", ("cat", "dog"), [[1, 1], [0, 1]]),  # AutoML
    ],
)
def test_labels_of_many_makers(images, tmp_path, text, names, labels):
    files = read(images, tmp_path, text)
    assert files.multilabel
    assert files.class_names == names
    assert files.train.labels.tolist() == labels
    assert any(note.startswith("task: multi-label classification (") for note in files.notes)


def test_numbers_are_quantities_or_classes_by_what_they_are(images, tmp_path):
    rows = "".join(f"n{i:02d}.png,{20 + i}\n" for i in range(50))
    files = read(images, tmp_path, "file,age\n" + rows)
    assert (files.task, files.target, files.class_names) == ("regression", "age", ())
    np.testing.assert_array_equal(files.train.labels, 20.0 + np.arange(50))
    reason = "task: regression (age: 50 different numbers; --task classification takes them as classes); from 20.00 to"
    assert files.notes[0].startswith(reason)
    files = read(images, tmp_path, "file,age\n" + rows.replace(",4", ",2"), task="classification")
    assert files.task == "classification"
    files = read(images, tmp_path, "file,stars\na.png,1\nb.png,2\nc.png,1\n")
    assert (files.task, files.class_names) == ("classification", ("1", "2"))
    assert files.notes == (
        "task: classification (stars: 2 different whole numbers; --task regression takes them as quantities)",
    )
    files = read(images, tmp_path, "file,stars\na.png,1\nb.png,2\nc.png,1\n", task="regression")
    assert files.train.labels.tolist() == [1.0, 2.0, 1.0]
    files = read(images, tmp_path, "file;mm\na.png;1,5\nb.png;1.002,25\n", task="regression")
    assert files.train.labels.tolist() == [1.5, 1002.25]
    files = read(images, tmp_path, "file,class_id\n" + "".join(f"n{i:02d},{i % 24}\n" for i in range(48)))
    assert (files.task, len(files.class_names)) == ("classification", 24)  # numbers of classes, by the name


def test_the_task_overrules_what_was_found(images, tmp_path):
    text = "file,label\na.png,red fox\nb.png,red hen\nc.png,grey fox\nd.png,grey hen\ne.png,red owl\nf.png,grey owl\n"
    files = read(images, tmp_path, text)
    assert len(files.class_names) == 6
    assert "blanks between them might divide labels (red, fox); each cell is one class" in files.notes[0]
    files = read(images, tmp_path, text, task="multilabel")
    assert files.class_names == ("fox", "grey", "hen", "owl", "red")
    assert files.train.labels[0].tolist() == [1, 0, 0, 0, 1]
    files = read(images, tmp_path, "file,label\na.png,x|y\nb.png,y\n", task="classification")
    assert files.class_names == ("x|y", "y")
    files = read(images, tmp_path, "image,p,q\na,1,0\nb,0,1\n", task="multilabel")
    assert files.train.labels.tolist() == [[1, 0], [0, 1]]
    rows = "file,label\na.png,x\na.png,y\nb.png,y\n"  # a row for each label, as Open Images has them
    files = read(images, tmp_path, rows)
    assert "1 image stands in several rows with different labels, such as a.png; --task multilabel" in files.notes[0]
    files = read(images, tmp_path, rows, task="multilabel")
    assert (names_of(files), files.train.labels.tolist()) == (["a", "b"], [[1, 1], [0, 1]])


def test_label_columns_are_named_one_or_several(images, tmp_path):
    text = "file,age,p,q,r\na.png,30,1,1,0\nb.png,40,0,1,1\n"
    with pytest.raises(UsageError, match=r"is the label\? Say --label-column, or for .* --label-column p,q,r$"):
        read(images, tmp_path, text)
    for asked in ("p, q", ["p", "q"]):
        files = read(images, tmp_path, text, label_column=asked)
        assert (files.class_names, files.train.labels.tolist()) == (("p", "q"), [[1, 1], [0, 1]])
    with pytest.raises(UsageError, match=r"age holds '30': .* each must hold yes or no \(0 and 1\)"):
        read(images, tmp_path, text, label_column="age,p")
    for cell, told in (("-1.0", "p holds '-1'"), ("", "p holds an empty cell")):  # of CheXpert
        with pytest.raises(UsageError, match=told):
            read(images, tmp_path, f"file,p,q\na.png,{cell},1.0\nb.png,0.0,1.0\nc.png,1.0,0.0\n", label_column="p,q")
    with pytest.raises(UsageError, match="a regression learns one number"):
        read(images, tmp_path, text, label_column="p,q", task="regression")
    files = read(images, tmp_path, "file,class,class_name\na.png,0,cat\nb.png,1,dog\n")
    assert files.notes == ("labels.csv: class is the label, and class_name is not used (--label-column takes another)",)


def test_na_is_missing_unless_it_is_said_to_be_a_label(images, tmp_path):
    text = "file,country\na.png,NA\nb.png,DE\nc.png,FR\nd.png,\n"
    files = read(images, tmp_path, text)
    assert files.class_names == ("DE", "FR")
    said = "labels.csv: left out: 1 row without a label (NA; data.options.not_missing=[NA] takes it for one)"
    assert said in files.notes
    files = read(images, tmp_path, text, not_missing=["NA"])
    assert (files.class_names, names_of(files)) == (("DE", "FR", "NA"), ["a", "b", "c"])
    files = read(images, tmp_path, text, missing=["FR"], not_missing=["NA"])
    assert (files.class_names, names_of(files)) == (("DE", "NA"), ["a", "b"])


@pytest.mark.parametrize("column", [{"label_column": "who"}, {}])
def test_few_images_a_class_are_enough_where_the_column_is_known(images, tmp_path, column):
    rows = "".join(f"n{i:02d}.png,p{i % 28}\n" for i in range(50))
    name = "who" if column else "label"
    assert len(read(images, tmp_path, f"file,{name}\n{rows}", **column).class_names) == 28
    with pytest.raises(FathomError, match=r"28 different values in 50 rows; .*\(--label-column who says"):
        read(images, tmp_path, f"file,who\n{rows}")


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_the_line_that_excel_writes_first_names_the_separator(images, tmp_path, first):
    files = read(images, tmp_path, first + "file;label\na.png;x, 1\nb.png;y\n")
    assert files.class_names == ("x, 1", "y")
    table = read_table(tmp_path / "labels.csv", target="label")
    assert table.frame.to_dict("list") == {"file": ["a.png", "b.png"], "label": ["x, 1", "y"]}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "latin-1"])
def test_encodings_are_found_as_those_of_tables(images, tmp_path, encoding):
    label = "Grün" if encoding == "latin-1" else "绿色的叶子"
    files = read(images, tmp_path, f"file,label\na.png,{label}\nb.png,x\n", encoding=encoding)
    assert label in files.class_names
    table = tmp_path / "labels.csv"
    assert label in read_image_table(table, images, encoding=encoding).class_names


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"task": "clasification"}, "did you mean 'classification'"),
        ({"header": "yes"}, "data.options.header must be true or false"),
        ({"missing": "NA"}, "data.options.missing must be a list"),
        ({"label_column": ["x", 1]}, "data.options.label_column must be a column or a list"),
        ({"separator": ";;"}, "must be one character"),
    ],
)
def test_options_that_are_none(images, tmp_path, option, message):
    with pytest.raises(UsageError, match=message):
        read(images, tmp_path, "file,label\na.png,x\nb.png,y\n", **option)

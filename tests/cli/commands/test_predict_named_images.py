"""``fathom predict RUN labels.csv --images DIR``: images that a file of rows names, in its order."""

import csv
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from fathom.data.images.labels.named_images import ImageRows
from fathom.recipes.predict import predict


@pytest.fixture
def shots(tmp_path):
    """Six images a and b, and the file that says what they show."""
    (tmp_path / "shots").mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "shots" / f"{'ab'[i % 2]}{i}.png")
    return tmp_path / "shots"


def write_rows(path, *rows):
    path.write_text("\n".join(rows) + "\n")
    return path


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_order_is_that_of_the_rows_and_a_bad_row_is_a_row(fathom, trained, shots, tmp_path):
    names = ["b5.png", "a0", "../trained.png", "", "none.png", "a0.png"]
    table = write_rows(tmp_path / "new.csv", "id,file,weight", *(f"{i},{name},1.5" for i, name in enumerate(names)))
    result = fathom("predict", trained.path, table, "--images", shots)
    assert result.code == 1
    assert result.err == "3 of 6 images labelled; 3 failed, see the error column\n"
    rows = read(result.out)
    assert list(rows[0]) == ["file", "label", "probability", "error"]
    assert [row["file"] for row in rows] == names
    assert [bool(row["error"]) for row in rows] == [False, False, True, True, True, False]
    errors = ("is not below", "row 4 of new.csv names no file", "No such file")
    assert all(text in rows[i]["error"].replace(str(tmp_path) + "/", "") for i, text in enumerate(errors, 2))
    direct = read(fathom("predict", trained.path, shots / "b5.png", shots / "a0.png").out)
    assert [row["label"] for row in direct] == [rows[0]["label"], rows[1]["label"]]
    assert rows[1]["probability"] == rows[5]["probability"] == direct[1]["probability"]


def test_labels_give_an_accuracy_that_holds_against_a_count_by_hand(fathom, trained, shots, tmp_path):
    plain = write_rows(tmp_path / "files.csv", "file", *(f"{path.name}" for path in sorted(shots.iterdir())))
    said = [row["label"] for row in read(fathom("predict", trained.path, plain, "--images", shots).out)]
    truth = [said[0], said[1], str((int(said[2]) + 1) % 10), "", "platypus", said[5]]
    pairs = zip(sorted(shots.iterdir()), truth, strict=True)
    table = write_rows(tmp_path / "labels.csv", "file,label", *(f"{path.name},{label}" for path, label in pairs))
    result = fathom("predict", trained.path, table, "--images", shots, "--out", "p.csv")
    assert result.code == 0
    assert result.err.splitlines()[-1] == "accuracy 60.00%: 3 of 5 with a label"
    rows = read((tmp_path / "p.csv").read_text())
    assert [row["true_label"] for row in rows] == truth
    assert [row["label"] for row in rows] == said


def test_an_archive_and_an_exported_model_give_the_same(fathom, trained, shots, tmp_path):
    table = write_rows(tmp_path / "t.tsv", "image\tclass", *(f"{path.stem}\t3" for path in sorted(shots.iterdir())))
    shutil.make_archive(str(tmp_path / "shots"), "zip", tmp_path, "shots")
    first = fathom("predict", trained.path, table, "--images", shots)
    second = fathom("predict", trained.path, table, "--images", "shots.zip")
    assert first.out == second.out
    assert first.err == second.err.split("\n", 1)[1]  # beside the line that it was unpacked
    columns, rows = predict(trained.path, [table], images=shots, file_column="image", label_column="class", top=2)
    assert columns == ["file", "true_label", "label", "probability", "label_2", "probability_2", "error"]
    assert [row["label"] for row in rows] == [row["label"] for row in read(first.out)]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("t.csv",), "add --images with the folder"),
        (("shots/a0.png", "--images", "shots"), "belong to a file of rows"),
        (("t.csv", "--images", "none"), "no such folder: none"),
        (("t.csv", "--images", "shots", "--file-column", "fil"), "(--file-column) 'fil'; did you mean 'file'?"),
        (("t.csv", "--file-column", "file"), "need --images"),
        (("odd.csv", "--images", "shots"), "is known to name the images; say --file-column"),
    ],
)
def test_one_line_says_what_is_wrong(fathom, trained, shots, tmp_path, arguments, error):
    write_rows(tmp_path / "t.csv", "file,label", "a0.png,1")
    write_rows(tmp_path / "odd.csv", "x,y", "1,2")
    result = fathom("predict", trained.path, *arguments)
    assert result.code == 2
    assert error in result.error


def test_a_column_counts_as_the_labels_by_its_name_or_by_holding_classes_alone(shots, tmp_path):
    def has_labels(header, *cells, **columns):
        table = write_rows(tmp_path / "t.csv", header, *(f"a0.png,{cell}" for cell in cells))
        return ImageRows(table, shots, ("cat", "dog"), **columns).has_labels

    assert has_labels("file,label", "horse")
    assert has_labels("file,what", "cat", "", "dog")
    assert not has_labels("file,what", "cat", "horse")
    assert not has_labels("file,what", "", "")
    assert has_labels("file,what", "horse", label_column="what")

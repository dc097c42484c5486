"""``fathom eval --data``: the figures are those that one counts oneself from what ``fathom predict`` writes."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import precision_recall_fscore_support, r2_score


@pytest.fixture
def photos(tmp_path):
    """Thirty digits as files in class folders, a third of them in the wrong one; one is no image, one no digit."""
    pixels, digits = load_digits(return_X_y=True)
    for i in range(30):
        folder = tmp_path / "photos" / str((digits[i] + (i % 3 == 0)) % 10)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels[i].reshape(8, 8) * 15).astype(np.uint8)).save(folder / f"{i}.png")
    (tmp_path / "photos" / "3" / "broken.png").write_bytes(b"no image")
    (tmp_path / "photos" / "letters").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "photos" / "letters" / "a.png")
    return tmp_path / "photos"


def test_class_folders(trained, fathom, photos):
    result = fathom("eval", trained.path, "--data", "photos", "--json")
    found = json.loads(result.out)
    assert result.code == 1  # one could not be read
    assert found["left_out"] == {"unreadable": 1, "of classes that the model does not know (letters)": 1}
    rows = list(csv.DictReader(io.StringIO(fathom("predict", trained.path, "photos").out)))
    rows = [row for row in rows if row["label"] and "letters" not in row["file"]]
    truth, predicted = [row["file"].split("/")[1] for row in rows], [row["label"] for row in rows]
    assert found["num_samples"] == 30
    assert found["accuracy"] == np.mean(np.array(truth) == np.array(predicted))
    expected = precision_recall_fscore_support(truth, predicted, labels=list("0123456789"), zero_division=0)
    for row, *values in zip(found["per_class"], *expected, strict=True):
        assert [row["precision"], row["recall"], row["f1"], row["support"]] == pytest.approx(values)


def test_a_label_file(trained, fathom, photos):
    names = sorted(path.relative_to(photos).as_posix() for path in photos.glob("[0-9]/[0-9]*.png"))
    pd.DataFrame({"file": names, "label": [name[0] for name in names]}).to_csv("labels.csv", index=False)
    ours = json.loads(fathom("eval", trained.path, "--data", "labels.csv", "--images", "photos", "--json").out)
    theirs = json.loads(fathom("eval", trained.path, "--data", "photos", "--json").out)
    assert ours["confusion"] == theirs["confusion"]


def test_a_table_of_numbers_and_one_of_classes(fathom):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80).round(3), "b": rng.normal(size=80).round(3)})
    frame["y"] = (3 * frame["a"] - frame["b"]).round(3)
    frame["kind"] = np.where(frame["a"] > 0, "001", "002")
    frame.to_csv("rows.csv", index=False)
    frame.iloc[:30].assign(y=[*frame["y"][:29], None]).to_csv("new.csv", index=False)
    for target in ("y", "kind"):
        trained = fathom("train", "rows.csv", "--target", target, "--epochs", 3, "--out", target)
        assert trained.code == 0, trained.err
    found = json.loads(fathom("eval", "last", "--runs", "y", "--data", "new.csv", "--json").out)
    rows = list(csv.DictReader(io.StringIO(fathom("predict", "last", "new.csv", "--runs", "y").out)))
    predicted = np.array([float(row["y"]) for row in rows[:29]])
    assert (found["num_samples"], found["left_out"]) == (29, {"without a label": 1})
    assert found["r2"] == pytest.approx(r2_score(frame["y"][:29], predicted))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - frame["y"][:29]) ** 2)))
    found = json.loads(fathom("eval", "last", "--runs", "kind", "--data", "new.csv", "--json").out)
    rows = list(csv.DictReader(io.StringIO(fathom("predict", "last", "new.csv", "--runs", "kind").out)))
    assert found["accuracy"] == np.mean([row["label"] == kind for row, kind in zip(rows, frame["kind"], strict=False)])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "photos", "--split", "val"], 2, "--data is evaluated as a whole"),
        (["--images", "photos"], 2, "--images belongs to --data"),
        (["--data", "flat"], 1, "flat: its classes (flat) are not those of the model (0, 1, 2, 3 and 6 more)"),
        (["--data", "nowhere"], 2, "--data: no such file or folder: nowhere"),
    ],
)
def test_what_cannot_be_evaluated(trained, fathom, photos, arguments, code, message):
    (photos.parent / "flat").mkdir()
    Image.new("L", (8, 8)).save(photos.parent / "flat" / "a.png")
    result = fathom("eval", trained.path, *arguments)
    assert result.code == code
    assert message in result.error

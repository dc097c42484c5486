"""``fathom check``: what is planted in data is found, and what is not there is not."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fathom.data.checks import CheckedSplit, DataCheck, check_splits
from fathom.doctor.check import check
from fathom.settings.settings import Settings


def inspect(name, **options):
    return check(Settings({"data": {"name": str(name), "options": options}}))


def texts(found, severity=None):
    return [finding.text for finding in found.findings if severity in (None, finding.severity)]


def codes(found, severity=None):
    return [finding.code for finding in found.findings if severity in (None, finding.severity)]


@pytest.fixture
def images(tmp_path):
    """Sixty images in two class folders."""
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for i in range(30):
            pixels = rng.integers(0, 256, (10, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{i:02}.png")
    return tmp_path / "pets"


def make_frame(n=300):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": range(1, n + 1), "a": rng.normal(size=n), "c": rng.choice(["x", "y", "z"], n)})
    return frame.assign(price=np.exp(rng.normal(size=n) * 0.2) + frame["a"] * 0.01)


@pytest.fixture
def write(tmp_path):
    def write(frame):
        frame.to_csv(tmp_path / "t.csv", index=False)
        return tmp_path / "t.csv"

    return write


def test_digits_are_sound_and_the_page_shows_them(fathom, tmp_path):
    result = fathom("check", "--data", "digits")
    assert result.code == 0, result.err
    assert "digits: 1,797 images" in result.out
    assert re.search(r"splits +train 1,294, val 144, test 359", result.out)
    assert re.search(r"^3 +131 +15 +37$", result.out, re.MULTILINE)
    assert "leakage" not in result.out
    page = (tmp_path / "check.html").read_text()
    assert "data:image/png;base64," in page
    assert "<script" not in page


def test_json_holds_every_field_of_what_was_found(write, fathom, tmp_path):
    frame = make_frame()
    frame["twice"] = 2 * frame["price"] + 1
    result = fathom("check", "--data", write(frame), "--target", "price", "--json", "--out", "page.html")
    assert result.code == 0
    content = json.loads(result.out)
    assert (content["name"], content["what"]) == ("t.csv", "rows")
    assert [(split["name"], split["size"]) for split in content["splits"]] == [
        ("train", 243), ("val", 27), ("test", 30),
    ]  # fmt: skip
    assert sum(content["splits"][0]["labels"].values()) == 243
    (leak,) = (finding for finding in content["findings"] if finding["severity"] == "warning")
    assert leak == {
        "code": "data.leakage",
        "severity": "warning",
        "message": "leakage: twice alone tells price",
        "evidence": {"column": "twice", "target": "price"},
        "cause": "",
        "remedy": "if it is not known beforehand, --set data.options.drop=[twice]",
        "place": "column twice",
    }
    assert content["page"] == "page.html"
    assert "leakage: twice" in (tmp_path / "page.html").read_text()


def test_json_of_an_error_exits_with_1(images, fathom):
    (images / "cat" / "00.png").write_text("no image")
    for allowed, severity, code in (("1%", "error", 1), ("5%", "warning", 0)):  # of 60 images
        result = fathom("check", "--data", images, "--json", "--max-broken", allowed)
        assert result.code == code
        first = json.loads(result.out)["findings"][0]
        assert (first["code"], first["severity"], first["evidence"]["broken"]) == ("data.broken_files", severity, 1)


def test_labels_that_are_no_class(write):
    labels = np.array([0, 1, 2, 2, 1, -1])
    found = check_splits(DataCheck("d", "samples", [CheckedSplit("train", 6, labels)], class_names=("a", "b")))
    (error,) = (finding for finding in found.findings if finding.severity == "error")
    assert (error.code, error.evidence["labels"], error.place) == ("data.labels_out_of_range", 3, "train split")
    dead = check_splits(DataCheck("d", "samples", [CheckedSplit("train", 3, np.zeros(3, int))], class_names=("a", "b")))
    assert dead.findings[0].text == "no training sample of b"


def test_what_could_not_be_checked_is_said(write, fathom):
    frame = make_frame().assign(who=[f"person {i % 60}" for i in range(300)])
    found = inspect(write(frame), target="price", categories=["who"])
    (skipped,) = found.not_checked
    assert skipped.code == "data.leakage"
    assert skipped.reason == "who has 60 values in 243 rows: so many tell rows apart"


def test_a_sound_folder(images):
    found = inspect(images)
    assert found.has_no_errors
    assert [(split.name, split.size) for split in found.splits] == [("train", 49), ("val", 5), ("test", 6)]
    assert ("sizes", "10×8") in found.facts
    assert not texts(found, "warning")


def test_broken_and_repeated_images_are_found(images, fathom):
    (images / "cat" / "00.png").write_bytes((images / "cat" / "00.png").read_bytes()[:100])
    (images / "cat" / "text.png").write_text("no image")
    for i in range(20):  # under the other label too
        shutil.copy(images / "cat" / f"{i + 5:02}.png", images / "dog" / f"copy{i}.png")
    found = inspect(images)
    assert found.has_no_errors  # training leaves two out
    assert codes(found, "warning") == ["data.broken_files", "data.contradicting_labels"]
    error, _ = texts(found, "warning")
    assert error.startswith("2 files cannot be read: ")
    assert "00.png" in error
    assert "text.png" in error
    assert not any("leakage" in text for text in texts(found, "warning"))  # copies are on one side of each cut
    assert sum("contradiction" in text for text in texts(found, "warning")) == 1
    assert fathom("check", "--data", images).code == 0
    assert fathom("check", "--data", images, "--max-broken", "1%").code == 1


def test_a_copy_in_the_test_folder_is_counted(images, tmp_path):
    root = tmp_path / "splits"
    shutil.copytree(images, root / "train")
    for label in ("cat", "dog"):
        (root / "test" / label).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (8, 10), (i, 1, 2 + (label == "cat"))).save(root / "test" / label / f"{i}.png")
    shutil.copy(root / "train" / "cat" / "03.png", root / "test" / "cat" / "again.png")
    found = check(Settings({"data": {"name": str(root), "val": 0.0}}))
    assert codes(found, "warning") == ["data.duplicates_across_splits"]
    (warning,) = texts(found, "warning")
    assert warning == "leakage: 1 of 9 images of the test split (11.1%) are in the train split too"


def test_unbalanced_and_missing_classes(write):
    frame = make_frame(200).assign(label=["common"] * 180 + ["some"] * 15 + ["rare"] * 5)
    found = inspect(write(frame), target="label", drop=["price"])
    warnings = texts(found, "warning")
    assert any(text.startswith("unbalanced: ") for text in warnings)
    assert any("fewer than 10 training samples of rare" in text for text in warnings)
    assert any("split has no sample of rare" in text for text in warnings)
    assert any("always saying common is right for 9" in text for text in texts(found, "note"))


def test_a_table_s_columns_are_evaluated(write):
    frame = make_frame()
    frame["twice"] = 2 * frame["price"] + 1
    frame["far"] = np.where(frame["id"] == 5, 1e6, frame["a"])
    frame["empty"] = np.where(frame["id"] % 5 == 0, frame["a"], np.nan)
    found = inspect(write(frame), target="price")
    warnings = texts(found, "warning")
    assert [text for text in warnings if "leakage" in text] == [
        "leakage: twice alone tells price; if it is not known beforehand, --set data.options.drop=[twice]"
    ]
    assert any("mostly missing: empty (8" in text for text in warnings)
    assert any("standard deviations from the mean, in far (" in text for text in warnings)
    assert "id: left out, it numbers the rows (data.options.keep=[id] uses it)" in texts(found, "note")
    assert [column["name"] for column in found.columns] == ["a", "c", "twice", "far", "empty"]


@pytest.mark.parametrize("task", ["number", "class"])
def test_a_category_and_a_number_that_give_the_target_away(write, task):
    frame = make_frame()
    code = frame["c"].map({"x": 1.5, "y": 2.5, "z": 9.0})
    y = code if task == "number" else frame["c"].str.upper()
    frame = frame.assign(price=y, score=code + 0.1 * np.tanh(frame["a"]))
    options = {"target": "price", "task": "regression" if task == "number" else "classification"}
    leaks = [text.split()[1] for text in texts(inspect(write(frame), **options)) if "leakage" in text]
    assert leaks == (["score", "c"] if task == "class" else ["c"])


def test_a_skewed_target_is_said(write):
    frame = make_frame().assign(price=np.exp(2 * np.random.default_rng(2).normal(size=300)))
    assert any("try --log-target" in text for text in texts(inspect(write(frame), target="price")))
    assert not any("try --log-target" in t for t in texts(inspect(write(frame), target="price", log_target=True)))


def test_repeated_rows_of_a_table(write):
    frame = make_frame().drop(columns="id")
    found = inspect(write(pd.concat([frame, frame])), target="price")
    assert any(text.startswith("leakage: ") and "of the test split" in text for text in texts(found, "warning"))
    assert not any("leakage" in text for text in texts(inspect(write(frame), target="price")))


def test_a_text(fathom, tmp_path):
    (tmp_path / "book.txt").write_text("the quick brown fox " * 400 + "ÄÖÜ!?" * 150)
    result = fathom("check", "--data", "book.txt")
    assert result.code == 0, result.err
    assert re.search(r"warning +[\d,]+ of [\d,]+ tokens of the test split \([\d.]+%\) are unknown", result.out)


def test_what_cannot_be_checked_is_a_line(fathom, tmp_path):
    assert fathom("check", "--data", "digit").error == "unknown data set 'digit'; did you mean 'digits'?"
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert fathom("check", "--data", "t.csv").error.startswith("say which column of t.csv to predict")
    assert not (tmp_path / "check.html").exists()

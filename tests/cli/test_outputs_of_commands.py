"""``--out`` of every command that writes a file: ``-`` is standard output, and what cannot be a file is refused."""

import csv
import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "one.png")
    return tmp_path / "one.png"


def test_predictions_go_to_standard_output(fathom, trained, photo):
    result = fathom("predict", trained.path, photo, "--out", "-")
    assert result.code == 0, result.err
    (row,) = csv.DictReader(io.StringIO(result.out))
    assert row["file"] == str(photo)
    assert "1 of 1 images labelled" in result.err


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["report", "RUN"], "<!doctype html>"),
        (["schedules", "cosine"], "\ufffdPNG"),
        pytest.param(["export", "RUN", "--format", "torch"], "PK\x03\x04", marks=pytest.mark.slow),
    ],
)
def test_a_file_goes_to_standard_output_and_nothing_else_does(arguments, start, start_fathom, trained, tmp_path):
    process = start_fathom(*(trained.path if a == "RUN" else a for a in arguments), "--out", "-", text=False)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.decode("utf-8", "replace").lower().startswith(start.lower())
    assert not (tmp_path / "-").exists()
    if arguments[0] == "export":
        assert not (trained.path / "export.json").exists()


@pytest.mark.parametrize("verb", ["train", "tune", "crossval", "distill", "prune"])
def test_a_folder_cannot_go_to_standard_output(verb, fathom, trained):
    own = {"distill": [trained.path], "prune": [trained.path, "--amount", "0.5"]}.get(verb, [])
    result = fathom(verb, *own, "--out", "-")
    assert (result.code, result.error) == (2, "--out -: name a folder; only a single file can go to standard output")


@pytest.mark.parametrize(
    ("out", "message"),
    [("", "--out: is empty; see fathom {} --help"), (".", "--out .: is a folder; name a file")],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "RUN", "one.png"],
        ["export", "RUN"],
        ["report", "RUN"],
        ["compare", "RUN"],
        ["schedules"],
        ["scratch", "lenet"],
        ["check", "--data", "digits"],
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_done(arguments, out, message, fathom, trained):
    result = fathom(*(trained.path if a == "RUN" else a for a in arguments), "--out", out)
    assert (result.code, result.error) == (2, message.format(arguments[0]))

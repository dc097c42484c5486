"""``fathom export`` and ``fathom predict FILE.onnx``: what is printed, what is written, wrong usage."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from fathom.data.sources.catalog import load_arrays
from fathom.runs.folder.reader import RunReader


@pytest.fixture
def images(tmp_path):
    """The first test images of the digits."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i, pixels in enumerate(load_arrays("digits", size=28).test_images[:12]):
        Image.fromarray(pixels[0]).save(folder / f"{i:02}.png")
    return folder


def test_a_run_becomes_a_file_that_predicts_the_same(trained_copy, fathom, images):
    result = fathom("export", trained_copy, "--licence", "CC0-1.0")
    assert result.code == 0, result.err
    first, second = result.out.splitlines()
    assert first.startswith(f"{trained_copy / 'model.onnx'}  2")
    assert second.startswith("compared with PyTorch at batches of 1 and 5; largest differences: logits ")
    by_run, by_file = (
        [json.loads(line) for line in fathom("predict", model, images, "--format", "jsonl").out.splitlines()]
        for model in (trained_copy, trained_copy / "model.onnx")
    )
    assert [(row["file"], row["label"]) for row in by_file] == [(row["file"], row["label"]) for row in by_run]
    assert [row["probability"] for row in by_file] == pytest.approx([row["probability"] for row in by_run], abs=2e-6)
    # a run with an export in it is read as before
    assert RunReader(trained_copy).evaluation is not None
    assert fathom("report", trained_copy).code == 0


@pytest.mark.parametrize("method", [pytest.param("dynamic", marks=pytest.mark.slow), "static"])
def test_int8_shows_accuracy_time_and_size(method, trained_copy, fathom, images):
    result = fathom("export", trained_copy, "--int8", method)
    assert result.code == 0, result.err
    record = json.loads((trained_copy / "export.json").read_text())["files"][f"model-int8-{method}.onnx"]
    int8 = record["int8"]
    evaluation = json.loads((trained_copy / "evaluation.json").read_text())
    assert (int8["method"], int8["split"], int8["num_samples"]) == (method, "test", evaluation["num_samples"])
    assert int8["accuracy"]["float32"] == pytest.approx(evaluation["accuracy"], abs=1e-9)
    assert int8["accuracy"]["int8"] > evaluation["accuracy"] - 0.05
    assert int8["bytes"]["int8"] < 0.5 * int8["bytes"]["float32"]
    assert record["bytes"] == int8["bytes"]["int8"] == (trained_copy / f"model-int8-{method}.onnx").stat().st_size
    assert set(int8["latency_ms"]) == {"pytorch", "float32", "int8"}
    assert all(value > 0 for value in int8["latency_ms"].values())
    lines = result.out.splitlines()
    assert f"{int8['accuracy']['int8']:.2%}" in lines[-2]
    assert lines[-1].startswith(f"({int8['num_samples']} test samples; times of now, on this machine")
    rows = fathom("predict", trained_copy / f"model-int8-{method}.onnx", images).out.splitlines()
    assert len(rows) == 13


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--format", "onxx"], 2, "unknown format 'onxx'; did you mean 'onnx'?"),
        (["--int8", "dynamik"], 2, "unknown kind of int8 'dynamik'; did you mean 'dynamic'?"),
        (["--int8", "static", "--format", "torch"], 2, "--int8 belongs to --format onnx"),
        (["--out", "model.pt2"], 2, "--out model.pt2: the name of a file in this format ends with .onnx"),
        (["--out", "."], 2, "--out .: is a folder; name a file"),
        (["--out", "nowhere/x.onnx"], 2, "--out nowhere/x.onnx: no such folder: nowhere"),
        (["--licenc", "MIT"], 2, "unknown option '--licenc'; did you mean '--licence'?"),
    ],
)
def test_wrong_usage(arguments, code, message, trained, fathom, tmp_path):
    result = fathom("export", trained.path, *arguments)
    assert (result.code, result.out, result.error) == (code, "", message)
    assert list(tmp_path.iterdir()) == []
    assert not (trained.path / "export.json").exists()


def test_a_disk_that_is_full_leaves_nothing_behind(trained_copy, fathom, monkeypatch, tmp_path):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    before = sorted(path.name for path in trained_copy.iterdir())
    monkeypatch.setattr("os.fsync", fail)
    result = fathom("export", trained_copy, "--format", "torch")
    assert result.code == 1
    assert result.error.startswith(f"cannot write {trained_copy / 'model.pt2'}: no space left on device")
    assert sorted(path.name for path in trained_copy.iterdir()) == before


def test_an_onnx_file_that_is_none_is_one_line(fathom, images, tmp_path):
    (tmp_path / "x.onnx").write_text("hello")
    result = fathom("predict", "x.onnx", images)
    assert (result.code, result.out) == (1, "")
    assert result.error.startswith("x.onnx: not an ONNX file of `fathom export`")
    result = fathom("predict", "absent.onnx", images)
    assert result.error == "absent.onnx: cannot be read (No such file or directory)"
    (tmp_path / "folder.onnx").mkdir()
    assert "model.json" in fathom("predict", "folder.onnx", images).error


# What predict gained --------------------------------------------------------------------------------------------------


@pytest.fixture
def stdin(monkeypatch):
    """Return bytes to standard input."""
    return lambda content: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_list_on_standard_input_stands_where_its_dash_stands(trained, fathom, images, stdin):
    stdin(b"images/03.png\nabsent.png\r\n\nimages/01.png")
    result = fathom("predict", trained.path, "images/05.png", "-", "images/00.png", "--format", "json")
    assert result.code == 1
    rows = json.loads(result.out)
    names = ["images/05.png", "images/03.png", "absent.png", "images/01.png", "images/00.png"]
    assert [row["file"] for row in rows] == names
    assert (
        [row["label"] is None for row in rows]
        == [bool(row["error"]) for row in rows]
        == [False, False, True, False, False]
    )
    assert list(rows[0]) == ["file", "label", "probability", "error"]


def test_an_empty_list_gives_an_empty_table(trained, fathom, stdin):
    expected = {"csv": "file,label,probability,error\n", "json": "[]\n", "jsonl": ""}
    for form, text in expected.items():
        stdin(b"")
        result = fathom("predict", trained.path, "-", "--format", form)
        assert (result.code, result.out) == (0, text)


def test_the_ending_of_the_file_chooses_the_format(trained, fathom, images, tmp_path):
    for name in ("a.json", "a.jsonl", "a.csv", "a.txt"):
        assert fathom("predict", trained.path, images, "--out", name).code == 0
    whole = json.loads((tmp_path / "a.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert whole == lines
    assert len(whole) == 12
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "a.txt").read_text()
    assert f"{whole[0]['file']},{whole[0]['label']},{whole[0]['probability']:.6f}," in (tmp_path / "a.csv").read_text()


def test_weights_that_are_not_finite_give_errors_not_labels(trained_copy, fathom, images):
    from fathom.inference.saved import load_module, save_weights

    module, _ = load_module(trained_copy)
    next(module.net.parameters()).data.fill_(np.nan)
    save_weights(trained_copy / "model.safetensors", module)
    result = fathom("predict", trained_copy, images / "00.png", "--format", "jsonl")
    assert result.code == 1
    assert "outputs are not finite" in json.loads(result.out)["error"]

"""What the commands make of a user's own data, and of one another: every kind of data goes through every verb."""

import csv
import json
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fathom.cli import progress
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.splits.division import Division
from fathom.data.splits.folds import Fold
from fathom.settings.reading import read_config
from fathom.training.callbacks import Callback

NUM = {"dark": 24, "light": 12}  # images of each class


@pytest.fixture(autouse=True)
def _time_briefly(monkeypatch):
    monkeypatch.setattr("fathom.series.distill._TIMED_S", 0.01)


def _draw(folder, numbers, base=0):
    """Write classes of images that differ in brightness; give their files and classes."""
    rng = np.random.default_rng(base)
    rows = []
    for label, (name, number) in enumerate(numbers.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(number):
            low = base + 100 * label
            Image.fromarray(rng.integers(low, low + 100, (12, 12, 3), dtype=np.uint8)).save(folder / name / f"{i}.png")
            rows.append([f"{name}/{i}.png", name])
    return rows


def _folder(root):
    _draw(root / "images", NUM)
    for i in range(2):  # copies, and what cannot be read
        (root / f"images/dark/copy{i}.png").write_bytes((root / f"images/dark/{i}.png").read_bytes())
        (root / f"images/light/broken{i}.png").write_text("no image")
    return ["--data", "images", "--max-broken", "10%", "--balance", "weights"], "images"


def _parts(root):
    for part, share in (("train", 1), ("val", 3), ("test", 3)):
        _draw(root / "parts" / part, {name: number // share for name, number in NUM.items()}, share)
    return ["--data", "parts", "--balance", "sampler", "--augment", "flip"], "parts/test"


def _labels(root):
    rows = _draw(root / "files", NUM)
    (root / "files/broken.png").write_text("no image")
    with open(root / "labels.csv", "w", newline="") as file:
        part = {0: "val", 1: "test"}
        csv.writer(file).writerows(
            [["file", "label", "split"], *([*row, part.get(i % 4, "train")] for i, row in enumerate(rows))]
            + [["broken.png", "dark", "train"]]
        )
    images = ["--images", "files", "--max-broken", "10%"]
    return ["--data", "labels.csv", *images, "--cache", "none", "--workers", "0", "--balance", "sampler"], "files/light"


def _table(root, target):
    draw = random.Random(0)
    with open(root / "table.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "colour", "kind", "price"])
        for _ in range(90):
            kind = draw.choice(["rose", "rose", "lily"])
            length = draw.gauss(1 if kind == "rose" else 3, 0.5)
            writer.writerow([round(length, 2), draw.choice(["red", "white"]), kind, round(10 + 3 * length, 1)])
    return ["--data", "table.csv", "--target", target], "table.csv"


KINDS = {
    "folder": _folder,
    "parts": _parts,
    "labels": _labels,
    "classes": lambda root: _table(root, "kind"),
    "numbers": lambda root: _table(root, "price"),
}
IMAGES = ("folder", "parts", "labels")


def _run(fathom, *arguments, code=0):
    result = fathom(*arguments)
    assert result.code == code, result.out + result.err
    return result


def _newest(mark=""):
    return max((p for p in Path("runs").iterdir() if mark in p.name), key=lambda path: path.stat().st_mtime_ns)


@pytest.mark.parametrize(
    "kind", [kind if kind in ("folder", "labels") else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_a_run_is_evaluated_pruned_and_taught_from_on_its_own_data(kind, fathom, tmp_path):
    options, new = KINDS[kind](tmp_path)
    _run(fathom, "train", "mlp", *options, "--epochs", 1, "--set", "model.options.hidden=[16]")
    run = _newest()
    _run(fathom, "eval", run, "--split", "val")
    is_broken = kind == "folder"
    _run(fathom, "predict", run, new, "--out", "new.csv", code=1 if is_broken else 0)
    _run(fathom, "prune", run, "--amount", 0.5, "--structured", "channels", "--finetune", 1)
    pruned = _newest()
    assert read_config(pruned).data == read_config(run).data  # balance, broken files and cache among it
    _run(fathom, "eval", pruned)
    result = fathom(
        "distill", run, "--student", "linear" if kind in ("classes", "numbers") else "softmax", "--epochs", 1
    )
    if kind == "numbers":
        assert result.code == 2
        assert "is regression" in result.error
        return
    assert result.code == 0, result.err
    plan = json.loads((_newest("distill") / "distill.json").read_text())
    known = {name: plan["plan"]["config"]["data"][name] for name in ("name", "options", "cache", "max_broken")}
    teacher = read_config(run).data
    assert known == {name: getattr(teacher, name) for name in known}
    assert "The teacher learned from" not in result.out


def test_a_fine_tuned_run_is_pruned_and_teaches(fathom, tmp_path):
    _draw(tmp_path / "first", NUM)
    _draw(tmp_path / "second", {"dim": 12, "bright": 12}, 50)
    _run(fathom, "train", "mlp", "--data", "first", "--epochs", 1, "--set", "model.options.hidden=[16]")
    source = _newest()
    _run(fathom, "train", "--init-from", source, "--data", "second", "--epochs", 1)
    tuned = _newest()
    _run(fathom, "prune", tuned, "--amount", 0.5, "--finetune", 1)
    _run(fathom, "eval", _newest())
    # Its normalisation is the source's, not that of these images: no sign that they have changed.
    _run(fathom, "distill", tuned, "--student", "softmax", "--epochs", 1)
    student = read_config(_newest("distill") / "distilled/seed-0")
    assert student.data.mean == read_config(tuned).data.mean
    _run(fathom, "compare", source, tuned)


def test_a_student_evaluated_by_another_division_is_refused(fathom, tmp_path):
    options, _ = _labels(tmp_path)
    text = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text(
        "\n".join([f"{text[0]},again", *(f"{line},{line.split(',')[2]}" for line in text[1:])])
    )
    _run(fathom, "train", "softmax", *options, "--epochs", 1)
    run = _newest()
    refused = fathom("distill", run, "--student", "softmax", "--epochs", 1, "--split-column", "again")
    assert refused.code == 2
    assert "data.options.split_column=split, not again" in refused.error
    _run(fathom, "distill", run, "--student", "softmax", "--epochs", 1, "--split-column", "split")
    refused = fathom("predict", run, "labels.csv")
    assert refused.code == 2
    assert "this model reads images" in refused.error


@pytest.mark.slow
def test_a_teacher_of_other_data_is_doubted(fathom, tmp_path):
    options, _ = _labels(tmp_path)
    _draw(tmp_path / "others", NUM)
    _run(fathom, "train", "softmax", *options, "--epochs", 1)
    result = _run(fathom, "distill", _newest(), "--student", "softmax", "--epochs", 1, "--data", "others")
    assert "warning: The teacher learned from " in result.out


def test_folds_of_a_named_set_say_what_is_held_out():
    pixels, labels = np.zeros((30, 1, 2, 2), dtype=np.uint8), np.arange(30) % 3
    data = ArrayData(
        Arrays(pixels, labels, None, None, ("a", "b", "c")), 4, balance="sampler", val=Division(fold=Fold(0, 2))
    )
    assert [note.split(":")[0] for note in data.notes] == ["fold 1 of 2", "classes"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_folds_searches_and_files_of_own_data(kind, fathom, tmp_path):
    options, new = KINDS[kind](tmp_path)
    _run(fathom, "check", *options, "--out", "check.html")  # broken files within --max-broken are a warning
    _run(fathom, "crossval", "mlp", "linear" if kind == "numbers" else "softmax", *options, "--folds", 2, "--epochs", 1)
    search = ("--space", "lr=1e-3..0.1:log,batch_size=8|16", "--trials", 3, "--jobs", 2)
    _run(fathom, "tune", "mlp", *options, "--epochs", 1, *search)
    (run,) = (file.parent for file in Path("runs").glob("*/model.json"))
    _run(fathom, "report", "last")
    if kind in IMAGES:
        _run(fathom, "export", run, "--out", "model.onnx")
        for model, out in ((run, "a.csv"), ("model.onnx", "b.csv")):
            _run(fathom, "predict", model, new, "--out", out, code=1 if kind == "folder" else 0)
        a, b = (csv.DictReader(Path(name).read_text().splitlines()) for name in ("a.csv", "b.csv"))
        assert [row["label"] for row in a] == [row["label"] for row in b]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_run_of_own_data_ends_as_if_it_had_not(kind, fathom, monkeypatch, tmp_path):
    class Stop(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 6:
                signal.raise_signal(signal.SIGINT)

    options, _ = KINDS[kind](tmp_path)
    options = ("mlp", *options, "--epochs", 4)
    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_progress", lambda plan: [Stop()])
        _run(fathom, "train", *options, "--out", "stopped", code=130)
    (stopped,) = Path("stopped").iterdir()
    _run(fathom, "train", "--resume", stopped)
    _run(fathom, "train", *options)
    for name in ("model.safetensors", "predictions.csv"):
        assert (stopped / name).read_bytes() == (_newest() / name).read_bytes(), name

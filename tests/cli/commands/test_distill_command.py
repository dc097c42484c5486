"""``fathom distill``: a student that learns from a teacher, beside the same student alone."""

import csv
import json
import shutil
import signal
from pathlib import Path

import pytest

from fathom.series import base as series
from fathom.settings.config import replace_in
from fathom.settings.reading import read_config


@pytest.fixture(autouse=True)
def _time_briefly(monkeypatch):
    monkeypatch.setattr("fathom.series.distill._TIMED_S", 0.02)


def _study(root="runs"):
    (path,) = (path for path in Path(root).iterdir() if "-distill-" in path.name)
    return path


def _rows(path):
    with open(path / "distill.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_side_by_side(fathom, trained):
    result = fathom("distill", trained.path, "--student", "softmax", "--epochs", 2, "--seeds", 2)
    assert result.code == 0, result.err
    path = _study()
    rows = _rows(path)
    assert [(row["role"], row["seed"]) for row in rows] == [
        ("teacher", "3"), ("alone", "3"), ("distilled", "3"), ("alone", "4"), ("distilled", "4")
    ]  # fmt: skip
    own = json.loads((trained.path / "evaluation.json").read_text())
    assert float(rows[0]["test_accuracy"]) == own["accuracy"]  # evaluated once, in the teacher's run
    content = json.loads((path / "distill.json").read_text())
    assert content["sizes"]["teacher"]["parameters"] == 61706
    assert content["sizes"]["distilled"]["parameters"] == 28 * 28 * 10 + 10
    changes = [float(rows[i + 1]["test_accuracy"]) - float(rows[i]["test_accuracy"]) for i in (1, 3)]
    assert content["gain"]["test"]["mean"] == pytest.approx(sum(changes) / 2)
    assert "gain" in result.out or "harm" in result.out
    for place in ("alone/seed-3", "distilled/seed-4"):
        config = read_config(path / place)
        assert config.data.split_seed == 3  # the teacher's, whatever the seed
        assert (config.training.distill is not None) == place.startswith("distilled")
    # A distilled student is a run like any other; its model needs no teacher.
    again = fathom("eval", path / "distilled/seed-4")
    assert again.code == 0, again.err
    assert f"accuracy {float(rows[4]['test_accuracy']):.4f}" in again.out
    assert 'href="distilled/seed-3/report.html"' in (path / "distill.html").read_text()


def test_one_seed_is_said_to_say_little_and_augmentation_asks_the_teacher_every_step(fathom, trained):
    result = fathom("distill", trained.path, "--student", "softmax", "--epochs", 1, "--augment", "crop:padding=2")
    assert result.code == 0, result.err
    assert "One seed says nothing of the spread" in result.out


def test_students_that_are_done_are_not_trained_again(fathom, trained):
    assert fathom("distill", trained.path, "--student", "softmax", "--epochs", 1).code == 0
    path = _study()
    before = _rows(path)
    assert "is finished" in fathom("distill", "--resume", "last").error
    content = json.loads((path / "distill.json").read_text())
    content["plan"]["status"], content["results"] = "running", content["results"][:2]
    (path / "distill.json").write_text(json.dumps(content))
    shutil.rmtree(path / "distilled")
    stamp = (path / "alone/seed-3/model.safetensors").stat().st_mtime_ns
    result = fathom("distill", "--resume", path)
    assert result.code == 0, result.err
    assert (path / "alone/seed-3/model.safetensors").stat().st_mtime_ns == stamp
    same = ("role", "seed", "val_accuracy", "test_accuracy", "test_loss")
    assert [[row[key] for key in same] for row in _rows(path)] == [[row[key] for key in same] for row in before]


def test_a_student_that_diverges_leaves_the_others_their_numbers(fathom, trained, monkeypatch):
    usual = series.train_run

    def train(config, *, root, name, **options):
        if (root.name, name) == ("distilled", "seed-4"):
            config = replace_in(config, training={"lr": 1e12})
        return usual(config, root=root, name=name, **options)

    monkeypatch.setattr(series, "train_run", train)
    result = fathom("distill", trained.path, "--student", "softmax", "--epochs", 1, "--seeds", 2)
    assert result.code == 1
    path = _study()
    rows = _rows(path)
    assert [row["status"] for row in rows[1:]] == ["done", "done", "done", "diverged"]
    content = json.loads((path / "distill.json").read_text())
    assert (content["plan"]["status"], content["plan"]["message"]) == ("done", "1 of 4 students diverged")
    assert content["gain"]["test"]["count"] == 1
    assert content["sizes"]["distilled"]["parameters"] == 28 * 28 * 10 + 10
    assert "error: The student distilled diverged with seed 4. Student distilled, seed 4: loss is not" in result.out
    assert "What follows is said of the seeds with which neither did." in result.out
    assert "reaches" in result.out
    assert "is finished" in fathom("distill", "--resume", path).error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("TEACHER",), "name the student"),
        (("--student", "mlp"), "name the teacher"),
        (("TEACHER", "--student", "mpl"), "did you mean"),
        (("TEACHER", "--student", "mlp", "--alpha", 1.5), "not a number from 0 to 1"),
        (("TEACHER", "--student", "mlp", "--temperature", 0), "above 0"),
        (("TEACHER", "--student", "mlp", "--val", 0.3), "data.val=0.1, not 0.3"),
        (("TEACHER", "--student", "mlp", "--set", "data.split_seed=9"), "set data.split_seed=3"),
        (
            ("TEACHER", "--student", "mlp", "--data", "synthetic_regression"),
            "the task of synthetic_regression is regression",
        ),
        (("nowhere", "--student", "mlp"), "there is no run"),
        (("--resume", "last", "--alpha", 0.5), "remove --alpha"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(fathom, trained, arguments, message):
    result = fathom("distill", *(trained.path if a == "TEACHER" else a for a in arguments))
    assert result.code == 2
    assert message in result.error
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_loses_no_student(start_fathom, fathom, trained, signum):
    options = (trained.path, "--student", "softmax", "--epochs", 4)
    process = start_fathom("distill", *options, "--out", "stopped")
    for line in process.stdout:
        if "student alone" in line:
            break
    process.send_signal(signum)
    _, err = process.communicate()
    assert process.returncode in (-9, 130)
    if signum == signal.SIGINT:
        assert "fathom distill --resume stopped/" in err
    resumed = fathom("distill", "--resume", _study("stopped"))
    assert resumed.code == 0, resumed.err
    assert fathom("distill", *options, "--out", "whole").code == 0
    losses = [[row["test_loss"] for row in _rows(_study(root))] for root in ("stopped", "whole")]
    assert losses[0] == losses[1]

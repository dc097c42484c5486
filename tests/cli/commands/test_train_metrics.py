"""``training.metrics`` and ``training.monitor``: in every file of the run, in the line of an epoch, or refused."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fathom.runs.folder.reader import RunReader

OPTIONS = ["softmax", "--epochs", 3, "--set", "training.metrics=[f1,auroc]", "--set", "training.monitor=val_auroc"]


@pytest.fixture
def run(fathom, tmp_path):
    """A finished run with metrics of its own, and what it printed."""
    result = fathom("train", *OPTIONS)
    assert result.code == 0, result.err
    (path,) = (tmp_path / "runs").iterdir()
    return path, result.out


def test_metrics_are_in_every_file_and_line(run, fathom):
    path, out = run
    columns = {f"{part}_{name}" for part in ("train", "val") for name in ("f1", "auroc")}
    epochs = RunReader(path).epochs()
    assert all(columns <= record.keys() and 0 < record["val_f1"] < 1 for record in epochs)
    with (path / "metrics.csv").open(newline="") as file:
        assert columns <= set(next(csv.reader(file)))
    assert f", f1 {epochs[0]['val_f1']:.4f}, auroc {epochs[0]['val_auroc']:.4f}" in out
    evaluation = json.loads((path / "evaluation.json").read_text())
    with (path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels, predicted = ([row[key] for row in rows] for key in ("label", "predicted"))
    assert evaluation["f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert evaluation["f1"] == pytest.approx(np.mean([row["f1"] for row in evaluation["per_class"]]))
    assert evaluation["auroc"] > 0.9
    assert f"f1 {evaluation['f1']:.4f}, auroc" in (path / "log.txt").read_text()
    told = fathom("eval", path).out
    assert f"f1       {evaluation['f1']:.4f}\n" in told


def test_the_best_epoch_is_by_what_is_monitored(run):
    path, _ = run
    reader = RunReader(path)
    best = reader.best()
    assert (best.metric, best.value) == ("val_auroc", max(record["val_auroc"] for record in reader.epochs()))
    state = json.loads((path / "checkpoints" / "best" / "state.json").read_text())
    assert (state["metric"], state["value"], state["epoch"]) == (best.metric, best.value, best.epoch)
    assert "best validation AUROC" in (path / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["training.metrics=[f2]"], "unknown metric 'f2'; did you mean 'f1'?"),
        (["training.monitor=f1"], "monitor 'f1': expected a recorded metric, such as val_f1"),
        (["training.monitor=val_f1"], "there is no val_f1 to monitor: the module's metrics are none"),
        (["training.metrics=[f1]", "training.monitor=val_f1", "data.val=0"], "without a validation split"),
    ],
)
def test_what_cannot_be_measured_is_refused_and_leaves_nothing(options, words, fathom, tmp_path):
    result = fathom("train", "softmax", "--epochs", 1, *(text for option in options for text in ("--set", option)))
    assert result.code == 2
    assert words in result.error
    assert not list(tmp_path.glob("runs/*"))


def test_numbers_have_no_f1(fathom, tmp_path):
    result = fathom("train", "linear", "--data", "synthetic_regression", "--set", "training.metrics=[f1]")
    assert (result.code, result.error) == (2, "metric f1 is not for a regressor")


def test_few_validation_samples_rank_epochs_by_their_loss(fathom, tmp_path):
    result = fathom("train", "softmax", "--val", 0.05, "--epochs", 3)
    assert "lowest validation loss" in result.out
    assert "(72 samples are too few to tell epochs apart by accuracy)" in result.out
    chosen = fathom("train", "softmax", "--val", 0.05, "--epochs", 3, "--set", "training.monitor=val_accuracy")
    assert "highest validation accuracy" in chosen.out

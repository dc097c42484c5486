"""``fathom crossval``: folds, spread, comparison, going on after a stop."""

import csv
import json
import random
import shutil
import signal
import statistics
import time
from pathlib import Path

import pytest

from fathom.runs.analysis.crossval import CrossValidation
from fathom.settings.reading import read_config

QUICK = ("--data", "digits", "--epochs", 1, "--folds", 3)


def _study(root="runs"):
    (path,) = Path(root).iterdir()
    return path


def _rows(path):
    with open(path / "folds.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_two_networks_on_the_same_folds(fathom):
    result = fathom("crossval", "mlp", "softmax", *QUICK, "--seed", 5)
    assert result.code == 0, result.err
    path = _study()
    assert path.name.endswith("-crossval-mlp-softmax-digits")
    rows = _rows(path)
    assert [(row["model"], row["fold"]) for row in rows] == [(m, f) for f in "123" for m in ("mlp", "softmax")]
    content = json.loads((path / "crossval.json").read_text())
    assert content["plan"]["status"] == "done"
    accuracies = [float(row["accuracy"]) for row in rows if row["model"] == "mlp"]
    assert content["summary"]["accuracy"]["mlp"]["mean"] == pytest.approx(statistics.mean(accuracies))
    assert content["summary"]["accuracy"]["mlp"]["std"] == pytest.approx(statistics.stdev(accuracies))
    assert [d["first"] for d in content["differences"]] == ["mlp"]
    assert "the test set is left alone" in result.out
    assert "swallows the difference" in result.out or "is better than" in result.out
    assert (
        sum(int(row["held_out"]) for row in rows if row["model"] == "mlp") == 1438
    )  # of the training split, each once
    page = (path / "crossval.html").read_text()
    assert 'href="mlp/fold-1/report.html"' in page
    assert "http" not in page.replace("http-equiv", "")
    # A fold's run is a run like any other.
    evaluation = json.loads((path / "mlp/fold-2/evaluation.json").read_text())
    again = fathom("eval", path / "mlp/fold-2")
    assert again.code == 0, again.err
    assert f"accuracy {evaluation['accuracy']:.4f}" in again.out


def test_folds_that_are_done_are_not_repeated(fathom):
    assert fathom("crossval", "mlp", *QUICK).code == 0
    path = _study()
    before = _rows(path)
    finished = fathom("crossval", "--resume", "last")
    assert finished.code == 1
    assert "is finished" in finished.error
    # As a kill leaves it: one fold whole, one begun, one not.
    content = json.loads((path / "crossval.json").read_text())
    content["plan"]["status"], content["results"] = "running", content["results"][:1]
    (path / "crossval.json").write_text(json.dumps(content))
    shutil.rmtree(path / "mlp/fold-3")
    (path / "mlp/fold-2/run.json").write_text("{")
    shutil.rmtree(path / "mlp/fold-2/checkpoints")
    stamp = (path / "mlp/fold-1/model.safetensors").stat().st_mtime_ns
    result = fathom("crossval", "--resume", path)
    assert result.code == 0, result.err
    assert (path / "mlp/fold-1/model.safetensors").stat().st_mtime_ns == stamp
    assert "fold 1/3" not in result.out.partition("measure")[0]
    same = ("model", "fold", "held_out", "accuracy", "loss", "seed")
    assert [[row[key] for key in same] for row in _rows(path)] == [[row[key] for key in same] for row in before]


def test_a_table_and_repeats(fathom):
    Path("rows.csv").write_text("x,z,y\n" + "".join(f"{i % 17},{i % 5},{2 * (i % 17) - i % 5}\n" for i in range(150)))
    result = fathom("crossval", "linear", "--data", "rows.csv", "--target", "y", "--task", "regression", "--epochs", 2,
                    "--folds", 2, "--repeats", 2)  # fmt: skip
    assert result.code == 0, result.err
    path = _study()
    rows = _rows(path)
    assert [(row["repeat"], row["fold"]) for row in rows] == [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]
    assert len({row["rmse"] for row in rows}) == 4
    assert (path / "linear/repeat-2-fold-1/report.html").exists()


def test_a_fold_that_diverges_is_recorded_and_the_others_go_on(fathom, monkeypatch):
    read_scores = CrossValidation.read_scores

    def overflowing(self, run):
        return read_scores(self, run) | ({"rmse": float("inf")} if run.name == "fold-2" else {})

    monkeypatch.setattr(CrossValidation, "read_scores", overflowing)
    rows = [f"{i % 17},{i % 5},{2 * (i % 17) - i % 5}" for i in range(120)]
    Path("rows.csv").write_text("\n".join(["x,z,y", *rows]) + "\n")
    result = fathom("crossval", "linear", "mlp", "--data", "rows.csv", "--target", "y", "--task", "regression",
                    "--epochs", 2, "--folds", 3)  # fmt: skip
    assert result.code == 1
    assert result.err == ""
    path = _study()
    rows = _rows(path)
    assert len(rows) == 6
    bad = [row for row in rows if row["status"] == "diverged"]
    assert [row["model"] for row in bad] == ["linear", "mlp"]
    (fold,) = {row["fold"] for row in bad}
    assert all("RMSE on the held-out fold is not finite" in row["message"] and row["rmse"] == "" for row in bad)
    content = json.loads((path / "crossval.json").read_text())
    assert (content["plan"]["status"], content["plan"]["message"]) == ("done", "2 of 6 folds diverged")
    whole = [float(row["rmse"]) for row in rows if row["model"] == "mlp" and row["status"] == "done"]
    assert content["summary"]["rmse"]["mlp"]["mean"] == pytest.approx(statistics.mean(whole))
    (difference,) = content["differences"]
    assert difference["difference"]["count"] == 2
    assert f"linear  fold {fold}/3: diverged: RMSE" in result.out
    assert f"error: mlp diverged in 1 of 3 folds (fold {fold})" in result.out
    assert "mean and standard deviation are over the 2 folds that did not" in result.out
    assert "on average over 2 folds in which neither diverged" in result.out
    page = (path / "crossval.html").read_text()
    assert "mlp diverged in 1 of 3 folds" in page
    assert page.count('<span class="status failed">diverged</span>') == 2
    for row in bad:  # its report says the same
        assert (path / row["run"] / "report.html").exists()
    assert "is finished" in fathom("crossval", "--resume", path).error


def test_where_every_fold_diverges_nothing_is_known(fathom):
    result = fathom("crossval", "mlp", *QUICK, "--lr", 1e9)
    assert result.code == 1
    assert "mlp diverged in every fold, so nothing is known of it. Fold 1: loss is not finite at step" in result.out
    assert "try a lower learning rate" in result.out
    path = _study()
    plan = json.loads((path / "crossval.json").read_text())["plan"]
    assert (plan["status"], plan["message"]) == ("failed", "all 3 folds diverged")
    assert "Nothing was recorded" in (path / "mlp/fold-2/report.html").read_text()
    again = fathom("crossval", "--resume", path)
    assert again.code == 1
    assert "3 of 3 done already" in again.out


@pytest.mark.parametrize("how", ["weights", "sampler"])
def test_rare_classes_are_balanced_within_each_fold(fathom, how):
    rng = random.Random(0)
    rows = [(rng.gauss(3 * (i % 9 == 0), 1), "rare" if i % 9 == 0 else "common") for i in range(180)]
    Path("rows.csv").write_text("x,kind\n" + "".join(f"{x:.3f},{kind}\n" for x, kind in rows))
    usual = ("crossval", "linear", "--data", "rows.csv", "--target", "kind", "--epochs", 3, "--folds", 3)
    assert fathom(*usual, "--out", "plain").code == 0
    result = fathom(*usual, "--balance", how, "--out", "balanced")
    assert result.code == 0, result.err
    path = _study("balanced")
    rows = _rows(path)
    assert {read_config(path / row["run"]).data.balance for row in rows} == {how}

    def recall(root):  # of the rare class: what balancing is for
        pages = [json.loads((_study(root) / row["run"] / "evaluation.json").read_text()) for row in rows]
        return sum(next(c["recall"] for c in page["per_class"] if c["class"] == "rare") for page in pages) / 3

    assert recall("balanced") > recall("plain")


def test_a_text(fathom):
    Path("book.txt").write_text("the cat sat on the mat and the dog lay on the log. " * 120)
    result = fathom("crossval", "gru", "--data", "book.txt", "--epochs", 1, "--folds", 2, "--set",
                    "model.options.hidden=8", "--set", "data.options.steps=16")  # fmt: skip
    assert result.code == 0, result.err
    assert "contiguous blocks" in result.out
    assert all(float(row["perplexity"]) > 1 for row in _rows(_study()))
    twice = fathom("crossval", "gru", "--data", "book.txt", "--epochs", 1, "--repeats", 2)
    assert twice.code == 2
    assert "leave out --repeats" in twice.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mlp", "--folds", 1), "at least 2 folds"),
        (("mlp", "mlp"), "named twice"),
        (("mlp", "lennet"), "did you mean"),
        (("mlp", "--fold", 3), "did you mean '--folds'"),
        (("mlp", "--overfit-batches", 2), "unknown option '--overfit-batches'"),
        (("mlp", "--set", "training.fast_dev_run=true"), "leave out --fast-dev-run"),
        (("mlp", "--set", "data.fold.index=0", "--set", "data.fold.of=3"), "data.fold is already set"),
        (("mlp", "--folds", 2000), "2000 folds of 1438 samples"),
        (("mlp", "gru"), "gru reads texts"),
        (("mlp", "--resume", "last"), "remove mlp"),
        (("--resume", "last", "--folds", 3), "remove --folds"),
        (("--resume", "last"), "there is no run in runs yet"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(fathom, arguments, message):
    result = fathom("crossval", *arguments)
    assert result.code == 2
    assert message in result.error
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stop_at_any_moment_loses_no_fold(start_fathom, fathom, tmp_path, signum):
    options = ("--data", "digits", "--epochs", 3, "--folds", 4)
    process = start_fathom("crossval", "mlp", *options, "--out", "stopped")
    for line in process.stdout:
        if "fold 2/4" in line:
            break
    time.sleep(0.02)
    process.send_signal(signum)
    _, err = process.communicate()
    assert process.returncode == (-9 if signum == signal.SIGKILL else 128 + signum)
    if signum != signal.SIGKILL:
        assert "fathom crossval --resume stopped/" in err
    path = _study("stopped")
    resumed = fathom("crossval", "--resume", path)
    assert resumed.code == 0, resumed.err
    whole = fathom("crossval", "mlp", *options, "--out", "whole")
    assert whole.code == 0
    losses = [[row["loss"] for row in _rows(_study(root))] for root in ("stopped", "whole")]
    assert losses[0] == losses[1]

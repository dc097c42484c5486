"""findings.json: what a run that went well, one that diverged, one that memorised and one that guesses leave behind."""

import json
import os
import signal

import numpy as np
import pytest

from fathom.data.arrays import Arrays
from fathom.errors import FathomError
from fathom.findings import Finding, NotChecked, by_severity
from fathom.recipes.train import resume, train
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.pages.report import write_report
from fathom.settings.settings import Settings
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged
from fathom.training.signals import Interrupted


def config(model="softmax", data="digits", **training):
    return Settings({"model": {"name": model}, "data": {"name": data}, "training": training})


def read(run):
    """The file as other programs see it, and by code."""
    content = json.loads((run / "findings.json").read_text())
    assert list(content) == ["schema", "findings", "not_checked"]
    assert content["schema"] == 2
    findings = [Finding.from_dict(each) for each in content["findings"]]
    assert findings == by_severity(findings)
    assert findings == list(RunReader(run).findings.findings)
    return {finding.code: finding for finding in findings}, [NotChecked.from_dict(c) for c in content["not_checked"]]


def only_run(root):
    (run,) = root.iterdir()
    return run


def test_a_run_that_went_well(tmp_path):
    run = train(config(epochs=3), root=tmp_path).path
    found, skipped = read(run)
    assert not skipped
    assert {finding.severity for finding in found.values()} == {"note"}
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert found["run.test_result"].evidence["accuracy"] == evaluation["accuracy"]
    assert found["run.extent"].evidence["epochs"] == 3
    page = (run / "report.html").read_text()
    assert found["run.extent"].sentence in page  # the report is written from them
    assert f'<li class="severity-note">{found["run.extent"].sentence}</li>' in page


def test_the_report_writes_them_anew_unless_it_goes_elsewhere(tmp_path):
    run = train(config(epochs=1), root=tmp_path / "runs").path
    before = (run / "findings.json").read_text()
    (run / "findings.json").unlink()
    write_report(run, tmp_path / "page.html")
    assert not (run / "findings.json").exists()
    write_report(run)
    assert (run / "findings.json").read_text() == before


def test_a_run_that_diverged_keeps_where_and_why(tmp_path):
    with pytest.raises(Diverged) as caught:
        train(config("linear", "synthetic_regression", epochs=3, optimizer="sgd", lr=1e9), root=tmp_path)
    run = only_run(tmp_path)
    found, skipped = read(run)
    finding = found["loss.not_finite"]
    assert finding == caught.value.finding
    assert (finding.severity, finding.evidence["lr"]) == ("error", 1e9)
    assert finding.place.startswith("step ")
    assert finding.cause
    assert "lower learning rate" in finding.remedy
    assert NotChecked("run.no_better_than_chance", "the test set has not been used") in skipped
    assert RunReader(run).run["message"] == finding.text == str(caught.value)
    page = write_report(run).read_text()
    assert page.count("loss is not finite at step") == 1
    assert read(run)[0]["loss.not_finite"] == finding  # a report made later loses nothing of it


def test_a_run_that_failed_otherwise(tmp_path):
    def break_off(plan):
        raise FathomError("the disk is full")

    with pytest.raises(FathomError, match="the disk is full"):
        train(config(epochs=1), root=tmp_path, on_start=break_off)
    found, _ = read(only_run(tmp_path))
    assert found["run.failed"].text == "The run failed: the disk is full"
    assert found["run.failed"].severity == "error"


def test_a_run_that_was_stopped_and_went_on(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, trainer, record):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        train(config(epochs=2), root=tmp_path, on_start=lambda plan: [Stop()])
    run = only_run(tmp_path)
    found, skipped = read(run)
    assert found["run.extent"].evidence["epochs"] == 1
    assert [check.code for check in skipped] == ["run.no_better_than_chance"]
    resume(run)
    found, skipped = read(run)
    assert found["run.extent"].evidence["epochs"] == 2
    assert not skipped


def make_noise(n=60, classes=2, seed=0):
    """Images and labels that have nothing to do with one another."""
    X = np.random.default_rng(seed).integers(0, 256, (n, 1, 8, 8)).astype(np.uint8)
    return X, (np.arange(n) % classes).astype(np.int64)


def noise_arrays(test_labels):
    X, y = make_noise()
    test, _ = make_noise(len(test_labels), seed=1)
    return Arrays(X, y, test, test_labels, ("odd", "even"))


def test_a_network_that_learns_noise_by_heart(tmp_path):
    contents = noise_arrays(make_noise(100, seed=1)[1])
    tree = {"model": {"name": "mlp"}, "data": {"name": "digits", "val": 0.3, "batch_size": 8},
            "training": {"epochs": 30, "optimizer": "adamw", "lr": 0.01}}  # fmt: skip
    run = train(Settings(tree), root=tmp_path, contents=contents).path
    found, _ = read(run)
    finding = found["fit.overfitting"]
    assert finding.severity == "warning"
    assert finding.evidence["last"] > 1.2 * finding.evidence["best"]
    assert finding.evidence["train_last"] < finding.evidence["train_then"]
    assert finding.evidence["best_epoch"] < finding.evidence["last_epoch"] == 30
    guess = found["run.no_better_than_chance"]
    assert guess.severity == "warning"
    assert guess.evidence["accuracy_of_guessing"] == 0.5
    assert guess.sentence in (run / "report.html").read_text()


def test_a_network_with_one_answer_for_all(tmp_path):
    X, _ = make_noise()
    contents = Arrays(X, np.where(np.arange(60) % 20, 1, 0), *make_noise(100, seed=1), ("odd", "even"))
    tree = {"model": {"name": "softmax"}, "data": {"name": "digits", "batch_size": 8}, "training": {"epochs": 1}}
    tree["training"] |= {"optimizer": "sgd", "lr": 1e-9}
    run = train(Settings(tree), root=tmp_path, contents=contents, on_start=lambda plan: prefer(plan, 1)).path
    found, _ = read(run)
    assert found["model.collapse"].evidence == {"class": "even", "classes": 2}
    assert found["run.no_better_than_chance"].evidence["accuracy"] == 0.5


def prefer(plan, label):
    """Give the last layer so large a bias for one class that no input can outweigh it."""
    import torch

    with torch.no_grad():
        list(plan.module.net.modules())[-1].bias[label] = 100.0
    return ()


def test_a_damaged_file_is_named(tmp_path):
    run = train(config(epochs=1), root=tmp_path).path
    (run / "findings.json").write_text('{"schema": 2, "findings": [{"code": "x"}], "not_checked": []}')
    with pytest.raises(FathomError, match=r"findings\.json is damaged: "):
        _ = RunReader(run).findings
    content = json.loads((run / "run.json").read_text()) | {"status": "failed", "failure": {"code": "loss.not_finite"}}
    (run / "run.json").write_text(json.dumps(content))
    with pytest.raises(FathomError, match=r"run\.json is damaged: failure is no finding"):
        write_report(run)

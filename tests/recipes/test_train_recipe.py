"""Training, resuming, evaluating and predicting as functions: what the commands do, from Python."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import fathom
from fathom.build.failures import explain, readable_failures
from fathom.runs.folder.lock import lock_run


def Settings(**sections):
    tree = {"model": {"name": "softmax"}, "training": {"epochs": 2}} | sections
    return fathom.Settings(tree)


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_five_lines_train_evaluate_and_predict(tmp_path):
    outcome = fathom.train(fathom.Settings({"model": {"name": "softmax"}, "training": {"epochs": 2}}))
    evaluation = fathom.evaluate(outcome.path, "test")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("black.png")
    columns, rows = fathom.predict("last", ["black.png", "missing.png"], top=2)
    rows = list(rows)

    assert outcome.path.parent.name == "runs"
    assert outcome.report.is_file()
    assert len(outcome.records) == 2
    assert evaluation["accuracy"] == outcome.evaluation["accuracy"]
    assert columns == ["file", "label", "probability", "label_2", "probability_2", "error"]
    assert set(rows[0]) == set(columns)
    assert isinstance(rows[0]["probability"], float)
    assert set(rows[1]) == {"file", "error"}


def test_nothing_is_printed(capsys):
    fathom.train(Settings(), root="elsewhere")
    assert capsys.readouterr() == ("", "")


def test_callbacks_can_be_given_and_see_the_plan():
    seen = []

    class Count(fathom.Callback):
        def on_step_end(self, trainer):
            seen.append(trainer.step)

    plans = []
    outcome = fathom.train(Settings(), on_start=lambda plan: plans.append(plan) or [Count()])
    (plan,) = plans
    assert seen == list(range(1, 43))
    assert plan.path == outcome.path
    assert (plan.config.training.epochs, plan.data.name, plan.notes) == (2, "digits", ())


def test_an_error_of_a_callback_marks_the_run_failed_and_passes_through():
    class Break(fathom.Callback):
        def on_step_end(self, trainer):
            raise ZeroDivisionError("by design")

    paths = []
    with pytest.raises(ZeroDivisionError, match="by design"):
        fathom.train(Settings(), on_start=lambda plan: paths.append(plan.path) or [Break()])
    run = json.loads((paths[0] / "run.json").read_text())
    assert (run["status"], run["message"]) == ("failed", "ZeroDivisionError: by design")


def test_an_error_while_judging_marks_the_run_failed(monkeypatch):
    def fail(*arguments):
        raise fathom.FathomError("no report today")

    paths = []
    with monkeypatch.context() as patch:
        patch.setattr("fathom.build.run.open_split", fail)
        with pytest.raises(fathom.FathomError, match="no report today; once that is fixed, resume with: "):
            fathom.train(Settings(), on_start=lambda plan: paths.append(plan.path) or [])
    assert json.loads((paths[0] / "run.json").read_text())["status"] == "failed"
    assert fathom.resume(paths[0]).evaluation["accuracy"] > 0.8  # only the evaluating was left to do


def test_memory_that_runs_out_is_one_line():
    class Break(fathom.Callback):
        def on_step_end(self, trainer):
            torch.empty(1 << 60)

    with pytest.raises(fathom.FathomError) as caught:
        fathom.train(Settings(), on_start=lambda plan: [Break()])
    assert str(caught.value).startswith("out of memory; try a smaller --batch-size")


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")])
def test_every_kind_of_memory_error_is_known(error):
    assert str(explain(error)).startswith("out of memory; ")


def test_errors_that_are_not_the_machine_s_pass_unchanged():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert explain(error) is None
    with pytest.raises(RuntimeError, match="mat1"), readable_failures():
        raise error
    line = fathom.UsageError("no")
    assert explain(line) is line


def test_a_run_is_held_by_one_process_at_a_time(tmp_path):
    code = f"""
from pathlib import Path
from fathom.runs.folder.lock import lock_run
try:
    with lock_run(Path({str(tmp_path)!r})): print("held")
except Exception as error: print(error)
"""

    def try_elsewhere():
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    with lock_run(tmp_path):
        assert "another process is training this run" in try_elsewhere()
    assert try_elsewhere() == "held"


def test_resume_takes_a_name(tmp_path):
    class Stop(fathom.Callback):
        def on_step_end(self, trainer):
            if trainer.step == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fathom.train(
            Settings(training={"epochs": 2, "checkpoint_every_s": 1e-9}),
            on_start=lambda plan: [Stop()],
        )
    notes = []
    outcome = fathom.resume("last", on_start=lambda plan: notes.extend(plan.notes) or [])
    assert notes == ["resuming from checkpoints/last in epoch 1, after step 4"]  # of step 5 nothing was kept
    assert outcome.evaluation["num_samples"] == 359

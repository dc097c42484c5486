"""Stopping and going on: signals, kills, ``fathom train --resume``, and everything it refuses."""

import json
import os
import signal
import time

import pytest
import yaml

from fathom.cli import progress
from fathom.runs.folder.metrics import read_metrics
from fathom.runs.folder.schema import SCHEMA
from fathom.training import checkpoint
from fathom.training.callbacks import Callback
from fathom.training.progress import TrainingProgress

TIMES = {"samples_per_s", "elapsed_s"}
# All that carries state from step to step: average, dropout, batch-norm, augmentation, accumulation, schedule, moments.
EVERYTHING = [
    *["mlp", "--set", "data.options.size=16", "--set", "model.options.batch_norm=true", "--dropout", 0.3],
    *["--augment", "crop:padding=2", "--accumulate", 2, "--clip-norm", 1, "--ema", 0.9, "--label-smoothing", 0.1],
    *["--optimizer", "adamw", "--schedule", "cosine", "--warmup", 3, "--patience", 2, "--set", "training.log_every=3"],
]
SMALL = ["--set", "training.log_every=5", "--epochs", 3]


def read_records(run):
    return [{k: v for k, v in record.items() if k not in TIMES} for record in read_metrics(run / "metrics.jsonl")]


def read_run(run):
    return json.loads((run / "run.json").read_text())


def only_run(root):
    (run,) = (root / "runs").iterdir()
    return run


class RaiseSignal(Callback):
    """Signals its own process after a step."""

    def __init__(self, signum, step):
        self.signum, self.step = signum, step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            signal.raise_signal(self.signum)


@pytest.fixture
def stop_after(fathom, monkeypatch):
    """Run ``fathom train …`` and send it a signal after a step."""

    def run(signum, step, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(progress, "show_progress", lambda plan: [TrainingProgress(), RaiseSignal(signum, step)])
            return fathom("train", *arguments)

    return run


@pytest.fixture
def stopped(stop_after, tmp_path):
    """A run that SIGINT stopped in the middle of its second epoch."""
    assert stop_after(signal.SIGINT, 30, "softmax", *SMALL).code == 130
    return only_run(tmp_path)


def assert_equal_runs(run, other):
    for name in ("model.safetensors", "evaluation.json", "predictions.csv"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    records = read_records(run)
    assert records == read_records(other)
    keys = [(record["event"], record["step"]) for record in records]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("model", "signum", "code", "step"),
    [
        ("softmax", signal.SIGINT, 130, 1),
        ("softmax", signal.SIGTERM, 143, 21),  # the last of the first epoch
        ("lenet", signal.SIGINT, 130, 30),
    ],
)
def test_a_signal_saves_and_resume_gives_the_same_bits(model, signum, code, step, stop_after, fathom, tmp_path):
    result = stop_after(signum, step, model, *SMALL)
    run = only_run(tmp_path)
    assert result.code == code
    assert result.error.endswith(f"a checkpoint is saved; resume with: fathom train --resume runs/{run.name}")
    assert f"step {step}" in result.error
    assert read_run(run)["status"] == "stopped"
    assert not (run / "model.safetensors").exists()

    resumed = fathom("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert resumed.out.startswith("resuming from checkpoints/last in epoch ")
    assert f"after step {step}\n" in resumed.out
    assert (read_run(run)["status"], read_run(run)["message"]) == ("done", None)
    assert "resuming from" in (run / "log.txt").read_text()

    assert fathom("train", model, *SMALL, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


def test_resume_carries_all_state(stop_after, fathom, tmp_path):
    arguments = [*EVERYTHING, "--epochs", 3]
    assert stop_after(signal.SIGINT, 17, *arguments).code == 130
    run = only_run(tmp_path)
    assert fathom("train", "--resume", "last").code == 0
    assert fathom("train", *arguments, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


def test_a_run_can_be_stopped_again_and_again(stop_after, fathom, tmp_path):
    assert stop_after(signal.SIGINT, 10, "softmax", *SMALL).code == 130
    run = only_run(tmp_path)
    for step in (11, 35):
        assert stop_after(signal.SIGTERM, step, "--resume", "last").code == 143
        assert read_run(run)["status"] == "stopped"
    assert fathom("train", "--resume", run.name).code == 0
    assert fathom("train", "softmax", *SMALL, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


def test_a_second_ctrl_c_stops_at_once(fathom, tmp_path, monkeypatch):
    class Twice(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 30:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(progress, "show_progress", lambda plan: [Twice()])
    result = fathom("train", "softmax", *SMALL)
    assert (result.code, result.error) == (130, "stopped")
    assert read_run(only_run(tmp_path))["status"] == "stopped"


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def steps_recorded(root):
    return [record["step"] for file in root.glob("runs/*/metrics.jsonl") for record in read_records(file.parent)]


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_a_real_process(signum, code, start_fathom, fathom, tmp_path):
    options = ["softmax", "--epochs", 25, "--set", "training.log_every=5"]
    process = start_fathom("train", *options)
    wait_for(lambda: steps_recorded(tmp_path))
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    run = only_run(tmp_path)
    assert process.returncode == code, err
    assert err.startswith("fathom: stopped ")
    assert len(err.splitlines()) == 1
    assert fathom("train", "--resume", run).code == 0
    assert fathom("train", *options, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


def test_a_killed_run_goes_on_from_its_last_checkpoint(start_fathom, fathom, tmp_path):
    options = ["softmax", "--epochs", 25, "--set", "training.log_every=5"]
    process = start_fathom("train", *options, "--set", "training.checkpoint_every_s=0.05")
    wait_for(lambda: len(steps_recorded(tmp_path)) > 15)
    process.kill()
    process.wait()
    run = only_run(tmp_path)
    assert read_run(run)["status"] == "running"
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"event": "step", "st')  # as a kill in the middle of a write leaves it
    before = (run / "metrics.jsonl").read_bytes()
    resumed = fathom("train", "--resume", "last")
    assert resumed.code == 0, resumed.err
    assert (run / "metrics.jsonl").read_bytes().startswith(before + b'\n{"event": "resume", "step": ')
    assert fathom("train", *options, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


@pytest.mark.parametrize(  # step 10 has a record, 21 is the epoch's last
    ("event", "step"), [("on_log", 10), ("on_step_end", 21), ("on_log", 21), ("on_epoch_end", 21)]
)
def test_a_run_that_breaks_anywhere_goes_on_exactly(event, step, fathom, tmp_path, monkeypatch):
    class Break(Callback):
        def end(self, trainer, *_):
            if trainer.step >= step:
                raise ZeroDivisionError

    setattr(Break, event, Break.end)
    options = ["softmax", "--epochs", 2, "--set", "training.log_every=5"]
    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_progress", lambda plan: [Break()])
        result = fathom("train", *options, "--set", "training.checkpoint_every_s=1e-9")
    assert (result.code, result.error[:28]) == (1, "unexpected ZeroDivisionError")
    run = only_run(tmp_path)
    assert (read_run(run)["status"], read_run(run)["message"]) == ("failed", "ZeroDivisionError: ")
    edit_config(run, "training", checkpoint_every_s=60.0)  # every step takes long
    assert fathom("train", "--resume", run).code == 0
    assert fathom("train", *options, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(fathom, tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(28, "No space left on device")

    class FillDisk(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 30:
                monkeypatch.setattr("os.fsync", refuse)

    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_progress", lambda plan: [FillDisk()])
        result = fathom("train", "softmax", *SMALL)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    run = only_run(tmp_path)
    assert result.code == 1
    assert result.error.startswith(f"cannot write runs/{run.name}/checkpoints/best: no space left on device; free ")
    assert result.error.endswith(f"; once that is fixed, resume with: fathom train --resume runs/{run.name}")
    assert not list(run.rglob("*tmp*"))
    assert fathom("train", "--resume", "last").code == 0
    assert fathom("train", "softmax", *SMALL, "--out", "whole/runs").code == 0
    assert_equal_runs(run, only_run(tmp_path / "whole"))


def test_a_finished_run_is_not_resumed(trained, fathom):
    result = fathom("train", "--resume", trained.path)
    assert (result.code, result.out) == (1, "")
    assert result.error == f"{trained.path}: this run is finished; --init-from {trained.path} goes on from its weights"


def test_a_run_that_is_trained_right_now_is_not_resumed(stopped, fathom):
    from fathom.runs.folder.lock import lock_run

    with lock_run(stopped):
        result = fathom("train", "--resume", stopped)
    assert result.code == 1
    assert result.error == f"{stopped}: another process is training this run; wait for it or stop it first"


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("nowhere", 2, "there is no run folder nowhere"),
        ("a/nowhere", 2, "there is no run folder a/nowhere"),
        ("last", 2, "there is no run in runs yet"),
        (".", 1, ".: not a run folder: it has no config.yaml"),
    ],
)
def test_what_is_no_run_is_not_resumed(name, code, message, fathom, tmp_path):
    result = fathom("train", "--resume", name)
    assert (result.code, result.out) == (code, "")
    assert result.error.startswith(message)
    assert os.listdir(tmp_path) == []


def snapshot(run):
    return {
        str(p): p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file() and p.name not in ("log.txt", ".lock")
    }


def edit_config(run, section, **values):
    tree = yaml.safe_load((run / "config.yaml").read_text())
    tree[section].update(values)
    (run / "config.yaml").write_text(yaml.safe_dump(tree))


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        ("model", {"name": "mlp"}, "made for another architecture"),
        ("training", {"epochs": 5}, "its run takes 63 steps, this one 105"),
        ("data", {"batch_size": 32}, "its run takes 63 steps, this one 123"),
        ("training", {"optimizer": "sgd"}, "made with the optimiser AdamW, not SGD"),
    ],
)
def test_an_edited_run_is_refused_and_left_as_it_was(section, values, words, stopped, fathom):
    edit_config(stopped, section, **values)
    before = snapshot(stopped)
    result = fathom("train", "--resume", stopped)
    assert result.code == 1
    assert words in result.error
    assert snapshot(stopped) == before


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "flipped":
        content[len(content) // 2] ^= 1
    elif how == "emptied":
        content = b""
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("state.safetensors", "truncated"),
        ("state.safetensors", "flipped"),
        ("state.safetensors", "emptied"),
        ("state.json", "truncated"),
        ("state.json", "flipped"),
        ("manifest.json", "truncated"),
        ("manifest.json", "emptied"),
    ],
)
def test_a_damaged_checkpoint_is_said_so_and_the_one_before_used(file, how, stopped, fathom, tmp_path):
    damage(stopped / "checkpoints" / "last" / file, how)
    result = fathom("train", "--resume", stopped)
    assert result.code == 0, result.err
    first, second = result.out.splitlines()[:2]
    assert first.startswith(f"checkpoint refused: {stopped}/checkpoints/last/")
    assert second == "resuming from checkpoints/previous in epoch 2, after step 21"
    assert first in (stopped / "log.txt").read_text()
    if (file, how) == ("state.json", "flipped"):
        assert fathom("train", "softmax", *SMALL, "--out", "whole/runs").code == 0
        assert_equal_runs(stopped, only_run(tmp_path / "whole"))


def test_without_a_whole_checkpoint_it_is_one_line(stopped, fathom):
    for name in ("last", "previous"):
        damage(stopped / "checkpoints" / name / "state.safetensors", "flipped")
    before = snapshot(stopped)
    result = fathom("train", "--resume", stopped)
    assert result.code == 1
    assert "checkpoints/last/state.safetensors: " in result.error
    assert "checkpoints/previous/state.safetensors: " in result.error
    assert snapshot(stopped) == before


def test_a_run_without_checkpoint_is_one_line(stopped, fathom):
    import shutil

    shutil.rmtree(stopped / "checkpoints")
    result = fathom("train", "--resume", stopped)
    assert result.code == 1
    assert result.error.endswith("there is no checkpoint to resume from; the run stopped before its first one")


def raise_schema(path):
    if path.suffix == ".yaml":
        path.write_text(path.read_text().replace(f"schema: {SCHEMA}", "schema: 9"))
    else:
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"schema": 9}))


@pytest.mark.parametrize("file", ["config.yaml", "run.json"])
def test_a_run_of_a_newer_fathom_is_refused(file, stopped, fathom):
    raise_schema(stopped / file)
    result = fathom("train", "--resume", stopped)
    assert result.code == 1
    assert file in result.error
    assert f"written by a newer Fathom (schema 9, this one reads {SCHEMA}); upgrade fathom" in result.error


def test_a_checkpoint_of_a_newer_fathom_is_refused(stopped, fathom):
    for name in ("last", "previous"):
        raise_schema(stopped / "checkpoints" / name / "manifest.json")
    result = fathom("train", "--resume", stopped)
    assert result.code == 1
    assert f"written by a newer Fathom (schema 9, this one reads {checkpoint.SCHEMA})" in result.error


def test_other_choices_than_at_the_beginning_are_told(stopped, fathom):
    run = read_run(stopped)
    run["choices"]["precision"] = "fp16 (another machine)"
    (stopped / "run.json").write_text(json.dumps(run))
    result = fathom("train", "--resume", stopped)
    assert result.code == 0
    assert result.out.startswith("not exact to the bit: the execution has changed: precision fp16 → ")

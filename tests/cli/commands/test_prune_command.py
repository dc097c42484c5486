"""``fathom prune`` from end to end: a smaller run that every other command takes for an ordinary one."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

import fathom as library
from fathom.inference.saved import load_module
from fathom.recipes.prune import Finetuning
from fathom.runs.folder.reader import RunReader
from fathom.training.callbacks import Callback
from fathom.training.signals import Interrupted

CHANNELS = ("--amount", 0.5, "--structured", "channels")


@pytest.fixture(scope="module")
def pruned(_trained, tmp_path_factory):
    """The finished run with half its channels gone, one epoch of fine-tuning."""
    root = tmp_path_factory.mktemp("pruned")
    outcome = library.prune(_trained.path, 0.5, structured="channels", finetune=1, root=root)
    return outcome.path


def test_half_the_channels_go(fathom, trained, tmp_path):
    before = sorted((p, p.stat().st_mtime_ns) for p in trained.path.rglob("*"))
    result = fathom("prune", trained.path, *CHANNELS, "--finetune", 1, "--out", tmp_path / "new")
    assert result.code == 0, result.err
    (path,) = (tmp_path / "new").iterdir()
    net = load_module(path)[0].net
    assert [net[i].out_channels for i in (0, 3)] == [3, 8]
    assert [net[i].out_features for i in (7, 9, 11)] == [60, 42, 10]
    for line in ("before", "pruned", "fine-tuned", "Validation accuracy", "Left whole: 11", "evaluated once"):
        assert line in result.out
    assert "15,738" in result.out
    assert sorted((p, p.stat().st_mtime_ns) for p in trained.path.rglob("*")) == before


def test_the_result_is_an_ordinary_run(fathom, trained, pruned, tmp_path):
    record = RunReader(pruned).pruning
    shown = json.loads(fathom("eval", pruned, "--split", "val", "--json").out)
    assert shown["accuracy"] == record["stages"]["finetuned"]["accuracy"]
    assert fathom("report", pruned).code == 0
    page = (pruned / "report.html").read_text(encoding="utf-8")
    assert 'id="pruning"' in page
    assert "Left whole: 11" in page
    assert fathom("compare", trained.path, pruned).code == 0
    image = next((pruned / "mistakes").glob("*.png"), None)
    if image is not None:
        assert fathom("predict", pruned, image).code == 0
    pytest.importorskip("onnx")
    assert fathom("export", pruned, "--format", "torch", "--out", tmp_path / "model.pt2").code == 0


@pytest.mark.slow
def test_a_pruned_run_is_pruned_again(fathom, pruned, tmp_path):
    result = fathom("prune", pruned, *CHANNELS, "--finetune", 0, "--criterion", "l1", "--out", tmp_path)
    assert result.code == 0, result.err
    (path,) = tmp_path.iterdir()
    net = load_module(path)[0].net
    assert [net[0].out_channels, net[3].out_channels, net[3].in_channels] == [2, 4, 2]  # 3 - int(1.5)
    record = RunReader(path).pruning
    assert set(record["stages"]) == {"before", "pruned"}
    assert json.loads((path / "run.json").read_bytes())["status"] == "done"
    assert "0 epochs" in (path / "report.html").read_text(encoding="utf-8")
    assert fathom("eval", path).code == 0


def test_weights_stay_zero(fathom, trained, tmp_path):
    result = fathom("prune", trained.path, "--amount", 0.8, "--finetune", 1, "--out", tmp_path)
    assert result.code == 0, result.err
    (path,) = tmp_path.iterdir()
    stages = RunReader(path).pruning["stages"]
    assert stages["pruned"]["zeros"] == stages["finetuned"]["zeros"] == round(0.8 * stages["pruned"]["weights"])
    assert "dense kernels multiply by zero" in result.out
    moved = load_module(path)[0].state_dict()["net.0.weight"]
    assert not torch.equal(moved, load_module(trained.path)[0].state_dict()["net.0.weight"])


class StopAt(Callback):
    """End the run as Ctrl-C does, at a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("structured", [pytest.param("channels", marks=pytest.mark.slow), None])
def test_resumed_fine_tuning_is_exact(trained, tmp_path, structured):
    whole = library.prune(trained.path, 0.5, structured=structured, finetune=2, root=tmp_path / "whole").path
    stopped = Finetuning(2, on_start=lambda plan: [StopAt(30)])
    with pytest.raises(Interrupted):
        library.prune(trained.path, 0.5, structured=structured, finetune=stopped, root=tmp_path / "cut")
    (cut,) = (tmp_path / "cut").iterdir()
    assert "finetuned" not in RunReader(cut).pruning["stages"]
    library.resume(cut)
    assert (cut / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert RunReader(cut).pruning["stages"] == RunReader(whole).pruning["stages"]
    assert "fine-tuned" in (cut / "report.html").read_text(encoding="utf-8")


def test_interrupted_before_training_leaves_nothing(trained, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("fathom.recipes.prune.time_models", stop)
    with pytest.raises(KeyboardInterrupt):
        library.prune(trained.path, 0.5, root=tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--amount", "0"], "--amount must be above 0 and below 1"),
        (["--amount", "1"], "not a number of at least 0 and below 1"),
        ([], "--amount"),
        (["--amount", "0.5", "--structured", "chanels"], "did you mean 'channels'"),
        (["--amount", "0.5", "--criterion", "l1"], "is for channels"),
        ([*map(str, CHANNELS), "--criterion", "batch_norm"], "the channels of 0 have no batch norm"),
        ([*map(str, CHANNELS), "--scope", "globl"], "did you mean 'global'"),
        (["--amount", "0.001", "--structured", "channels"], "removes no channel"),
        ([*map(str, CHANNELS), "--finetune", "-1"], "whole number of at least 0"),
    ],
)
def test_wrong_usage(fathom, trained, tmp_path, arguments, message):
    result = fathom("prune", trained.path, *arguments, "--out", tmp_path / "new")
    assert result.code == 2
    assert message in result.error
    assert not (tmp_path / "new").exists()


def test_a_network_without_channels_to_take(fathom, tmp_path):
    assert fathom("train", "softmax", "--epochs", 1).code == 0
    result = fathom("prune", "last", *CHANNELS)
    assert result.code == 2
    assert "belongs to the network's input or output" in result.error
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_damaged_runs_are_named(fathom, trained_copy):
    (trained_copy / "model.safetensors").write_bytes(b"\0" * 40)
    result = fathom("prune", trained_copy, *CHANNELS)
    assert result.code == 1
    assert "model.safetensors" in result.error
    shutil.copy(trained_copy / "model.json", trained_copy / "prune.json")
    assert "lacks stages or times" in fathom("report", trained_copy).error


def test_altered_widths_are_refused(fathom, pruned, tmp_path):
    copy = Path(shutil.copytree(pruned, tmp_path / "copy"))
    description = json.loads((copy / "model.json").read_bytes())
    description["model"]["options"]["widths"]["0"] = [4, 1]
    (copy / "model.json").write_text(json.dumps(description), encoding="utf-8")
    assert "made for another architecture" in fathom("eval", copy).error
    description["model"]["options"]["widths"]["0"] = ["many", 1]
    (copy / "model.json").write_text(json.dumps(description), encoding="utf-8")
    assert "widths of layer 0" in fathom("eval", copy).error


@pytest.mark.slow
def test_tables_and_texts(fathom, tmp_path):
    rows = "".join(f"{i % 7},{i % 5},{'yes' if i % 7 > i % 5 else 'no'}\n" for i in range(200))
    (tmp_path / "t.csv").write_text("a,b,bigger\n" + rows, encoding="utf-8")
    assert fathom("train", "--data", "t.csv", "--target", "bigger", "--epochs", 1).code == 0
    result = fathom("prune", "last", *CHANNELS, "--finetune", 1)
    assert result.code == 0, result.err
    assert fathom("predict", "last", "t.csv").code == 0
    (tmp_path / "t.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 80, encoding="utf-8")
    assert fathom("train", "gru", "--data", "t.txt", "--epochs", 1, "--set", "model.options.hidden=16").code == 0
    result = fathom("prune", "last", *CHANNELS, "--finetune", 1)
    assert result.code == 0, result.err
    assert "validation perplexity" in result.out
    assert fathom("generate", "last", "--prefix", "the ", "--length", 8).code == 0


def test_an_untrained_network_is_no_run(fathom, tmp_path):
    result = fathom("train", "--set", "training.epochs=0")
    assert result.code == 2
    assert "weights stay random" in result.error


@pytest.mark.slow
def test_killed_while_fine_tuning(start_fathom, fathom, trained, tmp_path):
    process = start_fathom("prune", trained.path, *CHANNELS, "--finetune", 40, "--out", tmp_path / "new")
    until = time.monotonic() + 120
    while not list((tmp_path / "new").glob("*/checkpoints/last")) and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    (path,) = (tmp_path / "new").iterdir()
    result = fathom("train", "--resume", path)
    assert result.code == 0, result.err
    assert "fine-tuned" in result.out
    assert list(path.rglob(".fathom.tmp-*")) == []

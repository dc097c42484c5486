"""A run watches itself: nothing changes by it, planted faults are found, healthy runs are left in peace."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import fathom
from fathom.doctor.run_folder import examine_run
from fathom.errors import FathomError
from fathom.runs.folder.probes import read_probes
from fathom.runs.folder.reader import RunReader
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import load_latest

# and what is gathered over several probes, which a resumed run begins anew
TIMES = ("elapsed_s", "samples_per_s", "interval_s", "wait_s", "units", "batches", "memory")
CPU = {"device": "cpu", "threads": 1}


def train(root: Path, doctor: str = "light", model: str = "mlp", **training) -> fathom.TrainedRun:
    tree = {
        "model": {"name": model},
        "data": {"name": "digits"},
        "training": {"epochs": 3, "doctor": doctor} | training,
    }
    return fathom.train(tree | {"execution": CPU}, root=root)


def above_notes(path: Path) -> set[str]:
    return {f.code for f in examine_run(path).findings if f.severity != "note"}


def without_times(records: list[dict]) -> list[dict]:
    return [{key: value for key, value in record.items() if key not in TIMES} for record in records]


@pytest.mark.parametrize(
    "training",
    [
        {"doctor": "full", "accumulate": 2, "clip_norm": 1.0, "ema": 0.9, "log_every": 7},
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"optimizer": "sgd", "label_smoothing": 0.1, "l1": 1e-5}, marks=pytest.mark.slow),
    ],
)
def test_losses_weights_and_random_state_are_the_same_to_the_bit(tmp_path, training):
    tree = {"model": {"name": "lenet", "options": {}}, "data": {"name": "digits", "augment": "crop:padding=1"}}
    runs = [
        fathom.train(
            tree | {"training": {"epochs": 2, "doctor": "off"} | extra, "execution": CPU}, root=tmp_path / name
        )
        for name, extra in (("off", training | {"doctor": "off"}), ("on", {"doctor": "light"} | training))
    ]
    assert without_times(runs[0].records) == without_times(runs[1].records)
    states = [load_latest(run.path / "checkpoints")[0] for run in runs]
    for name, weight in states[0]["module"].items():
        assert torch.equal(weight, states[1]["module"][name])
    assert torch.equal(states[0]["random"]["torch"], states[1]["random"]["torch"])
    assert states[0]["random"]["python"] == states[1]["random"]["python"]
    assert not (runs[0].path / "probes.jsonl").exists()
    assert read_probes(runs[1].path / "probes.jsonl")


class StopAt(Callback):
    """Ends the training as a kill or a full disk would: in the middle of an epoch."""

    def __init__(self, step: int, checkpoint_at: int) -> None:
        self.step, self.checkpoint_at = step, checkpoint_at

    def on_step_start(self, trainer):
        if trainer.step == self.checkpoint_at:
            for callback in trainer.callbacks:
                if isinstance(callback, fathom.Checkpointing):
                    callback.save(trainer)
        if trainer.step == self.step:
            raise FathomError("the disk is full")


def test_a_resumed_run_has_the_probes_of_one_that_never_stopped(tmp_path):
    tree = {"model": {"name": "mlp"}, "training": {"epochs": 4, "log_every": 5, "checkpoint_every_s": 1e6}}
    whole = fathom.train(tree | {"execution": CPU}, root=tmp_path, name="whole")
    with pytest.raises(FathomError, match="disk is full"):
        fathom.train(tree | {"execution": CPU}, root=tmp_path, name="parted", on_start=lambda run: [StopAt(33, 28)])
    parted = fathom.resume(tmp_path / "parted")
    assert without_times(whole.records) == without_times(parted.records)
    probes = [
        [e for e in without_times(read_probes(run.path / "probes.jsonl")) if e["event"] == "probe"]
        for run in (whole, parted)
    ]
    assert probes[0] == probes[1]
    assert any('"resume"' in line for line in (parted.path / "probes.jsonl").read_text().splitlines())


def test_a_probe_has_the_norms_of_the_step(tmp_path):
    """Against a training written out: gradients before clipping, update and weights of the first step."""
    run = train(tmp_path, optimizer="sgd", schedule="constant", lr=0.1, epochs=1, clip_norm=1e-3, weight_decay=0.0)
    events = read_probes(run.path / "probes.jsonl")
    start, probe = events[0], next(event for event in events if event["event"] == "probe")
    from fathom.build.plan import draft

    plan = draft(run.config)
    net = plan.module
    X, y = next(iter(plan.data.train_dataloader()))
    net.train()
    outputs = []
    first = net.get_submodule("net." + start["layers"][0])
    first.register_forward_hook(lambda layer, inputs, output: outputs.append(output[:64].detach().numpy()))
    net.training_step((X, y))["loss"].backward()
    found = np.histogram(outputs[0], np.linspace(-4, 4, 17) * outputs[0].std() + outputs[0].mean())[0] / outputs[0].size
    assert probe["output_histogram"][0] == pytest.approx(found, abs=0.03)  # of a sample of them
    assert sum(probe["output_histogram"][0]) == pytest.approx(1, abs=0.01)
    assert 0 < probe["memory"]["bytes"] <= probe["memory"]["peak_bytes"]
    named = {name.removeprefix("net."): p for name, p in net.named_parameters()}
    assert start["parameters"] == list(named)
    total = math.sqrt(sum(float(p.grad.norm()) ** 2 for p in named.values()))
    for i, p in enumerate(named.values()):
        assert probe["gradient"][i] == pytest.approx(float(p.grad.norm()), rel=1e-3)
        assert probe["gradient_size"][i] == pytest.approx(float(p.grad.abs().mean()), rel=1e-3)
        assert probe["gradient_variance"][i] == pytest.approx(float(p.grad.var(correction=0)), rel=1e-2, abs=1e-12)
        clipped = 0.1 * p.grad * 1e-3 / total
        assert probe["update"][i] == pytest.approx(float(clipped.norm()), rel=1e-2, abs=1e-9)


# Planted faults ------------------------------------------------------------------------------------------------------


class DoubleSoftmax(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(28 * 28, 32), nn.ReLU(), nn.Linear(32, 10), nn.Softmax(1))


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.spare, self.last = nn.Linear(784, 32), nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.last(torch.relu(self.first(x.flatten(1))))


class Detached(Unused):
    def forward(self, x):
        return self.last(torch.relu(self.spare(self.first(x.flatten(1)).detach())))


class Deep(nn.Sequential):
    def __init__(self):
        layers = [part for _ in range(8) for part in (nn.Linear(32, 32), nn.Sigmoid())]
        super().__init__(nn.Flatten(), nn.Linear(784, 32), nn.Sigmoid(), *layers, nn.Linear(32, 10))


@pytest.mark.parametrize(
    ("net", "code"),
    [
        (DoubleSoftmax, "loss.softmax_before_cross_entropy"),
        pytest.param(Unused, "model.layer_unused", marks=pytest.mark.slow),
        pytest.param(Detached, "model.detached_graph", marks=pytest.mark.slow),
        (Deep, "gradient.vanishing"),
    ],
)
def test_faults_of_a_network_of_ones_own_are_found(tmp_path, net, code):
    torch.manual_seed(0)
    run = fathom.train(net(), "digits", epochs=2, log_every=5, lr=1e-3, out=tmp_path, progress=False, **CPU)
    assert code in above_notes(run.path)
    found = json.loads((run.path / "findings.json").read_text())["findings"]
    assert code in {finding["code"] for finding in found}
    report = (run.path / "report.html").read_text()
    assert code in report
    assert "When it is wrong" in report


def test_a_rate_too_high_is_told_once_and_its_cure_is_a_setting(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FATHOM_PROGRESS", "on")
    run = fathom.train("lenet", "digits", epochs=4, log_every=5, lr=3.0, out=tmp_path, progress=True, **CPU)
    said = [line for line in capsys.readouterr().err.splitlines() if "lr.too_high" in line]
    assert len(said) == 1
    assert said[0].startswith("doctor: error: ")
    finding = next(f for f in examine_run(run.path).findings if f.code == "lr.too_high")
    assert finding.settings == {"training.lr": 0.005}  # the default of the network: a tenth of 3 is too high still
    assert finding.remedy == "--lr 0.005"


def test_a_rate_too_low(tmp_path):
    run = train(tmp_path, lr=1e-8, schedule="constant", epochs=2)
    assert "lr.too_low" in above_notes(run.path)


def test_what_the_beginning_of_a_full_watch_shows_stands_to_the_end(tmp_path):
    run = train(tmp_path, doctor="full", lr=1e-8, schedule="constant", epochs=1)
    places = {f.place for f in examine_run(run.path).findings if f.code == "fit.underfitting"}
    assert "one batch" in places
    assert "cannot be learned by heart" in (run.path / "findings.json").read_text()


class OtherRate(Callback):
    """Sets a rate of its own, behind the schedule's back."""

    def on_step_start(self, trainer):
        if trainer.step == 20:
            trainer.optimizer.param_groups[0]["lr"] *= 0.5


def test_a_rate_that_is_not_the_schedules(tmp_path):
    tree = {"model": {"name": "mlp"}, "training": {"epochs": 2, "schedule": "constant", "log_every": 7}}
    run = fathom.train(tree | {"execution": CPU}, root=tmp_path, on_start=lambda run: [OtherRate()])
    finding = next(f for f in examine_run(run.path).findings if f.code == "lr.schedule_rhythm")
    assert finding.evidence["lr"] == pytest.approx(0.5 * finding.evidence["planned_lr"])


def test_a_run_that_diverges_blames_the_rate(tmp_path):
    with pytest.raises(FathomError, match="not finite"):
        train(tmp_path, model="lenet", optimizer="sgd", lr=1e4, schedule="constant", log_every=2)
    (path,) = tmp_path.iterdir()
    codes = above_notes(path)
    assert "loss.not_finite" in codes
    finding = next(f for f in examine_run(path).findings if f.code == "loss.not_finite")
    assert finding.settings == {"training.lr": 0.1}


class Slow(torch.utils.data.Dataset):
    """Samples that take longer to read than to learn from."""

    classes = ("a", "b", "c")

    def __len__(self):
        return 240

    def __getitem__(self, i):
        time.sleep(0.001)
        return torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(i)), i % 3


def test_waiting_for_data(tmp_path):
    loader = torch.utils.data.DataLoader(Slow(), batch_size=8)
    run = fathom.train("softmax", loader, epochs=2, log_every=5, out=tmp_path, progress=False, **CPU)
    assert "speed.waiting_for_data" in above_notes(run.path)


# What is right -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [pytest.param("mlp", marks=pytest.mark.slow), "lenet"])
def test_healthy_runs_have_nothing_above_a_note(tmp_path, model):
    run = train(tmp_path, model=model, log_every=5)
    assert above_notes(run.path) == set()


@pytest.mark.slow
def test_tables_and_texts(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{a:.4f},{b:.4f},{2 * a - b + 0.1 * c:.4f}" for a, b, c in rng.normal(size=(400, 3))]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    (tmp_path / "t.txt").write_text(" ".join(rng.choice(["time", "machine", "traveller", "space"], 3000)))
    table = {"data": {"name": str(tmp_path / "t.csv"), "options": {"target": "y"}}, "training": {"epochs": 5}}
    text = {"data": {"name": str(tmp_path / "t.txt")}, "training": {"epochs": 1, "log_every": 5}}
    for tree in (table, text):
        run = fathom.train(tree | {"execution": CPU}, root=tmp_path / "runs")
        assert above_notes(run.path) == set(), tree


# Folders -------------------------------------------------------------------------------------------------------------


def test_what_is_judged_later_is_what_was_judged_then(tmp_path):
    run = train(tmp_path, lr=1e-8, schedule="constant", epochs=2)
    reader = RunReader(run.path)
    then = {f.code for f in reader.findings.findings}
    assert {f.code for f in examine_run(run.path).findings} >= then - {"run.extent"}


def test_a_folder_without_probes_is_judged_by_the_rest(tmp_path):
    run = train(tmp_path, doctor="off")
    found = examine_run(run.path)
    reasons = {check.code: check.reason for check in found.not_checked}
    assert reasons["gradient.vanishing"] == "the run has no probes.jsonl: it was trained with --doctor off"


def test_a_damaged_line_is_named(tmp_path):
    run = train(tmp_path)
    path = run.path / "probes.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[1:], ""]))
    with pytest.raises(FathomError, match=r"probes\.jsonl is damaged: line 2"):
        examine_run(run.path)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["forward", "step"])
def test_compiled_networks_are_watched_as_far_as_they_can_be_seen(tmp_path, mode):
    tree = {"model": {"name": "mlp"}, "training": {"epochs": 2}, "execution": CPU | {"compile": mode}}
    run = fathom.train(tree, root=tmp_path)
    off = fathom.train(tree | {"training": {"epochs": 2, "doctor": "off"}}, root=tmp_path)
    assert without_times(run.records) == without_times(off.records)
    probes = [event for event in read_probes(run.path / "probes.jsonl") if event["event"] == "probe"]
    assert all("update" in probe for probe in probes if "weight" in probe)
    assert ("gradient" in probes[0]) == (mode == "forward")
    assert "compile" in {c.code: c.reason for c in examine_run(run.path).not_checked}["model.dead_units"]

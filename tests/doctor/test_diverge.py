"""Two runs that part by one planted difference: the step and the kind of tensor are known beforehand."""

from __future__ import annotations

import json
import shutil

import pytest

import fathom
from fathom.cli.main import main
from fathom.doctor.diverge import diverge
from fathom.runs.folder.reader import RunReader
from fathom.settings.settings import Settings

RUNS = {
    "base": {},
    "again": {},
    "seed": {"seed": 1},
    "rate": {"training": {"lr": 0.06}},
    "momentum": {"training": {"momentum": 0.5}},
    "batch": {"data": {"batch_size": 32}},
    "augment": {"data": {"augment": "crop:padding=2"}},
    "dropout": {"model": {"options": {"dropout": 0.5}}},
    "smoothed": {"training": {"label_smoothing": 0.1}},
    "penalty": {"training": {"l1": 1e-4}},
    "init": {"training": {"init": "normal:0.01"}},
}
BASE = {
    "model": {"name": "mlp"},
    "data": {"name": "digits", "split_seed": 0},
    "training": {"epochs": 1, "optimizer": "sgd", "lr": 0.05, "schedule": "constant"},
    "execution": {"device": "cpu", "threads": 1},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run by its name, trained when it is first asked for."""
    root = tmp_path_factory.mktemp("runs")

    def get(name):
        if not (root / name).exists():
            fathom.train(Settings(BASE).under(RUNS[name]), root=root, name=name)
        return root / name

    return get


@pytest.mark.parametrize(
    ("other", "step", "kind", "setting"),
    [
        ("seed", 0, "initial weights", "seed"),
        ("dropout", 1, "output", "model.options.dropout"),
        ("rate", 1, "weight", "training.lr"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("init", 0, "initial weights", "training.init"),
                ("batch", 1, "batch", "data.batch_size"),
                ("augment", 1, "batch", "data.augment"),
                ("smoothed", 1, "loss", "training.label_smoothing"),
                ("penalty", 1, "weight", "training.l1"),
                # in the first step a buffer of momentum is the gradient itself
                ("momentum", 2, "weight", "training.momentum"),
            )
        ),
    ],
)
def test_the_first_step_and_tensor(run, other, step, kind, setting):
    found = diverge(run("base"), run(other))
    assert (found.step, found.tensors[0].kind) == (step, kind)
    assert setting in {difference.name for difference in found.differences}
    assert setting in found.finding().cause
    assert not found.notes


def test_equal_runs_are_equal_to_the_bit(run, capsys):
    assert diverge(run("base"), run("again")).is_equal
    assert main(["diverge", str(run("base")), str(run("again"))]) == 0
    assert "equal to the bit: " in capsys.readouterr().out
    assert RunReader(run("base")).probes


def test_the_command_says_what_and_why(run, capsys):
    assert main(["diverge", str(run("base")), str(run("rate"))]) == 1
    printed = capsys.readouterr().out
    assert "settings training.lr: 0.05 | 0.06" in printed
    assert "They part in step 1, first in the weight net." in printed
    assert main(["diverge", str(run("base")), str(run("rate")), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["equal"] is False
    assert content["findings"][0]["code"] == "diverge.first_step"


def test_from_the_folders_alone(run):
    found = diverge(run("base"), run("rate"), most_steps=0)
    assert found.step is None
    assert (found.parting.step, found.parting.name, found.parting.is_exact) == (2, "loss", True)


def test_records_that_cannot_be_made_again_are_told(run, tmp_path):
    """A run whose recorded losses are another machine's: its settings say nothing of why."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(run("again"), copy)
    path = copy / "probes.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["event"] == "probe" and line["step"] == 3:
            line["losses"] = [loss + 1e-6 for loss in line["losses"]]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = diverge(run("base"), copy)
    assert found.parting.step == 3
    assert found.step is None
    assert any("elsewhere cannot be made again here" in note for note in found.notes)
    assert any("trained again on this machine the two agree" in note for note in found.notes)


def test_weights_that_differ_under_equal_records(run, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "changed"
    shutil.copytree(run("again"), copy)
    file = copy / "model.safetensors"
    tensors = load_file(file)
    tensors["net.1.bias" if "net.1.bias" in tensors else sorted(tensors)[0]] += 1
    save_file(tensors, file)
    found = diverge(run("base"), copy)
    assert not found.is_equal
    assert found.finding().message == "All records are equal, but the weights that were kept are not"


def test_one_run_twice_is_refused(run, capsys):
    assert main(["diverge", str(run("base")), str(run("base"))]) == 1
    assert "is given twice" in capsys.readouterr().err

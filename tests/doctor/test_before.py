"""Before a training: planted faults of network and settings are found in one batch; what is right is left alone."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import fathom
from fathom.build.configure import configure
from fathom.build.plan import draft
from fathom.cli.main import main
from fathom.doctor.before import examine_before, examine_plan, foreign_gradient
from fathom.models.own_code import provided

CPU = {"device": "cpu", "threads": 1}


def found_in(tree, net=None):
    """Return the codes of warnings and errors; ``net`` is the network, given as an object."""
    name = tree.get("model", {}).get("name", "own")
    if net is None:
        _, findings = examine_before(tree | {"execution": CPU})
    else:
        with provided(net, name):
            _, findings = examine_before(tree | {"execution": CPU, "model": {"name": name}})
    return {finding.code for finding in findings.findings if finding.severity != "note"}


class Mixing(nn.Module):
    """Centres each feature by the mean over the batch."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        y = self.layer(x.flatten(1))
        return y - y.mean(0)


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.spare, self.last = nn.Linear(784, 32), nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.last(torch.relu(self.first(x.flatten(1))))


class Restless(nn.Module):
    """Drops in evaluation too."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        return self.layer(nn.functional.dropout(x.flatten(1), 0.5))


class DoubleSoftmax(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10), nn.Softmax(1))


DIGITS = {"data": {"name": "digits"}}


@pytest.mark.parametrize(
    ("net", "code"),
    [
        (Mixing, "model.samples_mixed"),
        pytest.param(Unused, "model.layer_unused", marks=pytest.mark.slow),
        pytest.param(Restless, "model.wrong_mode", marks=pytest.mark.slow),
        (DoubleSoftmax, "loss.softmax_before_cross_entropy"),
    ],
)
def test_faults_of_a_network(net, code):
    torch.manual_seed(0)
    assert code in found_in(DIGITS, net())


@pytest.mark.parametrize(
    ("training", "code"),
    [
        ({"init": "constant:0.1"}, "init.symmetric"),
        pytest.param({"init": "normal:2"}, "init.scale", marks=pytest.mark.slow),
        pytest.param({"lr": 1e-8}, "fit.underfitting", marks=pytest.mark.slow),
    ],
)
def test_faults_of_settings(training, code):
    assert code in found_in(DIGITS | {"model": {"name": "mlp"}, "training": training})


@pytest.mark.parametrize(
    "model", ["mlp", *(pytest.param(name, marks=pytest.mark.slow) for name in ("softmax", "lenet"))]
)
def test_what_is_right_is_left_alone(model):
    assert found_in(DIGITS | {"model": {"name": model}}) == set()


def test_nothing_is_changed_and_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = draft(configure(DIGITS | {"model": {"name": "mlp"}, "execution": CPU})).ready()
    weights = {name: weight.clone() for name, weight in plan.module.state_dict().items()}
    state = torch.get_rng_state()
    examine_plan(plan)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(weight, weights[name]) for name, weight in plan.module.state_dict().items())
    assert plan.module.training
    assert list(tmp_path.iterdir()) == []


def test_the_gradient_by_another_samples_input_is_exact():
    torch.manual_seed(0)
    x = torch.randn(6, 1, 4, 4)
    apart = fathom.Classifier(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), class_names=("a", "b", "c"))
    assert foreign_gradient(apart, x)["mixed"] is False
    assert foreign_gradient(apart, x)["other"] == 0
    mixed = fathom.Classifier(Mixing(), class_names=tuple("abcdefghij"))
    found = foreign_gradient(mixed, torch.randn(6, 1, 28, 28))
    # d(y_i − ȳ)/dx_j = −w/6 for each other sample, and 5/6 w for its own
    assert found["other"] == pytest.approx(found["own"] / 5, rel=1e-4)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--data", "digits", "mlp", "--device", "cpu"]) == 0
    assert "doctor   mlp on digits: data, and one batch in the network" in capsys.readouterr().out
    words = ["doctor", "mlp", "--data", "digits", "--init", "constant:0.1", "--device", "cpu", "--json", "f.json"]
    assert main(words) == 1
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["model"] == "mlp"
    assert "init.symmetric" in {finding["code"] for finding in content["findings"]}
    assert not (tmp_path / "runs").exists()


def test_pages_are_printed(capsys):
    assert main(["doctor", "--explain", "lr.too_high"]) == 0
    assert capsys.readouterr().out.startswith("# Learning rate too high")
    assert main(["doctor", "--explain", "lr.to_high"]) == 2
    assert "did you mean 'lr.too_high'?" in capsys.readouterr().err

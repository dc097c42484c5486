"""Seeds, splits, features that give the target away, labels that contradict their inputs."""

import json
import textwrap

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tests.doctor import programs as p
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import fathom
from fathom.doctor import runner
from fathom.doctor.checks import neighbours
from fathom.doctor.checks.samples import _best_intervals, _purity
from fathom.doctor.observer.observer import Observer
from fathom.doctor.observer.record import Record


def findings(train):
    with fathom.watch(show=False) as doctor:
        train()
    return {f.code: f for f in doctor.findings.findings}


@pytest.fixture
def of_script(tmp_path, monkeypatch):
    """What is said of a script from its beginning."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["fathom"])
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path[1:]])

    def run(seeds):
        text = f"""
            import os, random, time
            import numpy as np
            import torch
            {seeds}
            model = torch.nn.Linear(4, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            for step in range(4):
                optimizer.zero_grad()
                model(torch.ones(8, 4)).square().mean().backward()
                optimizer.step()
        """
        (tmp_path / "s.py").write_text(textwrap.dedent(text))
        assert runner.main(["out.json", "s.py"]) == 0
        content = json.loads((tmp_path / "out.json").read_text())
        return {f["code"]: f for f in content["findings"]}

    return run


@pytest.mark.parametrize(
    ("seeds", "place", "said"),
    [
        ("", "", "nothing has seeded: PyTorch"),
        ("torch.manual_seed(int(time.time()))", "s.py:5", "PyTorch gets another seed"),
        ("torch.manual_seed(0); np.random.default_rng()", "s.py:5", "default_rng() gets another seed"),
        ("torch.manual_seed(int.from_bytes(os.urandom(4), 'big'))", "s.py:5", "PyTorch gets another seed"),
        ("torch.rand(2); torch.manual_seed(0)", "s.py:5", "PyTorch before s.py:5"),
        ("torch.manual_seed(0); random.random()", "s.py:5", "Python s.py:5"),
        ("torch.manual_seed(0); np.random.seed(1); random.seed(2); random.random(); np.random.rand()", None, None),
        ("time.time(); np.random.default_rng(3); torch.manual_seed(0)", None, None),
    ],
)
def test_seeds(of_script, seeds, place, said):
    found = of_script(seeds).get("run.not_deterministic")
    if said is None:
        assert found is None
    else:
        assert found["severity"] == "note"
        assert found["place"] == place
        assert said in found["message"]


def test_a_split_without_a_seed_is_noted_and_one_with_a_seed_is_not(of_script):
    split = "from torch.utils.data import random_split; random_split(range(9), [6, 3]{})"
    assert of_script(split.format(""))["data.split_differs"]["place"] == "s.py:5"
    with_own = split.format(", generator=torch.Generator().manual_seed(0)")
    assert "data.split_differs" not in of_script(with_own)
    assert "data.split_differs" not in of_script("torch.manual_seed(0); " + split.format(""))


def folds(fresh):
    """Two folds; the network goes on from one to the next, or is made anew."""
    x, y = p.classes()
    data = TensorDataset(x, y)
    model = p.network()
    for k in range(2):
        order = torch.randperm(96, generator=torch.Generator().manual_seed(k)).tolist()
        train, val = Subset(data, order[:64]), Subset(data, order[64:])
        model = p.network() if fresh else model
        p.epochs(model, p.sgd(model), DataLoader(train, batch_size=16), DataLoader(val, batch_size=16))


def test_a_network_that_goes_on_under_another_split_is_an_error_and_folds_are_healthy():
    wrong = findings(lambda: folds(fresh=False))["data.split_differs"]
    assert wrong.severity == "error"
    assert "under another split" in wrong.message
    assert findings(lambda: folds(fresh=True)) == {}


def rows(kind):
    torch.manual_seed(0)
    x = torch.randn(96, 6)
    y = x[:, :3].argmax(1)
    if kind == "column":
        x[:, 4] = y + 0.1 * torch.rand(96)
    return x, y


def test_a_column_that_gives_the_class_away_is_noted():
    def train(kind):
        model = p.network()
        p.learn(model, p.sgd(model), data=rows(kind))

    found = findings(lambda: train("column"))["data.leakage"]
    assert found.severity == "note"
    assert found.evidence["feature"] == 4
    assert "data.leakage" not in findings(lambda: train("honest"))


def test_purity_is_that_of_the_best_intervals():
    counts = torch.tensor([[2.0, 0], [1, 1], [0, 3]])
    assert _best_intervals(counts) == 6  # both cuts beside the middle value are as good: 2 + 1 + 3
    x = torch.tensor([[0.0, 5], [1, 5], [2, 5], [3, 5]])
    assert _purity(x, torch.tensor([1, 1, 0, 0])).tolist() == [1.0, 0.0]
    # three classes of which the middle values mix
    labels = torch.tensor([0, 0, 1, 0, 1, 2, 2])
    best = max(
        sum((labels[:a] == 0).tolist()) + sum((labels[a:b] == 1).tolist()) + sum((labels[b:] == 2).tolist())
        for a in range(8)
        for b in range(a, 8)
    )
    counts = F.one_hot(labels, 3).float()
    assert _best_intervals(counts) == best


def test_one_input_with_two_labels_is_noted():
    x = torch.randn(96, 12)
    y = x[:, :3].argmax(1)
    x, y = torch.cat([x, x[:5]]), torch.cat([y, (y[:5] + 1) % 3])

    def train():
        model = nn.Linear(12, 3)
        p.epochs(model, p.sgd(model), DataLoader(TensorDataset(x, y), batch_size=16), p.loaders()[1], num_epochs=0)
        for xb, yb in DataLoader(TensorDataset(x, y), batch_size=16):
            F.cross_entropy(model(xb), yb).backward()

    assert findings(train)["data.label_noise"].evidence["inputs"] == 5


@pytest.mark.parametrize(("share", "is_noisy"), [(0.15, True), (0.0, False)])
def test_wrong_labels_are_told_by_sure_mistakes(share, is_noisy):
    torch.manual_seed(0)
    x = torch.randn(1200, 6)
    y = x[:, :3].argmax(1)
    swapped = torch.rand(1200) < share
    y[swapped] = (y[swapped] + 1) % 3

    def train():
        model = p.network()
        loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=50)
        p.epochs(
            model, p.sgd(model), loader, DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100), num_epochs=12
        )

    found = findings(train).get("data.label_noise")
    assert (found is not None) is is_noisy


@pytest.mark.parametrize(
    ("change", "code"),
    [("nothing", None), ("swap a fifth", "data.label_noise"), ("shuffle", "data.labels_shuffled")],
)
def test_labels_are_compared_with_those_of_neighbours(change, code):
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float) / 16, torch.tensor(digits.target)
    torch.manual_seed(0)
    if change == "shuffle":
        y = y[torch.randperm(len(y))]
    elif change != "nothing":
        swapped = torch.rand(len(y)) < 0.2
        y[swapped] = (y[swapped] + torch.randint(1, 10, (int(swapped.sum()),))) % 10
    record = Record(inputs=(torch.cat([x, x]), torch.cat([y, y])))  # two epochs: a sample is no neighbour of itself
    assert [f.code for f in neighbours.check(record)] == ([code] if code else [])


def test_the_watch_draws_nothing_itself():
    observer = Observer()
    observer.record.is_whole = True
    observer.start()
    model = p.network(dropout=0.5)
    optimizer = p.sgd(model)
    x = torch.linspace(-1, 1, 48).view(8, 6)
    model.eval()  # so that dropout draws nothing
    for _ in range(5):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
    assert set(observer.stop().unseeded) <= {"PyTorch"}  # seeded by the network's maker alone

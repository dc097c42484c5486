"""Scripts that are no ordinary training: one line each, and never a changed result."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
import torch
import torch.nn.functional as F
from tests.doctor import programs as p
from torch import nn

import fathom
from fathom.doctor import runner

LOOP = """
import sys, torch
torch.manual_seed(0)
x = torch.randn(64, 6)
y = x[:, :3].argmax(1)
model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
def train(steps):
    for step in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        print(loss.item().hex())
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a script under the doctor in this process; return its exit code and what was found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["fathom"])
    monkeypatch.setattr("sys.path", ["", *sys.path[1:]])

    def run(text):
        (tmp_path / "s.py").write_text(LOOP + textwrap.dedent(text))
        code = runner.main([str(tmp_path / "out.json"), "s.py"])
        content = json.loads((tmp_path / "out.json").read_text())
        assert content["own_failures"] == {}
        return code, content

    return run


def loud(content):
    return {f["code"] for f in content["findings"] if f["severity"] != "note"}


def reasons(content):
    return {check["reason"] for check in content["not_checked"]}


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("train(3)\nraise ValueError('no more')", 1, None),
        ("raise ValueError('at once')", 1, "the script failed before its first optimiser step"),
        ("print('nothing to do')", 0, "the optimiser never stepped"),
        ("del optimizer\nimport gc; gc.collect()", 0, "the optimiser never stepped"),
        ("train(3)\nsys.exit(5)", 5, None),
        ("train(3)\nsys.exit('out of data')", 1, None),
        ("sys.exit()", 0, "the optimiser never stepped"),
        ("train(3)\nfor i in range(3000): print('x' * 1000)", 0, None),
    ],
)
def test_ends_as_the_script_does(run, capfd, text, code, reason):
    found = run(text)
    assert found[0] == code
    assert loud(found[1]) == set()
    assert reason is None or reason in reasons(found[1])
    out = capfd.readouterr()
    if "ValueError" in text:
        assert out.err.strip().splitlines()[-1].startswith("ValueError: ")
        assert "doctor" not in out.err
    if "3000" in text:
        assert len(out.out) > 3_000_000  # all of it, and nothing of ours


def test_without_an_optimiser_it_says_so(run):
    text = """
    del optimizer
    for step in range(12):
        for parameter in model.parameters():
            parameter.grad = None
        torch.nn.functional.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
    """
    code, content = run(text)
    assert (code, loud(content)) == (0, set())
    assert "the optimiser never stepped" in reasons(content)


def test_a_training_in_another_process_is_named(run):
    _, content = run("import subprocess\nsubprocess.run([sys.executable, '-c', 'print(1)'], check=True)")
    assert content["subprocess"].startswith("s.py:")
    assert any("starts another, which is not observed" in reason for reason in reasons(content))


RANKS = """
import torch.distributed as dist, torch.multiprocessing as mp
def rank(number, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=number, world_size=2)
    net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(6, 3))
    own = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        own.zero_grad()
        torch.nn.functional.cross_entropy(net(x[number::2]), y[number::2]).backward()
        own.step()
    dist.destroy_process_group()
if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(rank, (folder,), nprocs=2, start_method="fork")
"""


def test_ranks_that_are_spawned_are_named(run):
    code, content = run(RANKS)
    assert code == 0
    assert content["subprocess"].startswith("s.py:")
    assert any("starts another" in reason for reason in reasons(content))


def test_a_rank_of_its_own_is_watched(run, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    text = """
    import torch.distributed as dist
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(model, torch.nn.Softmax(1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train(12)
    dist.destroy_process_group()
    """
    code, content = run(text)
    assert code == 0
    assert loud(content) == {"loss.softmax_before_cross_entropy"}


def test_two_networks_are_told_apart(run):
    text = """
    train(12)
    model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3), torch.nn.Softmax(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(12):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    """
    _, content = run(text)
    assert loud(content) == {"loss.softmax_before_cross_entropy"}
    assert content["networks"] == 2
    (finding,) = [f for f in content["findings"] if f["severity"] == "error"]
    assert finding["place"].startswith(f"s.py:{LOOP.count(chr(10)) + 7}")


def test_the_losses_of_a_script_are_the_same_to_the_bit(run, tmp_path, capfd):
    run("train(70)")
    watched = capfd.readouterr().out
    environment = {**os.environ, "PYTHONPATH": ""}
    plain = subprocess.run([sys.executable, "s.py"], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert watched == plain.stdout
    assert watched.count("\n") == 70


def hooked(model):
    calls = []
    model[0].register_forward_hook(lambda module, args, output: calls.append(1) or output * 1.0)
    model.register_full_backward_hook(lambda *args: calls.append(2))
    return model


def quantised(model):
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    return torch.ao.quantization.prepare_qat(model.train())


MAKERS = {
    "with hooks": hooked,
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "scripted": torch.jit.script,
    "quantised": quantised,
    "parametrised": lambda model: nn.Sequential(nn.utils.parametrizations.weight_norm(model[0]), *model[1:]),
    "double": lambda model: model.double(),
}


@pytest.mark.filterwarnings("ignore")  # of what PyTorch has deprecated
@pytest.mark.parametrize("kind", MAKERS)
def test_odd_networks_train_the_same(kind):
    def train():
        model = MAKERS[kind](p.network(dropout=0.3))
        optimizer = p.sgd(model)
        x, y = p.classes()
        x = x.double() if kind == "double" else x
        return p.learn(model, optimizer, data=(x, y), epochs=4)

    plain = train()
    with fathom.watch(show=False) as doctor:
        assert train() == plain
    assert {f.code for f in doctor.findings.findings if f.severity != "note"} == set()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_loop_that_ends_in_an_error_is_reported_so_far(error):
    model = p.network(nn.Softmax(1))

    def train():
        p.learn(model, p.sgd(model))
        raise error

    doctor = fathom.watch(model, show=False)
    with pytest.raises(error):
        doctor(train)()
    assert any(f.code == "loss.softmax_before_cross_entropy" for f in doctor.findings.findings)


def test_second_derivatives_and_functional_calls_are_left_alone():
    def train():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
        optimizer = p.sgd(model)
        x, y = p.classes()
        losses = []
        for _ in range(12):
            optimizer.zero_grad()
            weights = dict(model.named_parameters())
            inner = F.cross_entropy(torch.func.functional_call(model, weights, x), y)
            grads = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
            outer = {name: w - 0.1 * g for (name, w), g in zip(weights.items(), grads, strict=True)}
            loss = F.cross_entropy(torch.func.functional_call(model, outer, x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    plain = train()
    with fathom.watch(show=False) as doctor:
        assert train() == plain
    assert {f.code for f in doctor.findings.findings if f.severity != "note"} == set()

"""Observation changes nothing, and what it cannot see it says."""

import contextlib
import copy
import pickle
import subprocess
import sys
import warnings

import pytest
import torch
import torch.nn.functional as F
from tests.doctor import programs as p
from torch import nn

import fathom
from fathom.errors import UsageError


def history(watched, make=lambda: p.network(dropout=0.3)):
    torch.manual_seed(1)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if watched:
        with fathom.watch(model, optimizer, show=False):
            losses = p.epochs(model, optimizer, *p.loaders(), num_epochs=6)
    else:
        losses = p.epochs(model, optimizer, *p.loaders(), num_epochs=6)
    return losses, [q.clone() for q in model.state_dict().values()], torch.rand(3), optimizer.state_dict()["state"]


def test_losses_weights_and_random_state_are_the_same_to_the_bit():
    plain, seen = history(False), history(True)
    assert plain[0] == seen[0]
    for a, b in zip(plain[1], seen[1], strict=True):
        assert torch.equal(a, b)
    assert torch.equal(plain[2], seen[2])
    for key, state in plain[3].items():
        assert all(torch.equal(value, seen[3][key][name]) for name, value in state.items())


def test_everything_is_put_back():
    before = {
        (owner, name): getattr(owner, name)
        for owner, name in [
            (F, "cross_entropy"),
            (torch.Tensor, "backward"),
            (nn.Module, "__init__"),
            (torch.optim.Optimizer, "__init__"),
            (torch.utils.data.DataLoader, "__iter__"),
            (torch.optim.lr_scheduler.LRScheduler, "step"),
            (torch.jit, "script"),
            (subprocess.Popen, "__init__"),
        ]
    }
    with fathom.watch(show=False):
        assert before[(F, "cross_entropy")] is not F.cross_entropy
    assert all(getattr(owner, name) is function for (owner, name), function in before.items())
    assert not torch.nn.modules.module._has_any_global_hook()
    assert not torch.nn.modules.module._global_forward_hooks_with_kwargs


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_networks_can_be_copied_pickled_and_scripted_while_watched():
    model = p.network()
    with fathom.watch(model, show=False):
        copy.deepcopy(model)
        pickle.loads(pickle.dumps(model))  # noqa: S301
        scripted = torch.jit.script(p.network())
        losses = p.learn(scripted, p.sgd(scripted))
    fresh = torch.jit.script(p.network())
    assert losses == p.learn(fresh, p.sgd(fresh))


def test_a_network_with_hooks_of_its_own_keeps_them():
    calls = []
    model = p.network()
    handle = model.register_forward_hook(lambda *args: calls.append(1))
    with fathom.watch(show=False):
        p.learn(model, p.sgd(model), epochs=1)
    assert len(calls) == 3
    assert len(model._forward_hooks) == 1
    handle.remove()


def test_a_decorated_function_is_watched_and_printed(capsys):
    @fathom.watch()
    def train():
        model = p.network(nn.Softmax(1))
        return p.learn(model, p.sgd(model))

    assert len(train()) == 9
    printed = capsys.readouterr().out
    assert "loss.softmax_before_cross_entropy" in printed
    assert "1 error" in printed


def test_what_is_no_network_is_refused_and_so_is_a_watch_within_a_watch():
    with pytest.raises(UsageError, match="fathom\\.watch: int is no network"):
        fathom.watch(3)
    with fathom.watch(show=False), pytest.raises(UsageError, match="being watched already"):
        fathom.watch(show=False).__enter__()


def test_an_adversarial_pair_is_healthy():
    torch.manual_seed(0)
    maker = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    judge = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    first, second = (torch.optim.Adam(m.parameters(), lr=1e-3) for m in (maker, judge))
    with fathom.watch(show=False) as doctor:
        for _ in range(12):
            with torch.no_grad():
                fake = maker(torch.randn(32, 4))
            second.zero_grad()
            real = judge(torch.randn(32, 2))
            loss = F.binary_cross_entropy_with_logits(real, torch.ones(32, 1))
            loss = loss + F.binary_cross_entropy_with_logits(judge(fake), torch.zeros(32, 1))
            loss.backward()
            second.step()
            first.zero_grad()
            F.binary_cross_entropy_with_logits(judge(maker(torch.randn(32, 4))), torch.ones(32, 1)).backward()
            first.step()
    assert [f for f in doctor.findings.findings if f.severity != "note"] == []


def test_a_block_without_training_says_so():
    with fathom.watch(show=False) as doctor:
        pass
    assert doctor.findings.findings == ()
    reasons = {check.reason for check in doctor.findings.not_checked}
    assert "no optimiser was made: nothing was trained through torch.optim" in reasons


def test_a_process_that_trains_elsewhere_is_named():
    with fathom.watch(show=False) as doctor:
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert any("starts another, which is not observed" in check.reason for check in doctor.findings.not_checked)


def test_a_compiled_network_gives_the_same_and_nothing_is_warned_of():
    def losses(watched):
        model = torch.compile(p.network(), backend="eager")
        with fathom.watch(model, show=False) if watched else contextlib.nullcontext():
            return p.learn(model, p.sgd(model), epochs=2)

    before = list(warnings.filters)
    assert losses(True) == losses(False)
    assert warnings.filters == before

"""Optimisers beside torch's own: same numbers bit for bit, without the compiler being imported."""

import copy
import itertools
import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fathom.errors import UsageError
from fathom.training import optimizers
from fathom.training.optimizers import (
    NAMES,
    clip_by_norm_,
    clip_by_value_,
    eager,
    l1_penalty_,
    make_optimizer,
    split_by_decay,
)

PLAIN = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("sgd", {"momentum": 0.8, "dampening": 0.1}),
    ("adam", {}),
    ("adam", {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    ("adam", {"amsgrad": True}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.3, "amsgrad": True}),
    ("rmsprop", {}),
    ("rmsprop", {"momentum": 0.9, "alpha": 0.9, "centered": True, "eps": 1e-6, "weight_decay": 0.01}),
    ("adagrad", {}),
    ("adagrad", {"lr_decay": 0.01, "initial_accumulator_value": 0.1, "weight_decay": 0.01}),
    ("adadelta", {}),
    ("adadelta", {"rho": 0.8, "eps": 1e-5, "weight_decay": 0.01}),
]
FUSED = {"sgd", "adam", "adamw", "adagrad"}


def make_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))


def train(net, optimizer, num_steps, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(num_steps):
        optimizer.zero_grad()
        X = torch.randn(8, 4, generator=generator).to(net[0].weight.dtype)
        net(X).square().mean().backward()
        optimizer.step()


def assert_same_weights(net, twin):
    for ours, theirs in zip(net.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


# Trajectories -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "fused"),
    [(*case, fused) for case in CASES for fused in (True, False) if not fused or case[0] in FUSED],
)
def test_equals_torch_bit_for_bit(name, options, fused):
    net, twin = make_net(), make_net()
    optimizer = make_optimizer(name, net, 0.05, fused=fused, **options)
    is_fused = {"fused": True} if fused else {}
    plain = PLAIN[name](twin.parameters(), lr=0.05, **is_fused, **options)
    train(net, optimizer, 8)
    train(twin, plain, 8)
    assert not torch.equal(net[0].weight, make_net()[0].weight)
    assert_same_weights(net, twin)
    assert isinstance(optimizer, PLAIN[name])
    assert type(optimizer) is not PLAIN[name]
    assert optimizer.state_dict().keys() == plain.state_dict().keys()
    assert repr(optimizer) == repr(plain)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_fused_is_chosen_where_it_exists_and_differs_by_rounding_only(name, options):
    # No batch-norm: the bias before one has no gradient but rounding, which Adam blows up to full steps.
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 512), nn.Tanh(), nn.Linear(512, 8)).double()
    nets = net, copy.deepcopy(net)
    fused, single = (
        make_optimizer(name, net, 0.01, fused=f, **options) for net, f in zip(nets, (None, False), strict=True)
    )
    assert bool(fused.param_groups[0].get("fused")) == (name in FUSED)
    for net, optimizer in zip(nets, (fused, single), strict=True):
        train(net, optimizer, 5)
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-4, 0.3), st.floats(0.0, 0.95), st.booleans(), st.floats(0.0, 0.1))
def test_sgd_follows_its_formula(lr, momentum, nesterov, decay):
    nesterov = nesterov and momentum > 0
    weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = make_optimizer("sgd", [weight], lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    w, buffer = [1.0, -2.0], [0.0, 0.0]
    for _ in range(5):
        optimizer.zero_grad()
        (weight**3).sum().backward()
        optimizer.step()
        for i in range(2):
            g = 3 * w[i] ** 2 + decay * w[i]
            buffer[i] = momentum * buffer[i] + g
            w[i] -= lr * (g + momentum * buffer[i] if nesterov else buffer[i])
        if max(map(abs, w)) > 1e6:
            break
        assert weight.tolist() == pytest.approx(w)


# The class underneath -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_compiler_is_not_imported():
    """Building, stepping, saving and loading each optimiser, and all helpers, in a fresh interpreter."""
    code = """
import sys
import torch
from torch import nn
from fathom.training.averaging import WeightAverage
from fathom.training.optimizers import *
from fathom.training.optimizers import NAMES
from fathom.losses import make_loss
before = "torch._dynamo" in sys.modules
for name in NAMES:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = WeightAverage(net, 0.9)
    optimizer = make_optimizer(name, net, 0.1, decay_norm_and_bias=False, weight_decay=0.1)
    for _ in range(2):
        make_loss("squared")(net(torch.randn(4, 3)), torch.zeros(4, 2)).backward()
        l1_penalty_(net.parameters(), 0.1)
        clip_by_norm_(net.parameters(), 1.0)
        clip_by_value_(net.parameters(), 0.1)
        optimizer.step()
        optimizer.zero_grad()
        average.update()
    state = optimizer.state_dict()
    again = make_optimizer(name, net, 0.1, decay_norm_and_bias=False, weight_decay=0.1)
    again.load_state_dict(state)
    with average.swapped(net):
        net(torch.randn(4, 3))
sys.exit(int(before) + 2 * ("torch._dynamo" in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("name", "options"), CASES)
def test_state_goes_over_to_another_and_to_torchs_own(name, options):
    net = make_net()
    optimizer = make_optimizer(name, net, 0.05, **options)
    train(net, optimizer, 5)
    for make in (lambda n: make_optimizer(name, n, 0.01, **options), lambda n: PLAIN[name](n.parameters(), lr=0.01)):
        resumed = copy.deepcopy(net)
        other = make(resumed)
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        whole = copy.deepcopy(net)
        same = make_optimizer(name, whole, 0.05, **options)
        same.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        train(resumed, other, 5, seed=2)
        train(whole, same, 5, seed=2)
        assert_same_weights(resumed, whole)


@pytest.mark.parametrize("name", NAMES)
def test_step_hooks_closures_and_copies_work(name):
    net = make_net()
    optimizer = make_optimizer(name, net, 0.1)
    called = []
    pre = optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    optimizer.register_step_post_hook(lambda *_: called.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = net(torch.ones(4, 4)).square().mean()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert loss.requires_grad
    assert called == ["before", "after"]
    pre.remove()
    optimizer.step()
    assert called == ["before", "after", "after"]
    assert not net[0].weight.grad_fn
    clone = copy.deepcopy(optimizer)
    assert type(clone) is type(optimizer)


def test_eager_is_made_once_and_leaves_the_plain_class_alone():
    step = torch.optim.RMSprop.step
    assert eager(torch.optim.RMSprop) is eager(torch.optim.RMSprop)
    assert torch.optim.RMSprop.step is step
    assert eager(torch.optim.RMSprop).__name__ == "RMSprop"


def test_eager_falls_back_when_torch_wraps_its_methods_in_something_else():
    import functools

    class Changed(torch.optim.SGD):
        @functools.wraps(torch.optim.SGD.step)
        def step(self, closure=None):
            return super().step(closure)

    assert eager(Changed) is Changed


@pytest.mark.slow
def test_whole_step_compiles():
    net, twin = make_net(), make_net()
    optimizer = make_optimizer("sgd", net, 0.05, momentum=0.9, fused=False)
    plain = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9)

    @torch.compile(backend="eager")
    def compiled(X):
        net(X).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    for seed in range(4):
        X = torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))
        compiled(X)
        plain.zero_grad()
        twin(X).square().mean().backward()
        plain.step()
    assert_same_weights(net, twin)


# Groups and options -------------------------------------------------------------------------------------------------


class ScaledNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, 3, 1, 1))


def test_split_by_decay():
    net = nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 3, 3),
            "batch": nn.BatchNorm2d(3),
            "layer": nn.LayerNorm((3, 4, 4)),
            "group": nn.GroupNorm(1, 3),
            "own": ScaledNorm(),
            "act": nn.PReLU(3),
            "rnn": nn.GRU(4, 5),
            "embed": nn.Embedding(7, 4),
            "linear": nn.Linear(4, 7, bias=False),
        }
    )
    net["linear"].weight = net["embed"].weight  # shared: must come once
    names = {parameter: name for name, parameter in net.named_parameters()}
    decayed, spared = split_by_decay(net)
    assert [names[p] for p in decayed] == ["conv.weight", "rnn.weight_ih_l0", "rnn.weight_hh_l0", "embed.weight"]
    assert len(decayed) + len(spared) == len(list(net.parameters()))


@pytest.mark.parametrize("name", NAMES)
def test_biases_and_norms_can_be_left_out_of_the_decay(name):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    with torch.no_grad():
        net[0].bias.fill_(1.0)
    before = copy.deepcopy(net.state_dict())
    optimizer = make_optimizer(name, net, 0.1, weight_decay=0.1, decay_norm_and_bias=False)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    after = net.state_dict()
    assert not torch.equal(before["0.weight"], after["0.weight"])
    for spared in ("0.bias", "1.weight", "1.bias"):
        assert torch.equal(before[spared], after[spared])


def test_weight_decay_has_torchs_default():
    assert make_optimizer("adamw", make_net(), 0.1).param_groups[0]["weight_decay"] == 0.01
    assert make_optimizer("adam", make_net(), 0.1).param_groups[0]["weight_decay"] == 0


def test_parameters_and_groups_are_taken_as_torch_takes_them():
    net = make_net()
    assert len(make_optimizer("sgd", net.parameters(), 0.1).param_groups[0]["params"]) == 6
    groups = [{"params": net[0].parameters()}, {"params": net[3].parameters(), "lr": 0.5}]
    optimizer = make_optimizer("sgd", groups, 0.1, momentum=0.9)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    lr = torch.tensor(0.1)
    assert make_optimizer("sgd", net, lr).param_groups[0]["lr"] is lr


def test_fused_is_not_chosen_for_few_weights():
    assert not make_optimizer("sgd", nn.Linear(2, 1), 0.1).param_groups[0].get("fused")
    assert make_optimizer("sgd", nn.Linear(2, 1), 0.1, fused=True).param_groups[0]["fused"]


def test_fused_is_not_chosen_where_it_cannot_be():
    sparse = nn.Embedding(4, 2, sparse=True)
    optimizer = make_optimizer("sgd", sparse, 0.1)
    assert not optimizer.param_groups[0].get("fused")
    sparse(torch.tensor([1])).sum().backward()
    optimizer.step()
    complex_weight = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    assert not make_optimizer("adam", [complex_weight], 0.1).param_groups[0].get("fused")
    meta = nn.Linear(2, 2, device="meta")
    assert not make_optimizer("adam", meta, 0.1).param_groups[0].get("fused")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("adm", {}, "did you mean 'adam'"),
        ("sgd", {"momentun": 0.9}, "did you mean 'momentum'"),
        ("sgd", {"weight_decy": 0.9}, "did you mean 'weight_decay'"),
        ("adamw", {"momentum": 0.9}, "adamw takes no momentum; its options are betas"),
        ("sgd", {"betas": (0.9, 0.99)}, "sgd takes no betas"),
        ("sgd", {"nesterov": True}, "nesterov needs a momentum"),
        ("sgd", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "zero dampening"),
        ("sgd", {"nesterov": 1, "momentum": 0.9}, "true or false"),
        ("sgd", {"momentum": "0.9"}, "must be a number"),
        ("sgd", {"momentum": -1.0}, "at least 0"),
        ("sgd", {"lr": math.nan}, "lr must be a number"),
        ("sgd", {"lr": -0.1}, "lr must be a number"),
        ("adam", {"betas": 0.9}, "two numbers"),
        ("adam", {"betas": (0.9, 1.5)}, "(?i)beta"),
        ("adamw", {"weight_decay": -1.0}, "weight_decay"),
        ("rmsprop", {"fused": True}, "no fused kernel; leave"),
    ],
)
def test_a_mistake_is_one_clear_line(name, options, said):
    with pytest.raises(UsageError, match=said) as caught:
        make_optimizer(name, make_net(), **{"lr": 0.1} | options)
    assert "\n" not in str(caught.value)


def test_nothing_to_train():
    net = make_net().requires_grad_(False)
    for module in (net, nn.Flatten(), []):
        with pytest.raises(UsageError, match="nothing to train"):
            make_optimizer("sgd", module, 0.1)


def test_sparing_norms_needs_the_module():
    with pytest.raises(UsageError, match="needs the module"):
        make_optimizer("sgd", make_net().parameters(), 0.1, decay_norm_and_bias=False)


def test_fused_asked_for_but_impossible():
    with pytest.raises(UsageError, match="no fused kernel but on cpu and cuda"):
        make_optimizer("sgd", nn.Embedding(4, 2, sparse=True), 0.1, fused=True)


# Gradients ----------------------------------------------------------------------------------------------------------


def nets_with_gradients(seed):
    nets = make_net(seed), make_net(seed)
    for net in nets:
        net(torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
        net[0].bias.grad = None  # a parameter that took no part
    return nets


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.01, 100.0))
def test_clipping_equals_torch(seed, limit):
    ours, theirs = nets_with_gradients(seed)
    before = [p.grad.clone() for p in ours.parameters() if p.grad is not None]
    norm = clip_by_norm_(ours.parameters(), limit)
    assert torch.equal(norm, nn.utils.clip_grad_norm_(theirs.parameters(), limit))
    assert float(norm) == pytest.approx(math.sqrt(sum(float(g.double().square().sum()) for g in before)), rel=1e-5)
    scale = min(1.0, limit / (float(norm) + 1e-6))
    for gradient, parameter in zip(before, (p for p in ours.parameters() if p.grad is not None), strict=True):
        torch.testing.assert_close(parameter.grad, scale * gradient)
    ours, theirs = nets_with_gradients(seed)
    clip_by_value_(ours.parameters(), limit)
    nn.utils.clip_grad_value_(theirs.parameters(), limit)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (mine.grad is None and other.grad is None) or torch.equal(mine.grad, other.grad)
        assert mine.grad is None or float(mine.grad.abs().max()) <= torch.tensor(limit)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.0, 10.0))
def test_l1_penalty_is_the_gradient_of_the_penalised_loss(seed, strength):
    net, twin = make_net(seed), make_net(seed)
    with torch.no_grad():
        for module in (net, twin):
            module[0].weight[0] = 0.0  # the kink, where both take 0
    X = torch.randn(8, 4)
    net(X).square().mean().backward()
    l1_penalty_(net.parameters(), strength)
    penalty = sum(parameter.abs().sum() for parameter in twin.parameters())
    (twin(X).square().mean() + strength * penalty).backward()
    for ours, theirs in itertools.zip_longest(net.parameters(), twin.parameters()):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_l1_penalty_leaves_what_has_no_gradient():
    net = make_net()
    l1_penalty_(net.parameters(), 1.0)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_every_name_is_documented():
    for name in NAMES:
        assert name in optimizers.make_optimizer.__doc__

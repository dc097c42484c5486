"""The moving average of weights, beside torch's AveragedModel."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fathom.errors import FathomError, UsageError
from fathom.training.averaging import WeightAverage


def make_net(seed=0, width=5):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Linear(width, 2))


def train_step(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    net(torch.randn(8, 3)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_equals_torch(decay):
    net = make_net()
    twin = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay))
    twin.update_parameters(net)  # torch's first call only copies
    average = WeightAverage(net, decay, warmup=False)
    for _ in range(20):
        train_step(net)
        average.update()
        twin.update_parameters(net)
        with average.swapped(net):
            for ours, theirs in zip(net.parameters(), twin.module.parameters(), strict=True):
                assert torch.equal(ours, theirs)


def test_warm_up_follows_its_formula():
    net = nn.Linear(1, 1, bias=False)
    average = WeightAverage(net, 0.3)
    expected = net.weight.item()
    for t in range(8):
        with torch.no_grad():
            net.weight.fill_(t)
        average.update()
        decay = min(0.3, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * t
        assert float(average.state_dict()["average"]["weight"]) == pytest.approx(expected)


def test_buffers_are_copied():
    net = make_net()
    average = WeightAverage(net, 0.9)
    for _ in range(3):
        train_step(net)
        average.update()
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    train_step(net)
    with average.swapped(net):
        for name, buffer in net.named_buffers():
            assert torch.equal(buffer, buffers[name])
    assert int(net[1].num_batches_tracked) == 4


def test_swapped_puts_everything_back_even_after_an_error():
    net = make_net()
    average = WeightAverage(net, 0.9)
    train_step(net)
    before = copy.deepcopy(net.state_dict())
    identities = [id(parameter) for parameter in net.parameters()]

    def fail():
        with average.swapped(net):
            assert not torch.equal(net[0].weight, before["0.weight"])
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [id(parameter) for parameter in net.parameters()] == identities
    train_step(net)  # still differentiable


def test_swapped_into_another_module_and_under_inference_mode():
    net, other = make_net(0), make_net(1)
    average = WeightAverage(net, 0.9)
    train_step(net)
    average.update()
    X = torch.randn(4, 3)
    net.eval()
    other.eval()
    with torch.inference_mode(), average.swapped(net):
        expected = net(X)
    with average.swapped(other):
        assert torch.equal(other(X), expected)
    train_step(net.train())


def test_resumes_exactly():
    net = make_net()
    whole = WeightAverage(net, 0.9)
    for _ in range(3):
        train_step(net)
        whole.update()
    resumed = WeightAverage(make_net(7), 0.9)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    followed = WeightAverage(net, 0.9)
    followed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for ours, theirs in zip(
        resumed.state_dict()["average"].values(), whole.state_dict()["average"].values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    for _ in range(3):
        train_step(net)
        whole.update()
        followed.update()
    assert followed.state_dict()["num_updates"] == whole.state_dict()["num_updates"] == 6
    for name, tensor in whole.state_dict()["average"].items():
        assert torch.equal(tensor, followed.state_dict()["average"][name])


def test_bfloat16_weights_are_averaged_in_float32():
    net = nn.Linear(1, 1, bias=False).bfloat16()
    with torch.no_grad():
        net.weight.fill_(1.0)
    average = WeightAverage(net, 0.999, warmup=False)
    with torch.no_grad():
        net.weight.fill_(2.0)
    for _ in range(100):
        average.update()
    assert float(average.state_dict()["average"]["weight"]) == pytest.approx(2 - 0.999**100, rel=1e-4)
    with average.swapped(net):
        assert net.weight.dtype == torch.bfloat16


def test_a_module_without_parameters():
    average = WeightAverage(nn.Flatten(), 0.9)
    average.update()
    with average.swapped(nn.Flatten()):
        pass


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_decay_out_of_range(decay):
    with pytest.raises(UsageError, match="decay"):
        WeightAverage(make_net(), decay)


def test_another_architecture_is_refused():
    average = WeightAverage(make_net(), 0.9)
    with (
        pytest.raises(FathomError, match=r"'0.weight' has shape \(6, 3\) against \(5, 3\)"),
        average.swapped(make_net(0, 6)),
    ):
        pass
    with pytest.raises(FathomError, match="only one of them has"):
        average.load_state_dict(WeightAverage(nn.Linear(2, 2), 0.9).state_dict())
    with pytest.raises(FathomError, match="not one of a weight average"):
        average.load_state_dict({})

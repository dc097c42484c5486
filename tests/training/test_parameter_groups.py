"""Rates that differ from layer to layer, against sums done by hand."""

import itertools

import pytest
import torch
from torch import nn

from fathom.models.registry import create
from fathom.training.optimizers import make_optimizer
from fathom.training.parameter_groups import group_by_rate, layers, learning_rates
from fathom.training.schedules.schedule import make_schedule


def test_layers_of_a_resnet_are_its_stem_its_blocks_and_its_head():
    with torch.device("meta"):
        net = create("resnet18", input_shape=(3, 32, 32), num_classes=10)
    found = layers(net)
    assert found[0] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert [layer[0].split(".conv")[0] for layer in found[1:-1]] == [
        f"layer{s}.{b}" for s in (1, 2, 3, 4) for b in (0, 1)
    ]
    assert found[-1] == ["fc.weight", "fc.bias"]
    assert sorted(itertools.chain(*found)) == sorted(name for name, _ in net.named_parameters())


def test_rates_decay_from_the_head_down():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    rates = learning_rates(net, 1.0, head=["4.weight", "4.bias"], body_lr=0.1, layer_decay=0.5)
    assert rates == pytest.approx(
        dict.fromkeys(["4.weight", "4.bias"], 1.0)
        | dict.fromkeys(["2.weight", "2.bias", "3.weight", "3.bias"], 0.05)
        | dict.fromkeys(["0.weight", "0.bias"], 0.025)
    )


def test_frozen_parameters_have_no_rate_and_no_group():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    net[0].requires_grad_(False)
    rates = learning_rates(net, 0.1, head=["1.weight", "1.bias"], body_lr=0.01)
    assert set(rates) == {"1.weight", "1.bias"}
    (group,) = group_by_rate(net, rates, decay_norm_and_bias=True)
    optimizer = make_optimizer("adamw", [group], 0.1)
    net(torch.rand(4, 2)).sum().backward()
    optimizer.step()
    assert set(map(id, optimizer.state)) == {id(net[1].weight), id(net[1].bias)}


def test_steps_equal_those_of_two_optimisers_with_a_rate_each():
    torch.manual_seed(0)
    net, twin = (nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)) for _ in range(2))
    twin.load_state_dict(net.state_dict())
    rates = learning_rates(net, 0.2, head=["2.weight", "2.bias"], body_lr=0.02)
    groups = group_by_rate(net, rates, decay_norm_and_bias=False)
    optimizer = make_optimizer("sgd", groups, 0.2, momentum=0.9, weight_decay=0.1)
    assert groups[0]["lr"] == 0.2  # the head's is the one that is logged
    plain = [
        torch.optim.SGD(
            [{"params": [layer.weight], "weight_decay": 0.1}, {"params": [layer.bias]}], lr=rate, momentum=0.9
        )
        for layer, rate in ((twin[0], 0.02), (twin[2], 0.2))
    ]
    schedule = make_schedule("cosine", 5)
    for step in range(5):
        X = torch.rand(8, 4)
        for rated, network in (([optimizer], net), (plain, twin)):
            for one in rated:
                for group in one.param_groups:
                    base = group.setdefault("base", group["lr"])
                    group["lr"] = base * schedule.factor(step)
                one.zero_grad()
            network(X).square().sum().backward()
            for one in rated:
                one.step()
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)

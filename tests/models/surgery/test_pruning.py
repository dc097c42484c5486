"""What goes: the smallest by the criterion, as many as asked for."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from fathom.errors import UsageError
from fathom.models import registry
from fathom.models.surgery.channels import Channels
from fathom.models.surgery.pruning import choose_channels, weights_of, zero_weights
from fathom.models.surgery.widths import narrow, widths_of


def two_layers():
    """Rows of the first layer whose norms are ordered differently by l1 and l2."""
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[3.0, 0.0], [2.0, 2.0], [9.0, 9.0], [8.0, 8.0]]))
        net[2].weight.copy_(torch.eye(4) * torch.tensor([0.1, 0.2, 0.3, 0.4]))
    return net


def removed_from(net, **options):
    """Positions that go, for each layer."""
    channels = Channels(net, (2,))
    return [
        np.flatnonzero(np.isin(channels.dims[f"{choice.group.layers[0]}.weight"][0], choice.removed)).tolist()
        for choice in choose_channels(net, channels, **options)
    ]


@pytest.mark.parametrize(("criterion", "first"), [("l1", 0), ("l2", 1)])
def test_the_smallest_norm_goes(criterion, first):
    assert removed_from(two_layers(), amount=0.25, criterion=criterion) == [[first], [0]]


def test_global_sets_channels_against_the_mean_of_their_layer():
    net = two_layers()
    # l1 over the mean: 3/10.25, 4/10.25, 18/…, 16/… and 0.1/0.25, 0.2/0.25, 0.3/…, 0.4/…; the third smallest is 0.4
    assert removed_from(net, amount=0.4, criterion="l1", scope="global") == [[0, 1], [0]]


def test_no_layer_is_emptied():
    assert [len(gone) for gone in removed_from(two_layers(), amount=0.99)] == [3, 3]
    assert [len(gone) for gone in removed_from(two_layers(), amount=0.99, scope="global")] == [3, 3]


def test_batch_norm_scales():
    net = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([1.0, -2.0, 0.5]))
    assert removed_from(net, amount=0.4, criterion="batch_norm") == [[2]]
    with pytest.raises(UsageError, match="the channels of 0 have no batch norm"):
        removed_from(two_layers(), amount=0.4, criterion="batch_norm")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amount": 0.0}, "amount must be above 0 and below 1; got 0"),
        ({"amount": 1.0}, "amount must be above 0 and below 1; got 1"),
        ({"amount": float("nan")}, "amount must be above 0 and below 1; got nan"),
        ({"amount": 0.5, "criterion": "l3"}, "did you mean"),
        ({"amount": 0.5, "scope": "locl"}, "did you mean 'local'"),
    ],
)
def test_wrong_choices_are_named(options, message):
    with pytest.raises(UsageError, match=message):
        removed_from(two_layers(), **options)


def test_nothing_to_take_out():
    net = nn.Linear(2, 2)
    with pytest.raises(UsageError, match="nothing to prune"):
        choose_channels(net, Channels(net, (2,)), 0.5)


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("amount", [0.1, 0.9])
def test_zero_weights_equals_torch(scope, amount):
    torch.manual_seed(0)
    ours = registry.create("lenet", input_shape=(1, 28, 28), num_classes=10)
    torch.manual_seed(0)
    theirs = registry.create("lenet", input_shape=(1, 28, 28), num_classes=10)
    zero_weights(ours, amount, scope=scope)
    layers = [(layer, "weight") for layer in theirs if isinstance(layer, (nn.Conv2d, nn.Linear))]
    if scope == "global":
        torch_prune.global_unstructured(layers, torch_prune.L1Unstructured, amount=amount)
    else:
        for layer, name in layers:
            torch_prune.l1_unstructured(layer, name, amount=amount)
    for (layer, _), weight in zip(layers, weights_of(ours).values(), strict=True):
        assert torch.equal(weight, layer.weight)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"9": [3, 2]}, "unknown layer in widths '9'"),
        ({"1": [3]}, "unknown layer in widths '1'"),
        ({"0": [5, 2]}, "whole numbers from 1"),
        ({"0": [0, 2]}, "whole numbers from 1"),
        ({"0": [3]}, "2 whole numbers"),
        ({"0": 3}, "2 whole numbers"),
        ([3], "must map layers to numbers"),
    ],
)
def test_wrong_widths_are_named(widths, message):
    with pytest.raises(UsageError, match=message):
        narrow(two_layers(), widths)


def test_widths_of_every_kind():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(4), nn.Flatten(), nn.Linear(4, 2))
    assert widths_of(net) == {"0": [4, 3], "1": [4], "2": [4], "4": [2, 4]}

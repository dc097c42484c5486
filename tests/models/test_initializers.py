import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fathom.errors import UsageError
from fathom.models.initializers import NAMES, initialize


def small_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, kernel_size=3), nn.BatchNorm2d(8), nn.PReLU(), nn.Flatten(), nn.Linear(8, 6), nn.Linear(6, 4)
    )


# By name: what is drawn is what torch.nn.init draws.

TWINS = {
    "normal": lambda weight: nn.init.normal_(weight, std=0.01),
    "normal:0.5": lambda weight: nn.init.normal_(weight, std=0.5),
    "constant": nn.init.ones_,
    "constant:-2": lambda weight: nn.init.constant_(weight, -2),
    "zeros": nn.init.zeros_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal:2": lambda weight: nn.init.xavier_normal_(weight, gain=2),
    "kaiming_uniform": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "kaiming_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "kaiming_normal:0.2": lambda weight: nn.init.kaiming_normal_(weight, a=0.2),
    "orthogonal": nn.init.orthogonal_,
}


@pytest.mark.parametrize("rule", TWINS)
def test_by_name_equals_torch(rule: str) -> None:
    net = small_net()
    torch.manual_seed(0)
    initialize(net, rule)
    torch.manual_seed(0)
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert torch.equal(layer.weight, TWINS[rule](torch.empty_like(layer.weight)))
            assert not layer.bias.any()


def test_names_are_all_tried() -> None:
    assert {rule.partition(":")[0] for rule in TWINS} | {"default"} == set(NAMES)


@given(st.integers(1, 64), st.integers(1, 64))
def test_xavier_bound(num_inputs: int, num_outputs: int) -> None:
    """Glorot & Bengio 2010, eq. 16."""
    layer = nn.Linear(num_inputs, num_outputs)
    initialize(layer, "xavier_uniform")
    assert layer.weight.abs().max() <= math.sqrt(6 / (num_inputs + num_outputs))


def test_kaiming_keeps_the_second_moment_through_depth() -> None:
    """He et al. 2015, eq. 10: with ReLU the size of the signal neither vanishes nor explodes."""
    torch.manual_seed(0)
    net = nn.Sequential(*(layer for _ in range(30) for layer in (nn.Linear(256, 256), nn.ReLU())))
    X = torch.randn(64, 256)
    initialize(net, "kaiming_normal")
    assert 0.3 < net(X).square().mean() / X.relu().square().mean() < 3
    initialize(net, "xavier_normal")
    assert net(X).square().mean() < 1e-6


def test_one_dimensional_weights_stay() -> None:
    net = small_net()
    initialize(net, "zeros")
    assert net[1].weight.eq(1).all()
    assert net[2].weight.eq(0.25).all()


def test_default_is_pytorchs_own() -> None:
    torch.manual_seed(0)
    expected = small_net().state_dict()
    net = small_net()
    initialize(net, "zeros")
    torch.manual_seed(0)
    initialize(net, "default")
    assert all(torch.equal(net.state_dict()[key], expected[key]) for key in expected)


def test_shared_parameters_are_set_once_by_the_first() -> None:
    net = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 5))
    net[1].weight = net[0].weight
    torch.manual_seed(0)
    initialize(net, {"0": "normal:1", "*": "normal:2"})
    torch.manual_seed(0)
    assert torch.equal(net[0].weight, torch.empty(5, 5).normal_(std=1))
    assert torch.equal(net[2].weight, torch.empty(5, 5).normal_(std=2))


def test_recurrent_layers() -> None:
    net = nn.LSTM(3, 4)
    initialize(net, "xavier_uniform")
    assert not net.bias_ih_l0.any()
    assert net.weight_hh_l0.abs().max() <= math.sqrt(6 / (16 + 4))


# By rule


def test_first_matching_pattern_counts_and_the_rest_stays() -> None:
    net = small_net()
    before = net[0].weight.clone()
    initialize(net, {"5": "constant:3", "Linear": "constant:4"})
    assert net[5].weight.eq(3).all()
    assert net[4].weight.eq(4).all()
    assert torch.equal(net[0].weight, before)


@pytest.mark.parametrize("pattern", ["body.*", "re:body\\.[01]", "Conv*", "*"])
def test_patterns_over_names_and_types(pattern: str) -> None:
    net = nn.Sequential()
    net.add_module("body", nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)))
    initialize(net, {pattern: "constant:7"})
    assert all(layer.weight.eq(7).all() for layer in net.body)


def test_a_pattern_for_norm_layers_alone_sets_them() -> None:
    """As in Goyal et al. 2017, where the last normalisation of a residual block starts at zero."""
    net = small_net()
    initialize(net, {"BatchNorm2d": "zeros", "*": "normal"})
    assert not net[1].weight.any()
    assert net[2].weight.eq(0.25).all()
    assert net[4].weight.any()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("xavier", "unknown initialisation 'xavier'; did you mean 'xavier_"),
        ({"*": "kaiming"}, "unknown initialisation 'kaiming'; did you mean 'kaiming_"),
        ("normal:big", "normal takes a number after the colon; got 'normal:big'"),
        ("zeros:1", "zeros takes no number; got 'zeros:1'"),
        ("default:1", "default takes no number"),
        ({"fc": "zeros"}, "the pattern 'fc' matches no layer with parameters"),
        ({"Flatten": "zeros"}, "the pattern 'Flatten' matches no layer with parameters"),
        ({"*": "normal", "0": "zeros"}, "the pattern '0' matches only layers that earlier patterns match"),
        ({"re:(": "zeros"}, "'re:(' is not a valid regular expression"),
        (
            {"BatchNorm2d": "xavier_uniform"},
            "xavier_uniform needs weights of two or more dimensions; BatchNorm2d has one",
        ),
        (["normal"], "must be a name, or a mapping from patterns to names"),
    ],
)
def test_wrong_rules(rule: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        initialize(small_net(), rule)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_default_needs_a_layer_that_has_one() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 2))

    with pytest.raises(UsageError, match="Bare has no initialisation of its own"):
        initialize(Bare(), "default")

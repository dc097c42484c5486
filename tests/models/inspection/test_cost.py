"""The forecast of a step against counts by hand, and against what torch really allocates."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fathom.models import registry
from fathom.models.hardware import HARDWARE, LINKS, Hardware, all_reduce_s
from fathom.models.inspection.cost import training_cost
from fathom.models.inspection.summary import count_flops
from fathom.scratch.devices.collective import ring_all_reduce

SLOW = Hardware("by hand", 1e6, 2e6, 1e3, "")


def test_layers_by_hand() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
    cost = training_cost(net, (2, 3), batch_size=5, optimizer="momentum")
    assert [(c.name, c.type) for c in cost.layers] == [("1", "Linear"), ("2", "ReLU"), ("3", "Linear")]
    assert [c.flops for c in cost.layers] == [5 * 2 * 6 * 4, 0, 5 * 2 * 4 * 2]
    # 4 bytes a number: input and output of 5 samples, weights once
    moved = [4 * (5 * (6 + 4) + 28), 4 * 5 * (4 + 4), 4 * (5 * (4 + 2) + 8)]
    assert [c.num_bytes for c in cost.layers] == moved
    assert (cost.weights, cost.gradients, cost.state) == (4 * 36, 4 * 36, 4 * 36)
    assert cost.activations == 4 * 5 * (4 + 4 + 2)
    assert cost.flops == 3 * 320
    # weights and momentum read and written, gradients read
    assert cost.num_bytes == 3 * sum(moved) + 5 * 144
    # at 1e6 FLOP/s and 1e3 bytes/s everything waits for memory
    assert cost.seconds(SLOW) == pytest.approx((3 * sum(moved) + 5 * 144) / 1e3)
    assert not any(c.is_compute_bound(SLOW) for c in cost.layers)
    swift = Hardware("by hand", 1.0, 1.0, 1e12, "")
    assert cost.seconds(swift) == pytest.approx(3 * 320, rel=1e-3)
    assert [c.is_compute_bound(swift) for c in cost.layers] == [True, False, True]


@pytest.mark.parametrize(("name", "shape"), [("lenet", (1, 28, 28)), ("resnet18", (3, 32, 32)), ("gru", (12,))])
def test_flops_and_parameters_are_those_of_the_network(name: str, shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        net = registry.create(name, input_shape=shape, num_classes=10)
    one, many = (training_cost(net, shape, batch_size=size, optimizer="adamw") for size in (1, 8))
    assert one.flops == 3 * count_flops(net, shape)
    assert many.flops == 8 * one.flops
    assert one.weights == many.weights == 4 * sum(p.numel() for p in net.parameters())
    assert one.state == 2 * one.weights
    assert many.activations == 8 * one.activations
    half = training_cost(net, shape, batch_size=8, optimizer="sgd", number_bytes=2)
    assert (half.activations, half.state) == (many.activations / 2, 0)


def test_activations_are_what_torch_saves() -> None:
    """Every output of a chain without ReLUs in place is an input that the next layer saves, but for the last."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Conv2d(4, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 5))
    X, saved = torch.randn(7, 2, 8, 8), {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = net(X)
    cost = training_cost(net, (2, 8, 8), batch_size=7)
    own = {p.untyped_storage().data_ptr() for p in net.parameters()} | {X.untyped_storage().data_ptr()}
    held = sum(size for key, size in saved.items() if key not in own)
    # torch keeps the outputs of tanh and not those of the convolutions before; all of them are an upper bound
    assert held + 4 * output.numel() <= cost.activations <= 2 * held + 4 * output.numel()


def test_links_and_sheets() -> None:
    sent = ring_all_reduce([torch.zeros(1000).numpy() for _ in range(8)])
    assert all_reduce_s(4 * 1000, 8, 1e3) == pytest.approx(4 * max(sent) / 1e3)
    assert all_reduce_s(4 * 1000, 1, 1e3) == 0
    assert list(LINKS.values()) == sorted(LINKS.values(), reverse=True)
    for sheet in HARDWARE.values():
        assert sheet.half_flops >= sheet.flops > sheet.bandwidth

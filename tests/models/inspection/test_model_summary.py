import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fathom.models import registry
from fathom.models.googlenet import Inception, ResidualInception
from fathom.models.inspection.summary import count_flops, count_parameters, layer_table
from fathom.models.resnet import BasicBlock, Bottleneck


def on_meta(name: str, shape: tuple[int, ...] = (3, 224, 224), num_classes: int = 1000, **options: object) -> nn.Module:
    with torch.device("meta"):
        return registry.create(name, input_shape=shape, num_classes=num_classes, **options)


def last_field(rows: list[dict[str, object]]) -> object:
    """The receptive field before the first layer that sees everything."""
    return [row["receptive_field"] for row in rows if row["receptive_field"] is not None][-1]


# Closed forms and published numbers


def test_lenet_by_hand() -> None:
    rows = layer_table(registry.create("lenet", input_shape=(1, 28, 28), num_classes=10), (1, 28, 28))
    found = [(r["name"], r["type"], r["output_shape"], r["parameters"], r["flops"], r["receptive_field"]) for r in rows]
    assert found == [
        ("0", "Conv2d", [6, 28, 28], 6 * 25 + 6, 2 * 6 * 28 * 28 * 25, 5),
        ("1", "ReLU", [6, 28, 28], 0, 0, 5),
        ("2", "MaxPool2d", [6, 14, 14], 0, 0, 6),
        ("3", "Conv2d", [16, 10, 10], 16 * 6 * 25 + 16, 2 * 16 * 10 * 10 * 6 * 25, 14),
        ("4", "ReLU", [16, 10, 10], 0, 0, 14),
        ("5", "MaxPool2d", [16, 5, 5], 0, 0, 16),
        ("6", "Flatten", [400], 0, 0, None),
        ("7", "Linear", [120], 400 * 120 + 120, 2 * 400 * 120, None),
        ("8", "ReLU", [120], 0, 0, None),
        ("9", "Linear", [84], 120 * 84 + 84, 2 * 120 * 84, None),
        ("10", "ReLU", [84], 0, 0, None),
        ("11", "Linear", [10], 84 * 10 + 10, 2 * 84 * 10, None),
    ]


@pytest.mark.parametrize(
    ("name", "options", "giga_multiply_adds"),
    [  # torchvision publishes these with its weights, as GFLOPS of one multiply-add each
        ("alexnet", {}, 0.714),
        ("vgg11", {}, 7.609),
        ("vgg16", {}, 15.470),
        ("vgg19", {"batch_norm": True}, 19.632),
        ("googlenet_bn", {"as_torchvision": True}, 1.498),
        ("resnet18", {}, 1.814),
        ("resnet34", {}, 3.664),
        ("resnet50", {}, 4.089),
        ("resnet101", {}, 7.801),
        ("resnet152", {}, 11.514),
    ],
)
def test_published_flops(name: str, options: dict[str, bool], giga_multiply_adds: float) -> None:
    net = on_meta(name, **options)
    flops = count_flops(net, (3, 224, 224))
    assert flops / 2e9 == pytest.approx(giga_multiply_adds, abs=0.0006)
    rows = layer_table(net, (3, 224, 224))
    assert sum(row["flops"] for row in rows) == flops
    assert sum(row["parameters"] for row in rows) == count_parameters(net)


@pytest.mark.parametrize(("name", "pixels"), [("alexnet", 195), ("vgg16", 212), ("resnet18", 435), ("resnet50", 427)])
def test_published_receptive_fields(name: str, pixels: int) -> None:
    """Araujo, Norris & Sim 2019 (AlexNet, VGG-16); ResNet-50 with the stride in the 3x3, where theirs has 483."""
    assert last_field(layer_table(on_meta(name), (3, 224, 224))) == pixels


@pytest.mark.parametrize("name", [n for n in registry.builtin_names() if n not in ("resnet101", "resnet152")])
def test_flops_equal_pytorchs_counter(name: str) -> None:
    model = registry.get(name)
    shape = model.form.input_shape
    net = on_meta(name, shape, model.form.num_classes).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        if model.takes_tokens:
            net(torch.empty(*shape, 1, device="meta", dtype=torch.int64))
        else:
            net(torch.empty(1, *shape, device="meta"))
    assert count_flops(net, shape) == counter.get_total_flops()


def test_grouped_dilated_and_transposed_convolutions() -> None:
    net = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2, dilation=2, padding=2), nn.ConvTranspose2d(8, 4, 2, stride=2), nn.Conv2d(4, 2, 1)
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 4, 12, 12))
    assert count_flops(net, (4, 12, 12)) == counter.get_total_flops()


# Receptive fields against the gradient: an output sees the pixels that its gradient reaches.


def measured_field(net: nn.Module, channels: int, size: int) -> int:
    """Extent of the input gradient of the middle output, all weights positive so that nothing cancels."""
    net = net.eval().double()
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.5 if parameter.dim() > 1 else 1.0)
    X = torch.ones(1, channels, size, size, dtype=torch.double, requires_grad=True)
    Y = net(X)
    Y[0, :, Y.shape[2] // 2, Y.shape[3] // 2].sum().backward()
    assert X.grad is not None
    _, rows, columns = X.grad[0].nonzero(as_tuple=True)
    return max(int(positions.max() - positions.min()) + 1 for positions in (rows, columns))


windows = st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 2), st.booleans())


@settings(deadline=None, max_examples=30)
@given(st.lists(windows, min_size=1, max_size=4))
def test_field_of_random_chains(chain: list[tuple[int, int, int, bool]]) -> None:
    layers: list[nn.Module] = []
    for kernel, stride, dilation, pools in chain:
        if pools:
            layers.append(nn.AvgPool2d(kernel, stride))
        else:
            layers.append(nn.Conv2d(1, 1, kernel, stride, dilation=dilation))
    net = nn.Sequential(*layers)
    assert layer_table(net, (1, 160, 160))[-1]["receptive_field"] == measured_field(net, 1, 160)


class AveragePools(nn.Module):
    """The same network with average in place of maximum, whose gradient reaches one pixel only."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        for name, layer in list(net.named_modules()):
            if isinstance(layer, nn.MaxPool2d):
                net.set_submodule(name, nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding))
        self.net = net

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.net(X)


TABLE = (4, 4, 4, 4, 4, 4)
KERNELS = ((3, 3),), ((1, 7), (7, 1))


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(BasicBlock(4, 4, 1), BasicBlock(4, 8, 2), BasicBlock(8, 8, 1)),
        nn.Sequential(Bottleneck(4, 4, 2), Bottleneck(16, 4, 1)),
        nn.Sequential(Inception(4, TABLE, KERNELS, batch_norm=True), nn.AvgPool2d(3, 2), nn.Conv2d(16, 4, 3)),
        nn.Sequential(ResidualInception(4, TABLE), nn.Conv2d(16, 4, 3, stride=2), nn.Conv2d(4, 4, 3)),
        nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(16, 4, 3)),
        nn.Sequential(nn.AdaptiveAvgPool2d(16), nn.Conv2d(4, 4, 3)),
    ],
    ids=["basic", "bottleneck", "inception", "residual inception", "space to depth", "adaptive pooling"],
)
def test_field_of_blocks(net: nn.Module) -> None:
    net = AveragePools(net)
    assert last_field(layer_table(net, (4, 64, 64))) == measured_field(net, 4, 64)


def test_functions_count_as_layers_do() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 1, 3, 3))
            self.end = nn.Conv2d(8, 2, 3)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            X = F.max_pool2d(F.relu(F.conv2d(X, self.weight, padding=1)), 2)
            X = torch.cat((X, X * 2), dim=1)
            X += 1
            return self.end(F.pad(X, (1, 1, 1, 1)))

    own, end = layer_table(Functional(), (1, 8, 8))
    assert (own["name"], own["parameters"], own["flops"]) == ("Functional", 36, 2 * 4 * 8 * 8 * 9)
    assert (end["flops"], end["receptive_field"]) == (2 * 2 * 4 * 4 * 72, 3 + 1 + 2 * 2)
    assert own["receptive_field"] == 8


def test_global_steps_see_everything() -> None:
    class Excite(nn.Module):
        """Squeeze and excitation: every position is scaled by what all positions say."""

        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Conv2d(1, 4, 3)
            self.end = nn.Conv2d(4, 4, 1)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            X = self.start(X)
            return self.end(X * X.mean((2, 3), keepdim=True).sigmoid())

    assert [row["receptive_field"] for row in layer_table(Excite(), (1, 9, 9))] == [3, None]


# What does not change


def test_shared_layers_run_twice_and_count_once() -> None:
    layer = nn.Linear(4, 4)
    rows = layer_table(nn.Sequential(layer, nn.ReLU(), layer), (4,))
    assert [row["parameters"] for row in rows] == [20, 0, 0]
    assert [row["flops"] for row in rows] == [32, 0, 32]


def test_network_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    net[1].eval()
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    layer_table(net, (1, 8, 8))
    assert [module.training for module in net.modules()] == [True, True, False, True]
    assert all(torch.equal(tensor, before[key]) for key, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not net[0]._forward_hooks
    assert not net[0]._forward_pre_hooks


def test_hooks_go_even_if_the_network_fails() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3))
    with pytest.raises(RuntimeError):
        layer_table(net, (3, 8, 8))
    assert not net[0]._forward_hooks
    assert net.training


def test_one_dimensional_and_features() -> None:
    rows = layer_table(nn.Sequential(nn.Conv1d(2, 3, 5, stride=2), nn.MaxPool1d(2), nn.Conv1d(3, 3, 3)), (2, 40))
    assert [row["receptive_field"] for row in rows] == [5, 7, 15]
    assert layer_table(nn.Linear(3, 2), (3,)) == [
        {"name": "Linear", "type": "Linear", "output_shape": [2], "parameters": 8, "flops": 12, "receptive_field": None}
    ]

"""Families one by one: shapes of the notes, block tables, what options change."""

import pytest
import torch
from torch import nn

from fathom.models import registry
from fathom.models.googlenet import BLOCKS as INCEPTION_BLOCKS
from fathom.models.googlenet import Inception, num_outputs
from fathom.models.inspection.summary import layer_table
from fathom.models.mlp import ScaledSigmoid, Step
from fathom.models.resnet import STAGES
from fathom.models.vgg import BLOCKS as VGG_BLOCKS


def create(name: str, shape: tuple[int, ...] = (1, 28, 28), num_classes: int = 10, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return registry.create(name, input_shape=shape, num_classes=num_classes, **options)


def types(net: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in net.modules() if not list(layer.children())]


# Linear and softmax regression, MLP


def test_linear_on_features_is_one_layer() -> None:
    assert isinstance(create("linear", (2,), 1), nn.Linear)
    assert create("linear", (3, 4, 5), 2)(torch.zeros(7, 3, 4, 5)).shape == (7, 2)


def test_mlp_layers_in_order() -> None:
    net = create("mlp", hidden=[8, 4], activation="prelu", dropout=0.5, batch_norm=True)
    hidden = ["Linear", "BatchNorm1d", "PReLU", "Dropout"]
    assert types(net) == ["Flatten", *hidden, *hidden, "Linear"]
    assert types(create("mlp", hidden=3)) == ["Flatten", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("activation", ["step", "sigmoid", "tanh", "relu", "prelu"])
def test_mlp_takes_features_and_images(activation: str) -> None:
    assert create("mlp", (5,), 3, activation=activation)(torch.randn(2, 5)).shape == (2, 3)
    assert create("mlp", (2, 3, 4), 3, activation=activation)(torch.randn(2, 2, 3, 4)).shape == (2, 3)


def test_step_is_a_step_with_the_gradient_of_the_clipped_identity() -> None:
    X = torch.tensor([-3.0, -0.9, -0.1, 0.0, 1e-8, 0.7, 0.9, 2.0], requires_grad=True)
    Y = Step()(X)
    assert Y.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]  # notes N1 §1.4: 1 if x > 0
    Y.sum().backward()
    assert X.grad is not None
    assert X.grad.tolist() == [0, 1, 1, 1, 1, 1, 1, 0]


# LeNet: notes N1 §2.5

LENET_SHAPES = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,), (120,), (84,), (10,)]


@pytest.mark.parametrize(("name", "pooling"), [("lenet", "MaxPool2d"), ("lenet_sigmoid", "AvgPool2d")])
def test_lenet_shapes(name: str, pooling: str) -> None:
    layers = layer_table(create(name), (1, 28, 28))
    shapes = [tuple(row["output_shape"]) for row in layers if row["type"] not in ("ReLU", "Sigmoid")]
    assert shapes == LENET_SHAPES
    assert [row["type"] for row in layers].count(pooling) == 2


def test_lenet_options() -> None:
    assert types(create("lenet_sigmoid")) == types(create("lenet", activation="sigmoid", pooling="avg"))
    assert types(create("lenet", activation="tanh")).count("Tanh") == 4


# AlexNet, VGG, NiN


def test_alexnet_published_shapes() -> None:
    with torch.device("meta"):
        layers = layer_table(create("alexnet", (3, 224, 224), 1000), (3, 224, 224))
    shapes = {row["name"]: tuple(row["output_shape"]) for row in layers}
    assert shapes["features.0"] == (64, 55, 55)
    assert shapes["features.2"] == (64, 27, 27)
    assert shapes["features.5"] == (192, 13, 13)
    assert shapes["features.12"] == (256, 6, 6)
    assert shapes["flatten"] == (9216,)


def test_alexnet_of_the_book() -> None:
    """Shapes and counts of Dive into Deep Learning §8.1.2; the notes' classifier begins with 6400 inputs."""
    with torch.device("meta"):
        net = create("alexnet_96", (1, 224, 224), 10)
        layers = layer_table(net, (1, 224, 224))
    shapes = {row["name"]: tuple(row["output_shape"]) for row in layers}
    assert shapes["features.0"] == (96, 54, 54)
    assert [shapes[f"features.{i}"] for i in (2, 3, 5, 8, 12)] == [
        (96, 26, 26),
        (256, 26, 26),
        (256, 12, 12),
        (384, 12, 12),
        (256, 5, 5),
    ]
    assert shapes["flatten"] == (6400,)
    assert sum(p.numel() for p in net.parameters()) == 46_764_746
    assert [row["type"] for row in layers][-7:] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]


def test_scaled_sigmoid_is_four_sigmoids_less_two() -> None:
    X = torch.linspace(-9, 9, 181, dtype=torch.float64, requires_grad=True)
    Y = ScaledSigmoid()(X)
    torch.testing.assert_close(Y, 4 * torch.sigmoid(X) - 2)
    (slope,) = torch.autograd.grad(Y.sum(), X)
    torch.testing.assert_close(slope, 4 * torch.sigmoid(X) * (1 - torch.sigmoid(X)))
    assert slope.max() == 1  # at 0
    tiny = torch.tensor([1e-12])
    assert ScaledSigmoid()(tiny) == tiny  # the formula as it is written gives 0
    assert types(create("mlp", activation="scaled_sigmoid")).count("ScaledSigmoid") == 1


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_vgg_depth_is_the_number_of_layers_with_weights(depth: int) -> None:
    assert sum(num_convs for num_convs, _ in VGG_BLOCKS[depth]) + 3 == depth
    found = types(create(f"vgg{depth}"))
    assert found.count("Conv2d") + found.count("Linear") == depth
    assert found.count("BatchNorm2d") == 0
    assert types(create(f"vgg{depth}", batch_norm=True)).count("BatchNorm2d") == depth - 3


def test_vgg_dropout_reaches_the_layers() -> None:
    rates = [layer.p for layer in create("vgg11", dropout=0.25).modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.25, 0.25]


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 224, 224)])
def test_nin_has_no_relu_on_the_logits_and_no_dense_layer(shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        found = types(create("nin", shape, 7))
    assert found[-3:] == ["Conv2d", "AdaptiveAvgPool2d", "Flatten"]
    assert "Linear" not in found


# GoogLeNet: Szegedy et al. 2015, table 1

OUTPUTS = {"3a": 256, "3b": 480, "4a": 512, "4b": 512, "4c": 512, "4d": 528, "4e": 832, "5a": 832, "5b": 1024}
# Millions of multiply-adds. For 5a the paper says 54: that fits 48 channels before the 5x5, where its table has 32.
PUBLISHED_OPS = {"3a": 128, "3b": 304, "4a": 73, "4b": 88, "4c": 100, "4d": 119, "4e": 170, "5a": 51, "5b": 71}


def test_inception_table() -> None:
    assert {block: num_outputs(table) for block, table in INCEPTION_BLOCKS.items()} == OUTPUTS


def test_googlenet_costs_what_the_paper_says() -> None:
    with torch.device("meta"):
        layers = layer_table(create("googlenet", (3, 224, 224), 1000), (3, 224, 224))
    for block, millions in PUBLISHED_OPS.items():
        flops = sum(row["flops"] for row in layers if row["name"].startswith(f"inception{block}."))
        assert flops / 2e6 == pytest.approx(millions, rel=0.03), block
    sizes = {row["name"]: tuple(row["output_shape"]) for row in layers}
    assert sizes["maxpool1"] == (64, 56, 56)
    assert sizes["maxpool2"] == (192, 28, 28)
    assert sizes["maxpool3"] == (480, 14, 14)
    assert sizes["maxpool4"] == (832, 7, 7)


def kernels(net: nn.Module, block: str) -> set[tuple[int, ...]]:
    found = net.get_submodule(f"inception{block}")
    return {layer.kernel_size for layer in found.modules() if isinstance(layer, nn.Conv2d)}


def test_v3_factorises_by_stage() -> None:
    net = create("googlenet_v3")
    assert kernels(net, "3a") == {(1, 1), (3, 3)}
    assert kernels(net, "4a") == {(1, 1), (3, 3), (1, 7), (7, 1)}
    assert kernels(net, "5b") == {(1, 1), (3, 3), (1, 3), (3, 1)}
    assert kernels(create("googlenet_bn"), "4a") == {(1, 1), (3, 3), (5, 5)}


def test_two_3x3_are_cheaper_than_the_5x5() -> None:
    table = (4, 4, 4, 16, 16, 4)
    one = Inception(8, table, (((3, 3),), ((5, 5),)), batch_norm=False)
    two = Inception(8, table, (((3, 3),), ((3, 3), (3, 3))), batch_norm=False)
    before = sum(layer.weight.numel() for layer in one.branch3[1:].modules() if isinstance(layer, nn.Conv2d))
    after = sum(layer.weight.numel() for layer in two.branch3[1:].modules() if isinstance(layer, nn.Conv2d))
    assert after * 25 == before * 18


def test_residual_blocks_add_a_fifth_of_what_they_compute() -> None:
    net = create("googlenet_residual").eval()
    block = net.get_submodule("inception4b")  # as many channels in as out: the shortcut is the input itself
    X = torch.rand(2, 128, 7, 7)
    with torch.no_grad():
        expected = torch.relu(X + 0.2 * block.expand(block.inception(X)))
        torch.testing.assert_close(block(X), expected)


@pytest.mark.parametrize("variant", ["bn", "v3", "residual"])
def test_variant_is_the_name_of_its_own(variant: str) -> None:
    from fathom.models.googlenet import googlenet

    torch.manual_seed(0)
    direct = googlenet((1, 28, 28), 10, variant=variant).state_dict()
    named = create(f"googlenet_{variant}").state_dict()
    assert all(torch.equal(direct[key], named[key]) for key in direct | named)


# ResNet


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_resnet_depth_is_the_number_of_layers_on_the_longest_path(depth: int) -> None:
    block, repeats = STAGES[depth]
    assert sum(repeats) * {1: 2, 4: 3}[block.expansion] + 2 == depth


@pytest.mark.parametrize(
    ("shape", "stage1", "stage4"), [((3, 224, 224), 56, 7), ((1, 96, 96), 24, 3), ((3, 32, 32), 32, 4)]
)
def test_resnet_sizes(shape: tuple[int, ...], stage1: int, stage4: int) -> None:
    with torch.device("meta"):
        layers = layer_table(create("resnet18", shape), shape)
    sizes = {row["name"]: row["output_shape"] for row in layers}
    assert sizes["layer1.1.relu"] == [64, stage1, stage1]
    assert sizes["layer4.1.relu"] == [512, stage4, stage4]


# The two quick ones


def test_compact_layers() -> None:
    layers = layer_table(create("compact"), (1, 28, 28))
    assert [tuple(row["output_shape"]) for row in layers if row["type"] in ("PixelUnshuffle", "Conv2d", "Linear")] == [
        (4, 14, 14),
        (32, 14, 14),
        (64, 7, 7),
        (128,),
        (10,),
    ]
    assert "Dropout" not in types(create("compact"))
    assert "Dropout" in types(create("compact", dropout=0.1))
    assert create("compact", (3, 30, 34))(torch.randn(2, 3, 30, 34)).shape == (2, 10)


@pytest.mark.parametrize("width", [16, 64])
def test_resnet9_counts_in_closed_form(width: int) -> None:
    pairs = [(3, 1), (1, 2), (2, 2), (2, 2), (2, 4), (4, 8), (8, 8), (8, 8)]  # channels in and out, in widths
    convs = sum(9 * (3 if index == 0 else a * width) * b * width for index, (a, b) in enumerate(pairs))
    norms = sum(2 * b * width for _, b in pairs)
    net = create("resnet9", (3, 32, 32), width=width)
    assert sum(p.numel() for p in net.parameters()) == convs + norms + 8 * width * 10

import subprocess
import sys

import pytest
import torch
from torch import nn

from fathom.errors import UsageError
from fathom.models import registry


def create(name: str, shape: tuple[int, ...] = (1, 28, 28), num_classes: int = 10, **options: object) -> nn.Module:
    with torch.device("meta"):
        return registry.create(name, input_shape=shape, num_classes=num_classes, **options)


def test_loads_without_torch() -> None:
    """Names, facts, options and the list of other packages' networks come from the index alone."""
    code = """
import sys, fathom.models.registry as r
r.get("lenet"), r.names(), r.plugins(), r.check_name("vgg16"), r.defaults("resnet18")
sys.exit("torch" in sys.modules or any(m.startswith("fathom.models.resnet") for m in sys.modules))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_known_of_a_network() -> None:
    model = registry.get("resnet18")
    assert model.module == "fathom.models.resnet"
    assert str(model.paper) == "He, Zhang, Ren & Sun 2016"
    assert (model.form.input_shape, model.form.num_classes) == ((3, 224, 224), 1000)
    assert model.fixed == {"depth": 18}
    assert model.has_small
    assert registry.defaults("resnet18") == {"small": None, "width": 64}


def test_defaults_are_those_of_the_builder() -> None:
    assert registry.defaults("lenet") == {"activation": "relu", "pooling": "max"}
    assert registry.defaults("lenet_sigmoid") == {}
    assert registry.defaults("mlp")["hidden"] == (256,)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lnet", {}, "unknown model 'lnet'; did you mean 'lenet'?"),
        ("lenet", {"activaton": "relu"}, "unknown option of lenet 'activaton'; did you mean 'activation'?"),
        ("lenet", {"activation": "rleu"}, "unknown activation 'rleu'; did you mean 'relu'?"),
        ("lenet", {"pooling": "min"}, "unknown pooling 'min'"),
        ("softmax", {"dropout": 0.1}, "softmax has no options; got 'dropout'"),
        ("vgg16", {"depth": 11}, "unknown option of vgg16 'depth'"),
        ("mlp", {"hidden": ()}, "hidden must be one or more layer widths"),
        ("mlp", {"hidden": "256"}, "hidden must be one or more layer widths"),
        ("mlp", {"hidden": (0,)}, "hidden must be a whole number of at least 1; got 0"),
        ("mlp", {"hidden": True}, "hidden must be a whole number of at least 1; got True"),
        ("mlp", {"dropout": 1}, "dropout must be at least 0 and below 1; got 1"),
        ("mlp", {"dropout": "high"}, "dropout must be at least 0 and below 1"),
        ("mlp", {"batch_norm": "no"}, "batch_norm must be true or false; got 'no'"),
        ("alexnet", {"small": "yes"}, "small must be true or false; got 'yes'"),
        ("resnet18", {"width": 0}, "width must be a whole number of at least 1; got 0"),
        ("googlenet_v3", {"as_torchvision": True}, "unknown option of googlenet_v3 'as_torchvision'"),
        ("googlenet_bn", {"as_torchvision": True}, "as_torchvision goes with variant=bn at full size only"),
    ],
)
def test_wrong_names_and_options(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        create(name, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "num_classes", "message"),
    [
        ((784,), 10, "lenet expects images (channels, height, width); got input shape 784"),
        ((1, 28, 0), 10, "input_shape must be a whole number of at least 1; got 0"),
        ((1, 28, 28), 0, "num_classes must be a whole number of at least 1; got 0"),
    ],
)
def test_wrong_shapes(shape: tuple[int, ...], num_classes: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        create("lenet", shape, num_classes)
    assert message in str(caught.value)


# name, options, the smallest height and width
MINIMA = [
    ("lenet", {}, 12),
    ("alexnet", {"small": False}, 63),
    ("alexnet", {"small": True}, 15),
    ("alexnet_96", {"small": False}, 65),
    ("alexnet_96", {"small": True}, 15),
    ("vgg11", {"small": False}, 32),
    ("nin", {"small": False}, 59),
    ("nin", {"small": True}, 7),
    ("googlenet", {"small": False}, 31),
    ("googlenet_residual", {"small": True}, 8),
    ("googlenet_bn", {"small": False, "as_torchvision": True}, 15),
    ("resnet9", {}, 8),
]


@pytest.mark.parametrize(("name", "options", "minimum"), MINIMA)
def test_minimum_size(name: str, options: dict[str, object], minimum: int) -> None:
    net = create(name, (3, minimum, minimum + 3), **options).eval()
    assert net(torch.empty(1, 3, minimum, minimum + 3, device="meta")).shape == (1, 10)
    with pytest.raises(
        UsageError, match=f"needs images of at least {minimum}x{minimum}; got {minimum + 3}x{minimum - 1}"
    ):
        create(name, (3, minimum + 3, minimum - 1), **options)


@pytest.mark.parametrize(("name", "options", "minimum"), MINIMA)
def test_minimum_is_no_larger_than_need_be(name: str, options: dict[str, object], minimum: int) -> None:
    net = create(name, (3, minimum, minimum), **options).eval()
    with pytest.raises(RuntimeError):
        net(torch.empty(1, 3, minimum - 1, minimum - 1, device="meta"))


@pytest.mark.parametrize("name", ["vgg19", "resnet18"])
def test_small_forms_without_minimum(name: str) -> None:
    net = create(name, (1, 1, 2), small=True).eval()
    assert net(torch.empty(1, 1, 1, 2, device="meta")).shape == (1, 10)


def test_compact_needs_even_sizes() -> None:
    with pytest.raises(UsageError, match="even height and width; got 28x27"):
        create("compact", (1, 28, 27))

"""Full-size networks against torchvision: its weights load by name and give its outputs."""

import pytest
import torch
import torchvision
from torch import nn

from fathom.models import registry

IMAGENET = {"input_shape": (3, 224, 224), "num_classes": 1000}
BN = {"batch_norm": True}
# torchvision's name, ours, our options
PAIRS = [
    ("alexnet", "alexnet", {}),
    *((f"vgg{depth}", f"vgg{depth}", {}) for depth in (11, 13, 16, 19)),
    *((f"vgg{depth}_bn", f"vgg{depth}", BN) for depth in (11, 13, 16, 19)),
    *((f"resnet{depth}", f"resnet{depth}", {}) for depth in (18, 34, 50, 101, 152)),
    ("googlenet", "googlenet_bn", {"as_torchvision": True}),
    ("vit_b_16", "vit_base", {}),
    ("convnext_tiny", "convnext_tiny", {}),
    ("convnext_small", "convnext_small", {}),
]


def make_theirs(name: str) -> nn.Module:
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(weights=None, **options)


def shapes(net: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize(("theirs", "ours", "options"), PAIRS)
def test_same_names_and_shapes_of_weights(theirs: str, ours: str, options: dict[str, bool]) -> None:
    with torch.device("meta"):
        assert shapes(registry.create(ours, **IMAGENET, **options)) == shapes(make_theirs(theirs))


@pytest.mark.parametrize(
    ("theirs", "ours", "options"),
    [pair for pair in PAIRS if pair[0] in ("alexnet", "resnet18", "resnet50", "googlenet")],
)
def test_same_outputs(theirs: str, ours: str, options: dict[str, bool]) -> None:
    check_outputs(theirs, ours, options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theirs", "ours", "options"), [pair for pair in PAIRS if pair[0].startswith(("vgg", "vit", "convnext"))]
)
def test_same_outputs_of_large_ones(theirs: str, ours: str, options: dict[str, bool]) -> None:
    check_outputs(theirs, ours, options)


def check_outputs(theirs: str, ours: str, options: dict[str, bool]) -> None:
    torch.manual_seed(0)
    reference = make_theirs(theirs).eval()
    with torch.device("meta"):
        net = registry.create(ours, **IMAGENET, **options)
    net.load_state_dict(reference.state_dict(), assign=True)
    X = torch.randn(2, 3, 112, 96) if ours != "vit_base" else torch.randn(1, 3, 224, 224)  # patches have places
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(X), reference(X))

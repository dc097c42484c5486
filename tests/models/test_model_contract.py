"""What every network in the registry promises, each on the kind of input that it takes."""

import gzip
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from fathom.models import registry
from fathom.models.inspection.summary import takes_tokens

SHAPES = [(1, 28, 28), (3, 32, 32)]
TOKEN_SHAPES = [(12,), (2,)]
ON_TOKENS = [name for name in registry.builtin_names() if registry.get(name).takes_tokens]
ON_EXAMPLES = [name for name in registry.builtin_names() if name not in ON_TOKENS]
# The same code at a fraction of the width; test_full_width runs what is registered.
NARROW = {name: {"width": 8} for name in registry.builtin_names() if name.startswith("resnet")}


def create(name: str, shape: tuple[int, ...], **options: object) -> nn.Module:
    torch.manual_seed(0)
    return registry.create(name, input_shape=shape, num_classes=10, **options)


def check_contract(name: str, shape: tuple[int, ...], **options: object) -> None:
    net = create(name, shape, **options)
    X, y = torch.randn(2, *shape), torch.tensor([1, 7])
    if name in ON_TOKENS:
        X, y = torch.randint(10, (*shape, 2)), torch.randint(10, (2 * shape[0],))

    logits = logits_of(net, X)
    assert logits.shape == (len(y), 10)
    assert logits.isfinite().all()
    assert (logits < 0).any(), "an activation after the logits?"

    nn.functional.cross_entropy(logits, y).backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
    reached = [bool(parameter.grad.any()) for parameter in net.parameters() if parameter.grad is not None]
    assert sum(reached) >= 0.9 * len(reached), "most parameters have a zero gradient"

    net.eval()
    torch.manual_seed(1)
    restored = registry.create(name, input_shape=shape, num_classes=10, **options).eval()
    with torch.no_grad():
        restored.load_state_dict(load(save(net.state_dict())))
        assert torch.equal(logits_of(restored, X), logits_of(net, X))


def logits_of(net: nn.Module, X: torch.Tensor) -> torch.Tensor:
    """The logits alone, one row for each label."""
    output = net(X)
    return output[0].flatten(0, 1) if isinstance(output, tuple) else output


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ON_EXAMPLES)
def test_contract(name: str, shape: tuple[int, ...]) -> None:
    check_contract(name, shape, **NARROW.get(name, {}))


@pytest.mark.parametrize("options", [{}, {"embedding": 6, "layers": 2}], ids=["one-hot", "embedding"])
@pytest.mark.parametrize("shape", TOKEN_SHAPES)
@pytest.mark.parametrize("name", [name for name in ON_TOKENS if name != "gpt"])
def test_contract_on_tokens(name: str, shape: tuple[int, ...], options: dict[str, object]) -> None:
    check_contract(name, shape, hidden=16, **options)


@pytest.mark.parametrize("shape", TOKEN_SHAPES)
def test_contract_of_the_transformer(shape: tuple[int, ...]) -> None:
    check_contract("gpt", shape, width=16, layers=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", NARROW)
def test_full_width(name: str) -> None:
    check_contract(name, (1, 28, 28))


@pytest.mark.parametrize("name", registry.builtin_names())
def test_published_form(name: str) -> None:
    model = registry.get(name)
    shape, num_classes = model.form.input_shape, model.form.num_classes
    with torch.device("meta"):
        net = registry.create(name, input_shape=shape, num_classes=num_classes)
        if model.takes_tokens:
            X = torch.zeros(*shape, 2, dtype=torch.int64)
            assert net(X)[0].shape == (*X.shape, num_classes)
        else:
            assert net(torch.empty(2, *shape)).shape == (2, num_classes)
    assert takes_tokens(net) == model.takes_tokens
    num_parameters = sum(parameter.numel() for parameter in net.parameters())
    assert num_parameters == model.counts[0].parameters
    if model.parameters is not None:
        assert num_parameters == model.parameters
    assert model.description
    assert model.paper.authors
    assert model.paper.year > 1800


@pytest.mark.parametrize("name", [name for name in registry.builtin_names() if registry.get(name).has_small])
def test_grey_images_of_the_book(name: str) -> None:
    with torch.device("meta"):
        net = registry.create(name, input_shape=(1, 96, 96), num_classes=10)
        assert net(torch.empty(2, 1, 96, 96)).shape == (2, 10)


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "nin", "googlenet", "resnet18"])
def test_small_is_chosen_below_64_pixels(name: str) -> None:
    def count(shape: tuple[int, ...], **options: object) -> int:
        with torch.device("meta"):
            net = registry.create(name, input_shape=shape, num_classes=10, **options)
        return sum(parameter.numel() for parameter in net.parameters())

    assert count((3, 63, 80)) == count((3, 63, 80), small=True)
    assert count((3, 64, 64)) == count((3, 64, 64), small=False)
    assert count((3, 64, 64), small=True) < count((3, 64, 64), small=False)


@pytest.fixture(scope="module")
def clothes(shared_data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The first 20 images of Fashion-MNIST, normalised, and their labels."""

    def read(file: str, offset: int, num_bytes: int) -> torch.Tensor:
        with gzip.open(shared_data / "FashionMNIST" / "raw" / file) as stream:
            stream.seek(offset)
            return torch.tensor(list(stream.read(num_bytes)))

    images = read("train-images-idx3-ubyte.gz", 16, 20 * 784).view(20, 1, 28, 28)
    return (images / 255 - 0.286) / 0.353, read("train-labels-idx1-ubyte.gz", 8, 20)


SLOW = (
    "vgg13",
    "vgg16",
    "vgg19",
    "googlenet",
    "googlenet_bn",
    "googlenet_v3",
    "googlenet_residual",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ON_EXAMPLES if n != "linear"]
)
def test_training_starts(name: str, clothes: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A few steps on one batch lower the loss: no network starts dead, not even 19 layers without normalisation."""
    X, y = clothes
    options = {"dropout": 0.0} if "dropout" in registry.defaults(name) else {}
    net = create(name, (1, 28, 28), **options, **NARROW.get(name, {}))
    # Sigmoids pass a quarter of the gradient at most, and the loss waits at ln 10 for a while.
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2 if name == "lenet_sigmoid" else 1e-3)
    losses = []
    for _ in range(15):
        loss = nn.functional.cross_entropy(net(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3]), losses

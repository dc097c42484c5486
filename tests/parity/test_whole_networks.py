"""ResNet-18 and GoogLeNet: from copied weights, in float64, all that training needs equals PyTorch's."""

import numpy as np
import pytest
import torch

from fathom.models import registry
from fathom.scratch.engine.creation import manual_seed
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.learning.losses import cross_entropy
from fathom.scratch.networks import create

# name, twin, input shape, options, published number of parameters
NETWORKS = [
    ("resnet", "resnet18", (1, 28, 28), {"width": 16}, None),
    ("googlenet", "googlenet", (1, 28, 28), {}, None),
    pytest.param("resnet", "resnet18", (3, 32, 32), {"small": False}, 11_689_512, marks=pytest.mark.slow),
    pytest.param("googlenet", "googlenet", (3, 32, 32), {"small": False}, 6_998_552, marks=pytest.mark.slow),
]
NUM_CLASSES = 1000


def assert_close(ours, theirs, what):
    """Equal to 1e-9 of the largest entry: an entry that is small because large ones cancel has only their accuracy."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-9 * np.abs(theirs).max(), what


@pytest.mark.parametrize(("name", "twin", "shape", "options", "num_parameters"), NETWORKS)
def test_forward_gradients_and_statistics(name, twin, shape, options, num_parameters):
    manual_seed(0)
    # Dropout would draw other masks on each side; without it the rest of the network is the same
    options = options | ({"dropout": 0.0} if name == "googlenet" else {})
    ours = create(name, input_shape=shape, num_classes=NUM_CLASSES, **options).double()
    theirs = registry.create(twin, input_shape=shape, num_classes=NUM_CLASSES, **options).double()
    state = {key: torch.from_numpy(value) for key, value in ours.state_dict().items()}
    counters = {key: value for key, value in theirs.state_dict().items() if key.endswith("num_batches_tracked")}
    theirs.load_state_dict(state | counters)
    if num_parameters is not None:
        assert sum(parameter.numel() for parameter in ours.parameters()) == num_parameters

    generator = np.random.default_rng(1)
    X, y = generator.standard_normal((3, *shape)), generator.integers(0, NUM_CLASSES, 3)
    logits = ours(Tensor(X))
    loss = cross_entropy(logits, Tensor(y))
    loss.backward()
    twin_logits = theirs(torch.from_numpy(X))
    twin_loss = torch.nn.functional.cross_entropy(twin_logits, torch.from_numpy(y))
    twin_loss.backward()

    assert_close(logits.data, twin_logits.detach().numpy(), "logits")
    assert loss.item() == pytest.approx(twin_loss.item(), rel=1e-12)
    gradients = {key: parameter.grad.numpy() for key, parameter in theirs.named_parameters()}
    own = dict(ours.named_parameters())
    assert own.keys() == gradients.keys()
    for key, parameter in own.items():
        assert_close(parameter.grad.data, gradients[key], key)
    after = theirs.state_dict()
    for key, value in ours.state_dict().items():
        if "running" in key:
            assert_close(value, after[key].numpy(), key)

"""The networks from scratch: the parameters of their twins, by name, and a forward pass that equals theirs."""

import numpy as np
import pytest
import torch
from torch import nn

from fathom.models import registry
from fathom.scratch.engine.creation import manual_seed, one_hot
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.networks import NETWORKS, create

# name, twin in fathom.models, input shape, options of both
TWINS = [
    ("linear", "linear", (5,), {}, {}),
    ("linear", "linear", (1, 4, 4), {}, {}),
    ("softmax", "softmax", (1, 8, 8), {}, {}),
    ("mlp", "mlp", (1, 8, 8), {"hidden": (16, 8)}, {"hidden": (16, 8)}),
    ("mlp", "mlp", (12,), {"activation": "tanh"}, {"activation": "tanh"}),
    ("mlp", "mlp", (12,), {"activation": "scaled_sigmoid"}, {"activation": "scaled_sigmoid"}),
    ("lenet", "lenet", (1, 28, 28), {}, {}),
    ("lenet", "lenet_sigmoid", (1, 28, 28), {"activation": "sigmoid", "pooling": "avg"}, {}),
    ("lenet", "lenet", (3, 13, 16), {}, {}),
    ("vgg", "vgg11", (1, 8, 8), {}, {}),
    ("vgg", "vgg11", (1, 28, 28), {}, {}),
    ("nin", "nin", (1, 8, 8), {}, {}),
    ("nin", "nin", (3, 15, 15), {}, {}),
    ("googlenet", "googlenet", (1, 8, 8), {}, {}),
    ("googlenet", "googlenet", (1, 40, 40), {"small": False}, {"small": False}),
    ("resnet", "resnet18", (1, 8, 8), {"width": 8}, {"width": 8}),
    ("resnet", "resnet34", (3, 33, 33), {"small": False, "depth": 34, "width": 4}, {"small": False, "width": 4}),
]


def torch_state(net):
    return {name: torch.from_numpy(value.copy()) for name, value in net.state_dict().items()}


@pytest.mark.parametrize(("name", "twin", "shape", "options", "twin_options"), TWINS)
def test_equals_its_twin(name, twin, shape, options, twin_options):
    manual_seed(1)
    ours = create(name, input_shape=shape, num_classes=10, **options).double().eval()
    theirs = registry.create(twin, input_shape=shape, num_classes=10, **twin_options).double().eval()
    missing = theirs.load_state_dict(torch_state(ours), strict=False)
    assert not missing.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
    X = np.random.default_rng(0).standard_normal((3, *shape))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(X)).numpy()
    # Sums of thousands of products are added up in another order
    np.testing.assert_allclose(ours(Tensor(X)).data, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_character_rnn_equals_torch(cell):
    ours = create("rnn", num_characters=7, hidden=5, cell=cell).double()
    recurrent = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell](7, 5).double()
    state = torch_state(ours)
    recurrent.load_state_dict({f"{key.rpartition('.')[2]}_l0": state[key] for key in state if "cell" in key})
    numbers = np.random.default_rng(0).integers(0, 7, (6, 3))
    X = one_hot(Tensor(numbers), 7).astype(np.float64)
    expected = recurrent(torch.from_numpy(X.data))[0].reshape(-1, 5) @ state["head.weight"].T + state["head.bias"]
    np.testing.assert_allclose(ours(X).data, expected.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("mpl", {}, "there is no network 'mpl'; there are linear, softmax, mlp"),
        ("mlp", {"input_shape": (4,), "num_classes": 2, "activation": "rely"}, "got 'rely'"),
        ("lenet", {"input_shape": (1, 28, 28), "num_classes": 2, "pooling": "mean"}, "got 'relu' and 'mean'"),
        ("vgg", {"input_shape": (1, 8, 8), "num_classes": 2, "depth": 12}, "depth is one of 11, 13, 16, got 12"),
        ("resnet", {"input_shape": (1, 8, 8), "num_classes": 2, "depth": 50}, "depth is one of 18, 34, got 50"),
        ("rnn", {"num_characters": 5, "cell": "elman"}, "cell is one of rnn, gru, lstm, got 'elman'"),
    ],
)
def test_refusals(name, options, said):
    with pytest.raises(ValueError, match=said):
        create(name, **options)


def test_every_network_has_a_twin_here():
    assert {name for name, *_ in TWINS} | {"rnn"} == set(NETWORKS)

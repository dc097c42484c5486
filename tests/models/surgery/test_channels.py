"""Taking channels out of any network is the same as no longer reading them, and widths are enough to build it again."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from fathom.models import registry
from fathom.models.surgery.channels import Channels
from fathom.models.surgery.pruning import choose_channels, remove_channels
from fathom.models.surgery.widths import widths_of

OPTIONS = {name: {"width": 8} for name in registry.names() if name.startswith("resnet")}
# An embedding, for one-hot vectors are float32 and the comparison is not.
OPTIONS |= {name: {"hidden": 16, "layers": 2, "embedding": 7} for name in ("rnn", "gru", "lstm")}
NOTHING_TO_PRUNE = ("linear", "softmax")
NO_CHANNELS = ("tabular",)  # batched products: its members share none
DEEP = ("resnet101", "resnet152", "vgg16", "vgg19")
NAMES = [name for name in registry.names() if name not in (*NOTHING_TO_PRUNE, *NO_CHANNELS)]
# Zero in, zero out all the way: the outputs of a layer can be set to zero instead of its readers' weights.
ZERO_STAYS_ZERO = ["mlp", "lenet", "alexnet", "vgg11", "nin", "googlenet_residual", "resnet18", "resnet50", "resnet9"]
ZERO_STAYS_ZERO += ["compact", "gru", "lstm"]


def make(name, **options):
    """A network with statistics and scales as after training, in double precision."""
    torch.manual_seed(1)
    takes_tokens = registry.get(name).takes_tokens
    shape = (6,) if takes_tokens else (1, 28, 28)
    net = registry.create(name, input_shape=shape, num_classes=5, **(OPTIONS.get(name, {}) | options)).double().eval()
    for layer in net.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (layer.running_var, layer.weight.data):
                tensor.uniform_(0.5, 1.5)
            for tensor in (layer.running_mean, layer.bias.data):
                tensor.normal_()
    X = torch.randint(5, (6, 2)) if takes_tokens else torch.rand(2, *shape, dtype=torch.float64)
    return net, shape, X


@torch.no_grad()
def apply(net, X):
    output = net(X)
    return output[0] if isinstance(output, tuple) else output


def prune(net, shape, amount=0.5, **options):
    """Return the narrower copy, its channels, and which of them went."""
    channels = Channels(net, shape)
    removed = np.concatenate([removal.removed for removal in choose_channels(net, channels, amount, **options)])
    small = copy.deepcopy(net)
    remove_channels(small, channels, removed)
    gone = np.zeros(channels.count, dtype=bool)
    gone[removed] = True
    return small, channels, gone


@torch.no_grad()
def silence(net, channels, gone, *, readers):
    """Set to zero what reads the channels that went, or what makes them."""
    net = copy.deepcopy(net)
    tensors = net.state_dict()
    for name, dims in channels.dims.items():
        made_along = channels.makers.get(name, 0)
        for dim, labels in dims.items():
            if (dim != made_along) == readers and "running" not in name:
                tensors[name].index_fill_(dim, torch.from_numpy(np.flatnonzero(gone[labels])), 0.0)
    return net


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name for name in NAMES]
)
@pytest.mark.parametrize("scope", ["local", "global"])
def test_removal_is_no_longer_reading(name, scope):
    net, shape, X = make(name)
    small, channels, gone = prune(net, shape, scope=scope)
    output = apply(small, X)
    assert not torch.allclose(output, apply(net, X), rtol=1e-3)
    torch.testing.assert_close(output, apply(silence(net, channels, gone, readers=True), X), rtol=1e-10, atol=1e-12)

    before, after = widths_of(net), widths_of(small)
    widths = {layer: sizes for layer, sizes in after.items() if sizes != before[layer]}
    again = registry.create(name, input_shape=shape, num_classes=5, widths=widths, **OPTIONS.get(name, {}))
    again = again.double().eval()
    again.load_state_dict(small.state_dict())
    assert repr(again) == repr(small)
    assert torch.equal(apply(again, X), output)


@pytest.mark.parametrize("name", ZERO_STAYS_ZERO)
def test_removal_is_silence(name):
    """Channels zeroed where they are made, shifts of batch norm included, add nothing to what follows."""
    net, shape, X = make(name)
    small, channels, gone = prune(net, shape)
    quiet = silence(net, channels, gone, readers=False)
    torch.testing.assert_close(apply(small, X), apply(quiet, X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_units_of_recurrent_layers_go_together(name):
    net, shape, _ = make(name)
    small, _, _ = prune(net, shape)
    assert (small.recurrent.hidden_size, small.recurrent.input_size, small.output.in_features) == (8, 4, 8)
    assert small.recurrent.weight_ih_l1.shape == small.recurrent.weight_hh_l0.shape


@pytest.mark.parametrize("batch_norm", [False, True])
def test_dense_layers(batch_norm):
    net, shape, X = make("mlp", hidden=[12, 8], batch_norm=batch_norm, activation="sigmoid")
    small, channels, gone = prune(net, shape, 0.25)
    assert [layer.out_features for layer in small if isinstance(layer, nn.Linear)] == [9, 6, 5]
    torch.testing.assert_close(apply(small, X), apply(silence(net, channels, gone, readers=True), X))


def test_shortcuts_couple_channels():
    """The stem and the second convolution of each block of the first stage are added: they lose the same channels."""
    net, shape, _ = make("resnet18")
    channels = Channels(net, shape)
    stem = next(group for group in channels.groups if "conv1" in group.layers)
    assert set(stem.layers) == {"conv1", "layer1.0.conv2", "layer1.1.conv2"}
    alone = next(group for group in channels.groups if "layer1.0.conv1" in group.layers)
    assert alone.layers == ("layer1.0.conv1",)


def test_branches_of_inception_are_free():
    net, shape, _ = make("googlenet")
    groups = Channels(net, shape).groups
    assert all(len(group.layers) == 1 for group in groups)
    assert [group.layers for group in groups if group.why_kept] == [("fc",)]


@pytest.mark.parametrize("name", NOTHING_TO_PRUNE)
def test_outputs_stay(name):
    net, shape, _ = make(name)
    (group,) = Channels(net, shape).groups
    assert "output" in group.why_kept


class Odd(nn.Module):
    """What the tape does not follow: a softmax over positions, and a convolution in groups."""

    def __init__(self):
        super().__init__()
        self.free = nn.Conv2d(1, 6, 3)
        self.mixed = nn.Conv2d(6, 4, 3)
        self.grouped = nn.Conv2d(4, 4, 3, groups=2)
        self.out = nn.Linear(4, 2)

    def forward(self, X):
        X = self.mixed(self.free(X))
        X = self.grouped(X.roll(1, dims=1))
        return self.out(X.mean((2, 3)))


def test_what_is_not_followed_stays_whole():
    torch.manual_seed(0)
    net = Odd().double().eval()
    reasons = {group.layers[0]: group.why_kept for group in Channels(net, (1, 8, 8)).groups}
    assert reasons["free"] == ""
    assert "roll" in reasons["mixed"]
    assert "groups" in reasons["grouped"]
    X = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    small, channels, gone = prune(net, (1, 8, 8))
    assert small.free.out_channels == 3
    torch.testing.assert_close(small(X), silence(net, channels, gone, readers=True)(X))


class Shared(nn.Module):
    """One layer used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.twice, self.out = nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, X):
        return self.out(torch.relu(self.twice(torch.relu(self.twice(torch.relu(self.first(X)))))))


def test_a_layer_used_twice_keeps_its_inputs_and_outputs_alike():
    torch.manual_seed(0)
    net = Shared().double()
    X = torch.rand(4, 3, dtype=torch.float64)
    small, channels, gone = prune(net, (3,))
    assert small.twice.weight.shape == (4, 4)
    torch.testing.assert_close(small(X), silence(net, channels, gone, readers=True)(X))

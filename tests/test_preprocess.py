"""What a module does to stored samples before its network sees them."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.errors import UsageError
from fathom.module import Classifier
from fathom.preprocess import Preprocess


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.randint(0, 256, (6, 3, 4, 5), dtype=torch.uint8, generator=generator)
    return X, torch.tensor([0, 1, 2, 0, 1, 2])


def make_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(60, 3))


def test_bytes_and_fractions_give_the_same(images):
    X, _ = images
    preprocess = Preprocess([0.1, 0.5, 0.9], [0.2, 0.3, 0.4])
    expected = (X / 255 - torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1)) / torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)
    torch.testing.assert_close(preprocess(X), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(preprocess(X / 255), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(preprocess((X / 255).bfloat16()), expected, rtol=0.05, atol=0.05)


def test_input_is_left_alone(images):
    X, _ = images
    fractions = X / 255
    before = X.clone(), fractions.clone()
    preprocess = Preprocess([0.5] * 3, [0.2] * 3)
    preprocess(X), preprocess(fractions)
    assert torch.equal(X, before[0])
    assert torch.equal(fractions, before[1])


def test_channels_last_has_the_same_values(images):
    X, _ = images
    preprocess = Preprocess([0.5] * 3, [0.2] * 3)
    plain = preprocess(X)
    preprocess.memory_format = torch.channels_last
    turned = preprocess(X)
    assert turned.is_contiguous(memory_format=torch.channels_last)
    assert not turned.is_contiguous()
    assert torch.equal(turned, plain)
    features = torch.randint(0, 256, (4, 7), dtype=torch.uint8)
    torch.testing.assert_close(Preprocess()(features), features / 255)


def test_without_statistics(images):
    X, _ = images
    torch.testing.assert_close(Preprocess()(X), X / 255)
    features = torch.randn(4, 7)
    assert Preprocess()(features) is features
    tokens = torch.arange(6)
    assert Preprocess()(tokens) is tokens


def test_features_are_normalised_by_column():
    X = torch.randn(50, 3) * torch.tensor([1.0, 10.0, 100.0]) + 7
    std, mean = torch.std_mean(X, 0)
    torch.testing.assert_close(Preprocess(mean.tolist(), std.tolist())(X), (X - mean) / std)


def test_statistics_may_be_arrays():
    preprocess = Preprocess(torch.tensor([0.0, 0.5]).numpy(), torch.tensor([1.0, 2.0]).numpy())
    assert preprocess.std.tolist() == [1.0, 2.0]


def test_resize_is_torchs_antialiased_bilinear(images):
    X, _ = images
    smaller = Preprocess([0.5] * 3, [0.25] * 3, size=(2, 3))(X)
    expected = F.interpolate(X.float(), (2, 3), mode="bilinear", antialias=True)
    torch.testing.assert_close(smaller, (expected / 255 - 0.5) / 0.25)
    same = Preprocess(size=(4, 5))(X)
    torch.testing.assert_close(same, X / 255)
    assert Preprocess(size=(2, 3)).describe() == {"size": [2, 3]}


def test_buffers_are_saved_with_the_model():
    module = Classifier(make_net(), preprocess=Preprocess([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]))
    other = Classifier(make_net(), preprocess=Preprocess([0.0] * 3, [1.0] * 3))
    other.load_state_dict(module.state_dict())
    assert other.preprocess.describe() == module.preprocess.describe()
    assert {"preprocess.mean", "preprocess.std"} <= set(module.state_dict())


def test_follows_the_modules_precision(images):
    X, _ = images
    module = Classifier(make_net(), preprocess=Preprocess([0.5] * 3, [0.2] * 3))
    single = module(X)
    double = copy.deepcopy(module).double()(X)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("std", [[0.0], [1.0, -1.0], [float("nan")]])
def test_a_deviation_that_is_not_positive_is_refused(std):
    with pytest.raises(UsageError, match="each must be above 0"):
        Preprocess([0.5], std)

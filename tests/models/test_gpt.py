"""The transformer looks back and never ahead, as far as its context; reading on equals reading at once."""

import math

import numpy as np
import pytest
import torch

from fathom.errors import UsageError
from fathom.models.gpt import CausalAttention, gpt, rotate


@pytest.fixture
def net():
    torch.manual_seed(0)
    return gpt((8,), 11, width=16, layers=2, heads=2, context=5).double().eval()


@pytest.fixture
def tokens():
    return torch.randint(0, 11, (23, 3), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("pieces", [[1] * 23, [4, 1, 7, 11], [23]])
def test_reading_on_equals_reading_at_once(net, tokens, pieces):
    whole, last = net(tokens)
    outputs, state = [], torch.zeros_like(last)  # as an export begins, which has no None
    for piece in tokens.split(pieces):
        output, state = net(piece, state)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


def test_no_token_sees_a_later_one_or_one_beyond_the_reach_of_its_layers(net, tokens):
    vectors = []
    net.input.register_forward_hook(lambda layer, given, found: vectors.append(found))
    output, _ = net(tokens)
    (gradient,) = torch.autograd.grad(output[15].sum(), vectors)  # (3, 23, 16)
    seen = (gradient.abs().sum((0, 2)) > 0).nonzero().flatten().tolist()
    assert seen == list(range(15 - 2 * (5 - 1), 16))  # two layers, each four tokens back


def test_attention_equals_its_definition():
    torch.manual_seed(2)
    layer = CausalAttention(8, heads=2, context=3, dropout=0.0).double()
    X = torch.randn(1, 6, 8, dtype=torch.float64)
    found, _ = layer(X, X.new_zeros(1, 2, 3, 8), torch.zeros(1), True)
    q, k, v = (part[0].detach().numpy() for part in layer.qkv(X).chunk(3, -1))  # (6, 8) each
    expected = np.zeros((6, 8))
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for t in range(6):
            first = max(0, t - 2)
            turned = [turn(k[j, part], j) @ turn(q[t, part], t) / math.sqrt(4) for j in range(first, t + 1)]
            weights = np.exp(turned) / np.exp(turned).sum()
            expected[t, part] = weights @ v[first : t + 1, part]
    expected = expected @ layer.output.weight.detach().numpy().T + layer.output.bias.detach().numpy()
    np.testing.assert_allclose(found[0].detach().numpy(), expected, rtol=0, atol=1e-12)


def turn(vector, position):
    """Rotate the pairs (i, i + d/2) as complex numbers: independent of ``rotate``."""
    half = len(vector) // 2
    pairs = vector[:half] + 1j * vector[half:]
    pairs = pairs * np.exp(1j * position * 10_000.0 ** (-np.arange(half) / half))
    return np.concatenate([pairs.real, pairs.imag])


def test_rotated_products_depend_on_the_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def product(at, other):
        return (rotate(q, torch.tensor([at])) * rotate(k, torch.tensor([other]))).sum()

    torch.testing.assert_close(product(7, 3), product(104, 100), rtol=1e-10, atol=1e-12)
    assert not torch.isclose(product(7, 3), product(7, 4))


def test_initial_weights_keep_the_sum_from_growing_with_the_depth():
    net = gpt((8,), 28, width=64, layers=8, heads=4)
    scaled = net.blocks[3].contract.weight.std().item()
    assert scaled == pytest.approx(0.02 / math.sqrt(16), rel=0.03)
    assert net.blocks[3].expand.weight.std().item() == pytest.approx(0.02, rel=0.03)
    logits, _ = net(torch.randint(0, 28, (32, 4)))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(0, 28, (128,)))
    assert loss.item() == pytest.approx(math.log(28), abs=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 20, "heads": 4}, "width must be a multiple of twice the heads, 8; got 20"),
        ({"layers": 0}, "layers must be a whole number of at least 1"),
        ({"context": 0}, "context must be a whole number of at least 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        gpt((8,), 11, **options)

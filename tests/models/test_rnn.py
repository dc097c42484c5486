"""Recurrent language models against the arithmetic of the book, written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fathom.errors import UsageError
from fathom.models import registry
from fathom.models.inspection.summary import count_flops, layer_table
from fathom.models.rnn import OneHot

STEPS, BATCH, TOKENS, HIDDEN = 5, 3, 7, 4


def make(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return registry.create(name, input_shape=(STEPS,), num_classes=TOKENS, **{"hidden": HIDDEN} | options)


def sample() -> Tensor:
    return torch.randint(TOKENS, (STEPS, BATCH), generator=torch.Generator().manual_seed(1))


def by_hand(name: str, net: nn.Module, X: Tensor) -> Tensor:
    """One step after the other, from one-hot vectors; gates in torch's order, each with torch's two biases."""
    W, U, b, c = (p.detach() for p in net.recurrent.parameters())  # type: ignore[union-attr]
    H = C = torch.zeros(BATCH, HIDDEN)
    outputs = []
    for x in torch.eye(TOKENS)[X]:
        inner, outer = x @ W.T + b, H @ U.T + c
        if name == "rnn":
            H = torch.tanh(inner + outer)
        elif name == "gru":
            (r, z, n), (r_h, z_h, n_h) = inner.chunk(3, 1), outer.chunk(3, 1)
            R, Z = torch.sigmoid(r + r_h), torch.sigmoid(z + z_h)
            H = Z * H + (1 - Z) * torch.tanh(n + R * n_h)  # torch applies R after the product, the book before it
        else:
            i, f, g, o = (inner + outer).chunk(4, 1)
            C = torch.sigmoid(f) * C + torch.sigmoid(i) * torch.tanh(g)
            H = torch.sigmoid(o) * torch.tanh(C)
        outputs.append(H @ net.output.weight.T + net.output.bias)  # type: ignore[union-attr, operator]
    return torch.stack(outputs)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_equals_the_recurrence_written_out(name: str) -> None:
    net, X = make(name), sample()
    with torch.no_grad():
        torch.testing.assert_close(net(X)[0], by_hand(name, net, X))


@pytest.mark.parametrize("options", [{}, {"layers": 2, "embedding": 6}], ids=["one layer", "two layers"])
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_reading_on_from_a_state_is_reading_in_one_go(name: str, options: dict[str, object]) -> None:
    net, X = make(name, **options).eval(), sample()
    with torch.no_grad():
        whole, last = net(X)
        first, state = net(X[:2])
        second, end = net(X[2:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(end, last)


def test_one_hot_is_the_embedding_with_the_identity() -> None:
    X = sample()
    assert torch.equal(OneHot(TOKENS)(X), nn.functional.embedding(X, torch.eye(TOKENS)))


def test_many_tokens_are_embedded_unless_told_otherwise() -> None:
    def first_layer(num_tokens: int, **options: object) -> nn.Module:
        with torch.device("meta"):
            net = registry.create("gru", input_shape=(8,), num_classes=num_tokens, **options)
        return net.input  # type: ignore[return-value]

    assert isinstance(first_layer(256), OneHot)
    assert isinstance(first_layer(257), nn.Embedding)
    assert isinstance(first_layer(257, embedding=0), OneHot)
    assert isinstance(first_layer(28, embedding=5), nn.Embedding)


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_layer_table_counts_every_gate(name: str, gates: int) -> None:
    rows = layer_table(make(name, layers=2), (STEPS,))
    assert [(row["type"], row["output_shape"]) for row in rows] == [
        ("OneHot", [STEPS, TOKENS]),
        ({"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}[name], [STEPS, HIDDEN]),
        ("Dropout", [STEPS, HIDDEN]),
        ("Linear", [STEPS, TOKENS]),
    ]
    layers = [gates * HIDDEN * (TOKENS + HIDDEN), gates * HIDDEN * (HIDDEN + HIDDEN)]
    assert rows[1]["flops"] == 2 * STEPS * sum(layers)
    assert rows[1]["parameters"] == sum(layers) + 2 * 2 * gates * HIDDEN
    assert count_flops(make(name, layers=2), (STEPS,)) == rows[1]["flops"] + 2 * STEPS * HIDDEN * TOKENS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "lstm"}, "unknown option of gru 'cell'"),
        ({"hidden": 0}, "hidden must be a whole number of at least 1; got 0"),
        ({"layers": 1.5}, "layers must be a whole number of at least 1; got 1.5"),
        ({"embedding": -1}, "embedding must be a whole number of at least 1; got -1"),
        ({"embedding": False}, "embedding must be a whole number of at least 1; got False"),
        ({"dropout": 1}, "dropout must be at least 0 and below 1"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make("gru", **options)
    assert message in str(caught.value)


def test_images_are_refused() -> None:
    with pytest.raises(UsageError, match=r"gru expects texts, .* got input shape 1x28x28"):
        registry.create("gru", input_shape=(1, 28, 28), num_classes=10)

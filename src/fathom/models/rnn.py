"""Recurrent networks that read a text token by token: Elman's, GRU and LSTM.

Source: notes N3 ch. 9; Dive into Deep Learning §9.5, §10.1, §10.2
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.errors import UsageError
from fathom.models.facts import TEXT, Paper
from fathom.models.options import check_count, check_probability, choose_embedding
from fathom.models.registration import register_model

ELMAN = Paper("Elman", 1990, "Finding structure in time", "https://doi.org/10.1207/s15516709cog1402_1")
CHO = Paper(
    "Cho et al.",
    2014,
    "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
    "https://arxiv.org/abs/1406.1078",
)
HOCHREITER = Paper(
    "Hochreiter & Schmidhuber", 1997, "Long short-term memory", "https://doi.org/10.1162/neco.1997.9.8.1735"
)

# torch's GRU applies the reset gate after the matrix product, Cho et al. and the book before it
CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

State = Any
"""Hidden state (layers, N, hidden); of an LSTM a pair of them, hidden and cell state."""


class OneHot(nn.Module):
    """Each token as a vector with a one at its number.

    Shape:   X int64 (steps, N) -> float32 (steps, N, num_tokens)
    Equals:  torch.nn.functional.one_hot
    """

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens

    def forward(self, X: Tensor) -> Tensor:
        return F.one_hot(X, self.num_tokens).float()  # (steps, N, num_tokens)

    def extra_repr(self) -> str:
        return str(self.num_tokens)


class RecurrentNet(nn.Module):
    """Tokens in, logits of the next token out, at every step, with the state that the next batch may begin in.

    Shape:   X int64 (steps, N), state (layers, N, hidden)
             -> logits (steps, N, num_tokens), state (layers, N, hidden); state: see ``State``, None for zeros
    """

    takes_tokens = True  # time first: samples lie along dimension 1

    def __init__(self, cell: str, num_tokens: int, *, hidden: int, layers: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.input = nn.Embedding(num_tokens, embedding) if embedding else OneHot(num_tokens)
        # torch drops between the layers only, and warns where there is no between
        between = dropout if layers > 1 else 0.0
        self.recurrent = CELLS[cell](embedding or num_tokens, hidden, layers, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, num_tokens)
        # the parameter that reads the tokens, and the dimension along which they lie
        self.token_dim = ("input.weight", 0) if embedding else ("recurrent.weight_ih_l0", 1)

    @property
    def state_sizes(self) -> tuple[tuple[int, int], ...]:
        """Layers and width of each state."""
        size = (self.recurrent.num_layers, self.recurrent.hidden_size)
        return (size, size) if isinstance(self.recurrent, nn.LSTM) else (size,)

    def draw_state(self, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return a possible state of ``size`` sequences, at random: numbers in the range of tanh.

        Shape:   -> (layers, size, hidden); of an LSTM two of them
        """
        sizes = [(layers, size, hidden) for layers, hidden in self.state_sizes]
        return tuple(2 * torch.rand(each, generator=generator) - 1 for each in sizes)

    def forward(self, X: Tensor, state: State = None) -> tuple[Tensor, State]:
        tokens = self.input(X)  # (steps, N, embedding), or one-hot (steps, N, num_tokens)
        features, state = self.recurrent(tokens, state)  # (steps, N, hidden), (layers, N, hidden)
        return self.output(self.dropout(features)), state  # (steps, N, num_tokens)


@register_model(
    "rnn",
    description="recurrent language model, tanh",
    paper=ELMAN,
    form=TEXT,
    fixed={"cell": "rnn"},
    takes_tokens=True,
)
@register_model(
    "gru",
    description="recurrent language model, gated units",
    paper=CHO,
    form=TEXT,
    fixed={"cell": "gru"},
    takes_tokens=True,
)
@register_model(
    "lstm",
    description="recurrent language model, memory cells",
    paper=HOCHREITER,
    form=TEXT,
    fixed={"cell": "lstm"},
    takes_tokens=True,
)
def recurrent(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    cell: str,
    hidden: int = 256,  # the book's first edition, §9.1
    layers: int = 1,
    embedding: int | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """Build a recurrent language model; ``num_classes`` is the size of its vocabulary.

    Args:
        cell: rnn (tanh), gru or lstm.
        hidden: width of the state.
        layers: recurrent layers, one on top of the other.
        embedding: width of the token vectors that are learned; 0 for one-hot vectors. None takes one-hot vectors for
            up to 256 tokens and 128 dimensions for more.
        dropout: probability of dropping an output of a recurrent layer.

    Shape:   X int64 (steps, N) -> logits (steps, N, num_classes), state (layers, N, hidden); state: see ``State``
    """
    if len(input_shape) != 1:
        shape = "x".join(map(str, input_shape)) or "()"
        raise UsageError(f"{cell} expects texts, of input shape (steps,); got input shape {shape}")
    check_count("hidden", hidden)
    check_count("layers", layers)
    check_probability("dropout", dropout)
    if embedding is None:
        embedding = choose_embedding(num_classes)
    elif embedding != 0 or isinstance(embedding, bool):
        check_count("embedding", embedding)
    return RecurrentNet(cell, num_classes, hidden=hidden, layers=layers, embedding=embedding, dropout=dropout)

"""Recurrent networks that read a text token by token: Elman's, GRU and LSTM.

Source: notes N3 ch. 9; Dive into Deep Learning §9.5, §10.1, §10.2
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from fathom.errors import UsageError
from fathom.models.options import check_count, check_probability, choose_embedding

# torch's GRU applies the reset gate after the matrix product, Cho et al. and the book before it
CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

State = Any
"""Hidden state (layers, batch, hidden); of an LSTM a pair of them, hidden and cell state."""


class OneHot(nn.Module):
    """Each token as a vector with a one at its number.

    Shape:   int64 (steps, batch) -> float (steps, batch, num_tokens)
    Equals:  torch.nn.functional.one_hot
    """

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens

    def forward(self, X: Tensor) -> Tensor:
        return F.one_hot(X, self.num_tokens).float()

    def extra_repr(self) -> str:
        return str(self.num_tokens)


class RecurrentNet(nn.Module):
    """Tokens in, logits of the next token out, at every step, with the state that the next batch may begin in.

    Shape:   X int64 (steps, batch), state as in ``State`` or None for zeros -> logits (steps, batch, num_tokens), state
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

    def forward(self, X: Tensor, state: State = None) -> tuple[Tensor, State]:
        features, state = self.recurrent(self.input(X), state)
        return self.output(self.dropout(features)), state


def recurrent(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    cell: str,
    hidden: int = 256,
    layers: int = 1,
    embedding: int | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """A recurrent language model; ``num_classes`` is the size of its vocabulary.

    Args:
        cell: rnn (tanh), gru or lstm.
        hidden: width of the state.
        layers: recurrent layers, one on top of the other.
        embedding: width of the token vectors that are learned; 0 for one-hot vectors. None takes one-hot vectors for
            up to 256 tokens and 128 dimensions for more.
        dropout: probability of dropping an output of a recurrent layer.

    Shape:   int64 (steps, batch) -> logits (steps, batch, num_classes) and the last state
    """
    if len(input_shape) != 1:
        shape = "x".join(map(str, input_shape)) or "()"
        raise UsageError(f"{cell} takes texts, of input shape (steps,); got the input shape {shape}")
    check_count("hidden", hidden)
    check_count("layers", layers)
    check_probability("dropout", dropout)
    if embedding is None:
        embedding = choose_embedding(num_classes)
    elif embedding != 0 or isinstance(embedding, bool):
        check_count("embedding", embedding)
    return RecurrentNet(cell, num_classes, hidden=hidden, layers=layers, embedding=embedding, dropout=dropout)

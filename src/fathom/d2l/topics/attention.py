"""The book's attention: scores, masks and heads."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.d2l.frame.generations import accepts_old
from fathom.d2l.frame.module import Module
from fathom.d2l.topics.seq2seq import Decoder


def masked_softmax(X: Tensor, valid_lens: Tensor | None) -> Tensor:
    """Softmax over the last axis, over its first ``valid_lens`` entries only.

    Shape:   X (N, Q, K), valid_lens (N,) -> (N, Q, K); valid_lens may be (N, Q) or None
    """
    if valid_lens is None:
        return F.softmax(X, dim=-1)
    lengths = valid_lens[:, None, None] if valid_lens.ndim == 1 else valid_lens[:, :, None]  # (N, 1 or Q, 1)
    mask = torch.arange(X.shape[-1], device=X.device) >= lengths  # (N, 1 or Q, K)
    # −1e6 as in the book, not −∞: a row with no valid entry is uniform, and not NaN.
    return F.softmax(X.masked_fill(mask, -1e6), dim=-1)


class DotProductAttention(nn.Module):
    """Attention by the scaled dot product; the last weights are kept in ``attention_weights``.

    Shape:   queries (N, Q, d), keys (N, K, d), values (N, K, v), valid_lens (N,) -> (N, Q, v); valid_lens may be (N, Q)
        or None
    Source:  Vaswani et al. 2017, arXiv:1706.03762, eq. (1)
    """

    attention_weights: Tensor

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, valid_lens: Tensor | None = None) -> Tensor:
        """Return for each query the mean of the values, weighted by how well their keys match it."""
        scores = queries @ keys.transpose(1, 2) / math.sqrt(queries.shape[-1])  # (N, Q, K)
        self.attention_weights = masked_softmax(scores, valid_lens)  # (N, Q, K)
        return self.dropout(self.attention_weights) @ values  # (N, Q, v)


def _linear(in_features: int | None, out_features: int, bias: bool = False) -> nn.Linear:
    return nn.LazyLinear(out_features, bias) if in_features is None else nn.Linear(in_features, out_features, bias)


def _old_additive(key_size: int, query_size: int, num_hiddens: int, dropout: float) -> dict[str, Any]:
    return {"num_hiddens": num_hiddens, "dropout": dropout, "sizes": (key_size, query_size)}


class AdditiveAttention(nn.Module):
    """Attention by a small network: w_v·tanh(W_q q + W_k k).

    Earlier editions put the sizes first: ``AdditiveAttention(key_size, query_size, num_hiddens, dropout)`` is accepted
    as well.

    Shape:   queries (N, Q, q), keys (N, K, k), values (N, K, v), valid_lens (N,) -> (N, Q, v); valid_lens may be (N, Q)
        or None
    Source:  Bahdanau, Cho & Bengio 2015, arXiv:1409.0473
    """

    attention_weights: Tensor

    @accepts_old(_old_additive)
    def __init__(
        self, num_hiddens: int, dropout: float, *, sizes: tuple[int | None, int | None] = (None, None)
    ) -> None:
        super().__init__()
        key_size, query_size = sizes
        self.W_k = _linear(key_size, num_hiddens)
        self.W_q = _linear(query_size, num_hiddens)
        self.w_v = _linear(None if key_size is None else num_hiddens, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, valid_lens: Tensor | None) -> Tensor:
        """Return for each query the mean of the values, weighted by how well their keys match it."""
        features = torch.tanh(self.W_q(queries)[:, :, None] + self.W_k(keys)[:, None])  # (N, Q, K, num_hiddens)
        self.attention_weights = masked_softmax(self.w_v(features).squeeze(-1), valid_lens)  # (N, Q, K)
        return self.dropout(self.attention_weights) @ values  # (N, Q, v)


class AttentionDecoder(Decoder):
    """Base of decoders that attend; they keep their ``attention_weights``."""

    @property
    def attention_weights(self) -> Any:
        """The weights of the last call."""
        raise NotImplementedError(f"{type(self).__name__} must define the property attention_weights")


def _old_heads(
    key_size: int,
    query_size: int,
    value_size: int,
    num_hiddens: int,
    num_heads: int,
    dropout: float,
    bias: bool = False,
) -> dict[str, Any]:
    return {
        "num_hiddens": num_hiddens,
        "num_heads": num_heads,
        "dropout": dropout,
        "bias": bias,
        "sizes": (key_size, query_size, value_size),
    }


class MultiHeadAttention(Module):
    """Several attention heads in parallel, each on its own projection.

    Earlier editions put the sizes first; a call in that form is accepted as well.

    Shape:   queries (N, Q, q), keys (N, K, k), values (N, K, v), valid_lens (N,) -> (N, Q, num_hiddens); valid_lens may
        be (N, Q) or None
    Source:  Vaswani et al. 2017, arXiv:1706.03762, §3.2.2
    """

    @accepts_old(_old_heads)
    def __init__(
        self,
        num_hiddens: int,
        num_heads: int,
        dropout: float,
        bias: bool = False,
        *,
        sizes: tuple[int | None, int | None, int | None] = (None, None, None),
    ) -> None:
        super().__init__()
        key_size, query_size, value_size = sizes
        self.num_heads = num_heads
        self.attention = DotProductAttention(dropout)
        self.W_q = _linear(query_size, num_hiddens, bias)
        self.W_k = _linear(key_size, num_hiddens, bias)
        self.W_v = _linear(value_size, num_hiddens, bias)
        self.W_o = _linear(None if key_size is None else num_hiddens, num_hiddens, bias)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, valid_lens: Tensor | None) -> Tensor:
        """Attend with every head; ``valid_lens`` is None, (N,) or (N, Q)."""
        queries = self.transpose_qkv(self.W_q(queries))  # (N · h, Q, d), where h · d = num_hiddens
        keys = self.transpose_qkv(self.W_k(keys))  # (N · h, K, d)
        values = self.transpose_qkv(self.W_v(values))  # (N · h, K, d)
        if valid_lens is not None:
            valid_lens = valid_lens.repeat_interleave(self.num_heads, dim=0)  # (N · h,) or (N · h, Q)
        heads = self.attention(queries, keys, values, valid_lens)  # (N · h, Q, d)
        return self.W_o(self.transpose_output(heads))  # (N, Q, num_hiddens)

    def transpose_qkv(self, X: Tensor) -> Tensor:
        """Move the heads into the batch.

        Shape:   X (N, T, h·d) -> (N·h, T, d); h heads
        """
        return X.reshape(*X.shape[:2], self.num_heads, -1).transpose(1, 2).flatten(0, 1)

    def transpose_output(self, X: Tensor) -> Tensor:
        """Undo ``transpose_qkv``.

        Shape:   X (N·h, T, d) -> (N, T, h·d)
        """
        return X.unflatten(0, (-1, self.num_heads)).transpose(1, 2).flatten(2)

"""Attention: every position asks all others what they hold, and takes a weighted mean of it.

A query q and a key k are vectors; softmax(q·k / √d) over the keys are the weights with which the values are mixed.
With the mask of a language model a position sees itself and what stands before it.

Two traps. Without the 1/√d the scores of long vectors are large, their softmax is nearly one at a single key, and no
gradient is left. And the mask is laid over the scores, before the softmax: weights set to zero behind it no longer sum
to one.

Source:  Vaswani et al. 2017, arXiv:1706.03762, §3.2; Dive into Deep Learning §11.3, §11.5, §11.7
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fathom.scratch.engine.checks import as_sizes, check_float
from fathom.scratch.engine.operations import where
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.activations import relu, softmax
from fathom.scratch.layers.initializers import xavier_uniform_
from fathom.scratch.layers.linear import Linear, linear
from fathom.scratch.layers.module import Module, Parameter
from fathom.scratch.layers.normalization import LayerNorm


def scaled_dot_product(Q: Tensor, K: Tensor, V: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return softmax(Q Kᵀ / √d) V: for every query a mean of the values, weighted by how well their keys fit.

    Args:
        seen: which keys a query sees, (m, n) or with leading axes; None sees all

    Shape:   Q (…, m, d), K (…, n, d), V (…, n, v) -> (…, m, v)
    Equals:  torch.nn.functional.scaled_dot_product_attention
    Raises:  ValueError if the shapes do not fit
    """
    for argument, value in (("Q", Q), ("K", K), ("V", V)):
        check_float("scaled_dot_product", argument, value)
        if value.ndim < 2:
            raise ValueError(f"scaled_dot_product: {argument} has shape {value.shape}, expected (…, positions, width)")
    if Q.shape[-1] != K.shape[-1] or K.shape[-2] != V.shape[-2]:
        raise ValueError(
            f"scaled_dot_product: Q {Q.shape}, K {K.shape} and V {V.shape} do not fit: expected (…, m, d), (…, n, d), "
            "(…, n, v)"
        )
    scores = (Q @ K.transpose(-2, -1)) * Q.shape[-1] ** -0.5  # (…, m, n); the variance of q·k is d, of the score 1
    if seen is not None:
        scores = where(seen, scores, -np.inf)  # e^−∞ = 0: no weight, and the others still sum to 1
    return softmax(scores) @ V  # (…, m, v)


def causal_mask(size: int) -> Tensor:
    """Return which positions a position sees that may not look ahead: itself, and those before it.

    Shape:   -> bool (size, size)
    Equals:  torch.ones(size, size, dtype=bool).tril()
    """
    (size,) = as_sizes("causal_mask", "size", size, 1, low=1)
    return Tensor(np.tril(np.ones((size, size), np.bool_)))


class MultiHeadAttention(Module):
    """Attention of a sequence to itself, ``heads`` times at once, each on its own share of the features.

    One matrix makes queries, keys and values; another mixes what the heads found. Both start as torch's do.

    Args:
        width: of a position; a multiple of ``heads``

    Shape:   X (N, T, width), seen bool (T, T) -> (N, T, width); without a mask every position sees all
    Equals:  torch.nn.MultiheadAttention(width, heads, batch_first=True) of X, X, X; parameters bear torch's names
    """

    def __init__(self, width: int, heads: int, dtype: Any = np.float32) -> None:
        super().__init__()
        as_sizes("MultiHeadAttention", "width and heads", (width, heads), 2, low=1)
        if width % heads:
            raise ValueError(f"MultiHeadAttention: width {width} is not a multiple of the {heads} heads")
        self.heads = heads
        self.in_proj_weight = Parameter(xavier_uniform_(Tensor(np.empty((3 * width, width), dtype))))
        self.in_proj_bias = Parameter(np.zeros(3 * width, dtype))
        self.out_proj = Linear(width, width, dtype=dtype)
        self.out_proj.bias = Parameter(np.zeros(width, dtype))

    def forward(self, X: Tensor, seen: Tensor | None = None) -> Tensor:
        N, T, width = X.shape
        projected = linear(X, self.in_proj_weight, self.in_proj_bias)  # (N, T, 3·width)
        # to each head its share of the features
        split = projected.reshape(N, T, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        Q, K, V = split[0], split[1], split[2]  # (N, heads, T, d) each
        mixed = scaled_dot_product(Q, K, V, seen)  # (N, heads, T, d)
        return self.out_proj(mixed.permute(0, 2, 1, 3).reshape(N, T, width))  # (N, T, width)


class DecoderBlock(Module):
    """The block of a decoder-only transformer: attention to what came before, then a network for each position.

    Each reads the normalised sum so far and adds to it: a gradient has a way back through the sums alone.

    Args:
        hidden: width of the network for each position

    Shape:   X (N, T, width) -> (N, T, width)
    Equals:  torch.nn.TransformerEncoderLayer(width, heads, hidden, dropout=0, norm_first=True, batch_first=True) with
             a causal mask; parameters bear torch's names
    Source:  Radford et al. 2019, "Language models are unsupervised multitask learners", §2.3 (norms in front)
    """

    def __init__(self, width: int, heads: int, hidden: int, dtype: Any = np.float32) -> None:
        super().__init__()
        self.self_attn = MultiHeadAttention(width, heads, dtype)
        self.linear1, self.linear2 = Linear(width, hidden, dtype=dtype), Linear(hidden, width, dtype=dtype)
        self.norm1, self.norm2 = LayerNorm(width, dtype=dtype), LayerNorm(width, dtype=dtype)

    def forward(self, X: Tensor) -> Tensor:
        X = X + self.self_attn(self.norm1(X), causal_mask(X.shape[1]))  # (N, T, width)
        return X + self.linear2(relu(self.linear1(self.norm2(X))))  # (N, T, width)

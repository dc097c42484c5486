"""Attention and what a transformer is made of, beside torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

import fathom.scratch as s
from twins.drawing import normal, seeds, shaped, sides
from twins.rows import Case, Function, Layer, Values


@st.composite
def sequences(draw: Any, **options: Any) -> Case:
    """One input (N, T, width) of a layer, and its options; the width is a multiple of the heads."""
    n, t, heads = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    width = heads * draw(st.integers(1, 3))
    drawn = {key: draw(value) for key, value in options.items()}
    return Case([normal(draw(seeds), n, t, width)], {"width": width, "heads": heads, **drawn})


@st.composite
def questions(draw: Any) -> Case:
    """Queries, keys and values, and a mask in which every query sees a key, or none."""
    n, m, k, d, v = (draw(sides) for _ in range(5))
    seed = draw(seeds)
    seen = np.random.default_rng(seed).random((m, k)) < 0.6
    seen[:, 0] = True  # of nothing there is no mean, in torch either
    arrays = [normal(seed, n, m, d), normal(seed + 1, n, k, d), normal(seed + 2, n, k, v)]
    return Case([*arrays, seen] if draw(st.booleans()) else arrays)


class ToItself(torch.nn.Module):
    """torch's multi-head attention of a sequence to itself, under its own parameter names."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        inner = torch.nn.MultiheadAttention(width, heads, batch_first=True)
        self.in_proj_weight, self.in_proj_bias, self.out_proj = inner.in_proj_weight, inner.in_proj_bias, inner.out_proj
        self.heads = heads

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        T = X.transpose(0, 1)  # what the function takes: time first
        weights = (self.in_proj_weight, self.in_proj_bias, None, None, False, 0.0)
        mixed, _ = F.multi_head_attention_forward(
            T, T, T, X.shape[-1], self.heads, *weights, self.out_proj.weight, self.out_proj.bias, need_weights=False
        )
        return mixed.transpose(0, 1)


class Decoder(torch.nn.TransformerEncoderLayer):
    """torch's block of a transformer with the mask of a language model: what a decoder without an encoder is."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__(width, heads, hidden, dropout=0.0, batch_first=True, norm_first=True)

    def forward(self, X: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        hidden = torch.ones(X.shape[1], X.shape[1], dtype=torch.bool).triu(1)  # torch's mask says what is not seen
        return super().forward(X, src_mask=hidden)


TABLE: dict[str, Any] = {
    "scaled_dot_product": Function(s.scaled_dot_product, F.scaled_dot_product_attention, questions()),
    "causal_mask": Values(
        lambda X: s.causal_mask(len(X.data)), lambda X: torch.ones(len(X), len(X), dtype=torch.bool).tril(), shaped("n")
    ),
    "layer_norm": Function(
        s.layer_norm,
        lambda X, gamma, beta: F.layer_norm(X, gamma.shape, gamma, beta),
        st.one_of(shaped("mtn", "n", "n"), shaped("n", "n", "n")),
    ),
    "LayerNorm": Layer(
        lambda width, heads: s.LayerNorm(width), lambda width, heads: torch.nn.LayerNorm(width), sequences()
    ),
    "MultiHeadAttention": Layer(s.MultiHeadAttention, ToItself, sequences()),
    "DecoderBlock": Layer(s.DecoderBlock, Decoder, sequences(hidden=sides)),
}

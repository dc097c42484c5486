"""The book's transformer encoder and its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.d2l.frame.generations import accepts_old
from fathom.d2l.topics.attention import MultiHeadAttention
from fathom.d2l.topics.seq2seq import Encoder


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the position, from fast to slow, so that a network can tell positions apart.

    Shape:   X (N, T, D) -> (N, T, D); T is at most max_len
    Source:  Vaswani et al. 2017, arXiv:1706.03762, §3.5
    """

    P: Tensor

    def __init__(self, num_hiddens: int, dropout: float, max_len: int = 1000) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        position = torch.arange(max_len, dtype=torch.float32)[:, None]  # (max_len, 1)
        # 10000 is the paper's: wavelengths run from 2π to 10000 · 2π positions.
        # (max_len, ⌈num_hiddens/2⌉)
        angles = position / 10000 ** (torch.arange(0, num_hiddens, 2, dtype=torch.float32) / num_hiddens)
        P = torch.zeros(1, max_len, num_hiddens)
        P[0, :, 0::2] = torch.sin(angles)
        P[0, :, 1::2] = torch.cos(angles[:, : num_hiddens // 2])  # one column fewer where num_hiddens is odd
        # computed, not learned: on the model's device, but in no checkpoint
        self.register_buffer("P", P, persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        """Add the encoding of the first T positions."""
        return self.dropout(X + self.P[:, : X.shape[1]].to(X.device))  # (1, T, num_hiddens) stretches over the batch


def _old_ffn(ffn_num_input: int, ffn_num_hiddens: int, ffn_num_outputs: int) -> dict[str, Any]:
    return {"ffn_num_hiddens": ffn_num_hiddens, "ffn_num_outputs": ffn_num_outputs, "ffn_num_input": ffn_num_input}


class PositionWiseFFN(nn.Module):
    """The same two dense layers at every position.

    Earlier editions put the input's width first; a call with three widths is accepted as well.

    Shape:   X (N, T, D) -> (N, T, ffn_num_outputs)
    """

    @accepts_old(_old_ffn)
    def __init__(self, ffn_num_hiddens: int, ffn_num_outputs: int, *, ffn_num_input: int | None = None) -> None:
        super().__init__()
        if ffn_num_input is None:
            self.dense1: nn.Linear = nn.LazyLinear(ffn_num_hiddens)  # takes its input size from the first batch
            self.dense2: nn.Linear = nn.LazyLinear(ffn_num_outputs)
        else:
            self.dense1 = nn.Linear(ffn_num_input, ffn_num_hiddens)
            self.dense2 = nn.Linear(ffn_num_hiddens, ffn_num_outputs)
        self.relu = nn.ReLU()

    def forward(self, X: Tensor) -> Tensor:
        """Apply both layers."""
        return self.dense2(F.relu(self.dense1(X)))


class AddNorm(nn.Module):
    """A shortcut around a layer, then layer normalisation: LayerNorm(X + dropout(Y)).

    Shape:   X (…), Y (…) -> (…); ending in norm_shape
    """

    def __init__(self, norm_shape: int | Sequence[int], dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.ln = nn.LayerNorm(norm_shape if isinstance(norm_shape, int) else list(norm_shape))

    def forward(self, X: Tensor, Y: Tensor) -> Tensor:
        """Add and normalise."""
        return self.ln(self.dropout(Y) + X)  # over the last axis, token by token


class TransformerEncoderBlock(nn.Module):
    """Self-attention and a position-wise network, each with a shortcut around it.

    Shape:   X (N, T, D), valid_lens (N,) -> (N, T, D); valid_lens may be (N, T) or None
    """

    def __init__(
        self, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, dropout: float, use_bias: bool = False
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(num_hiddens, num_heads, dropout, use_bias)
        self.addnorm1 = AddNorm(num_hiddens, dropout)
        self.ffn = PositionWiseFFN(ffn_num_hiddens, num_hiddens)
        self.addnorm2 = AddNorm(num_hiddens, dropout)

    def forward(self, X: Tensor, valid_lens: Tensor | None) -> Tensor:
        """Attend to the first ``valid_lens`` positions."""
        # self-attention: queries, keys and values are the same
        Y = self.addnorm1(X, self.attention(X, X, X, valid_lens))
        return self.addnorm2(Y, self.ffn(Y))


class TransformerEncoder(Encoder):
    """Embedding, positions and a stack of blocks; ``attention_weights`` holds those of each block.

    Shape:   X int64 (N, T), valid_lens (N,) -> (N, T, num_hiddens)
    Source:  Vaswani et al. 2017, arXiv:1706.03762
    """

    attention_weights: list[Tensor]

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        ffn_num_hiddens: int,
        num_heads: int,
        num_blks: int,
        dropout: float,
        use_bias: bool = False,
    ) -> None:
        super().__init__()
        self.num_hiddens = num_hiddens
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.pos_encoding = PositionalEncoding(num_hiddens, dropout)
        self.blks = nn.Sequential()
        for i in range(num_blks):
            # the same sizes in and out: blocks can be stacked
            block = TransformerEncoderBlock(num_hiddens, ffn_num_hiddens, num_heads, dropout, use_bias)
            self.blks.add_module(f"block{i}", block)

    def forward(self, X: Tensor, valid_lens: Tensor | None, *args: Any) -> Tensor:
        """Encode token indices."""
        # Embeddings are scaled up to match the positional encodings, which lie between −1 and 1.
        X = self.pos_encoding(self.embedding(X) * math.sqrt(self.num_hiddens))  # (N, T, num_hiddens)
        self.attention_weights = []
        for block in self.blks:
            X = block(X, valid_lens)
            # for the pictures: (N · heads, T, T) of each block
            self.attention_weights.append(block.attention.attention.attention_weights)  # type: ignore[union-attr, arg-type]
        return X

"""Layers with the signatures of the earlier editions; what they do is in ``fathom.d2l.torch``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from fathom.d2l.topics import attention, convolution, transformer
from fathom.d2l.topics.transformer import PositionalEncoding
from fathom.d2l.v0.seq2seq import Encoder


class Residual(convolution.Residual):
    """``fathom.d2l.torch.Residual``, shown with the input's channels first."""

    __signature__: inspect.Signature = convolution.Residual.__init__.old_signature  # type: ignore[attr-defined]


class AdditiveAttention(attention.AdditiveAttention):
    """``fathom.d2l.torch.AdditiveAttention``, shown with the sizes first."""

    __signature__: inspect.Signature = attention.AdditiveAttention.__init__.old_signature  # type: ignore[attr-defined]


class MultiHeadAttention(attention.MultiHeadAttention):
    """``fathom.d2l.torch.MultiHeadAttention``, shown with the sizes first."""

    __signature__: inspect.Signature = attention.MultiHeadAttention.__init__.old_signature  # type: ignore[attr-defined]


class PositionWiseFFN(transformer.PositionWiseFFN):
    """``fathom.d2l.torch.PositionWiseFFN``, shown with the input's width first."""

    __signature__: inspect.Signature = transformer.PositionWiseFFN.__init__.old_signature  # type: ignore[attr-defined]


class AddNorm(transformer.AddNorm):
    """A shortcut around a layer, then layer normalisation: LayerNorm(X + dropout(Y)).

    Shape:   X (…), Y (…) -> (…); ending in normalized_shape
    """

    def __init__(self, normalized_shape: int | Sequence[int], dropout: float) -> None:
        super().__init__(normalized_shape, dropout)


def transpose_qkv(X: Tensor, num_heads: int) -> Tensor:
    """Move the heads into the batch.

    Shape:   X (N, T, h·d) -> (N·h, T, d); h heads
    """
    return X.reshape(*X.shape[:2], num_heads, -1).transpose(1, 2).flatten(0, 1)  # (N · heads, T, width / heads)


def transpose_output(X: Tensor, num_heads: int) -> Tensor:
    """Undo ``transpose_qkv``.

    Shape:   X (N·h, T, d) -> (N, T, h·d)
    """
    return X.unflatten(0, (-1, num_heads)).transpose(1, 2).flatten(2)  # (N, T, width)


class EncoderBlock(nn.Module):
    """Self-attention and a position-wise network, each with a shortcut around it.

    Shape:   X (N, T, D), valid_lens (N,) -> (N, T, D); valid_lens may be (N, T) or None
    """

    def __init__(
        self,
        key_size: int,
        query_size: int,
        value_size: int,
        num_hiddens: int,
        norm_shape: int | Sequence[int],
        ffn_num_input: int,
        ffn_num_hiddens: int,
        num_heads: int,
        dropout: float,
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attention = MultiHeadAttention(key_size, query_size, value_size, num_hiddens, num_heads, dropout, use_bias)
        self.addnorm1 = AddNorm(norm_shape, dropout)
        self.ffn = PositionWiseFFN(ffn_num_input, ffn_num_hiddens, num_hiddens)
        self.addnorm2 = AddNorm(norm_shape, dropout)

    def forward(self, X: Tensor, valid_lens: Tensor | None) -> Tensor:
        """Attend to the first ``valid_lens`` positions."""
        Y = self.addnorm1(X, self.attention(X, X, X, valid_lens))  # Y keeps X's shape: shortcuts need it
        return self.addnorm2(Y, self.ffn(Y))


class TransformerEncoder(Encoder):
    """Embedding, positions and a stack of blocks; ``attention_weights`` holds those of each block.

    Shape:   X int64 (N, T), valid_lens (N,) -> (N, T, num_hiddens)
    Source:  Vaswani et al. 2017, arXiv:1706.03762
    """

    def __init__(
        self,
        vocab_size: int,
        key_size: int,
        query_size: int,
        value_size: int,
        num_hiddens: int,
        norm_shape: int | Sequence[int],
        ffn_num_input: int,
        ffn_num_hiddens: int,
        num_heads: int,
        num_layers: int,
        dropout: float,
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_hiddens = num_hiddens
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.pos_encoding = PositionalEncoding(num_hiddens, dropout)
        self.blks = nn.Sequential()
        self.attention_weights: list[Tensor] = []
        sizes = (key_size, query_size, value_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens)
        for i in range(num_layers):
            self.blks.add_module(f"block{i}", EncoderBlock(*sizes, num_heads, dropout, use_bias))

    def forward(self, X: Tensor, valid_lens: Tensor | None, *args: Any) -> Tensor:
        """Encode token indices."""
        # Embeddings are scaled up to match the positional encodings, which lie between −1 and 1.
        X = self.pos_encoding(self.embedding(X) * math.sqrt(self.num_hiddens))  # (N, T, num_hiddens)
        self.attention_weights = []
        for block in self.blks:
            X = block(X, valid_lens)
            self.attention_weights.append(block.attention.attention.attention_weights)  # type: ignore[union-attr, arg-type]
        return X

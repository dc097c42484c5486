"""Encoders and decoders of the earlier editions, whose networks return the decoder's state as well."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Base of encoders: reads a sequence.

    Shape:   X (N, T) -> (…); as the subclass has it
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def forward(self, X: Tensor, *args: Any) -> Any:
        """Read a batch of sequences."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(X)")


class Decoder(nn.Module):
    """Base of decoders: writes a sequence from the encoder's outputs.

    Shape:   X (N, T), state (…) -> outputs (…), state (…); as the subclass has it
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def init_state(self, enc_outputs: Any, *args: Any) -> Any:
        """Return the initial state."""
        raise NotImplementedError(f"{type(self).__name__} must define init_state(enc_outputs)")

    def forward(self, X: Tensor, state: Any) -> Any:
        """Return the outputs for X, and the next state."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(X, state)")


class AttentionDecoder(Decoder):
    """Base of decoders with attention; they keep their ``attention_weights``."""

    @property
    def attention_weights(self) -> Any:
        """The weights of the last forward pass."""
        raise NotImplementedError(f"{type(self).__name__} must define attention_weights")


class EncoderDecoder(nn.Module):
    """An encoder followed by a decoder; returns the decoder's outputs and state.

    Shape:   enc_X (N, T), dec_X (N, S) -> outputs (…), state (…); as the decoder has it
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder

    def forward(self, enc_X: Tensor, dec_X: Tensor, *args: Any) -> Any:
        """Encode ``enc_X``, then return the decoder's result for ``dec_X``; ``args`` go to encoder and state."""
        return self.decoder(dec_X, self.decoder.init_state(self.encoder(enc_X, *args), *args))


class Seq2SeqEncoder(Encoder):
    """Embedding and gated recurrent units.

    Shape:   X int64 (N, T) -> outputs (T, N, num_hiddens), state (num_layers, N, num_hiddens)
    """

    def __init__(
        self, vocab_size: int, embed_size: int, num_hiddens: int, num_layers: int, dropout: float = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size, num_hiddens, num_layers, dropout=dropout)

    def forward(self, X: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
        """Return the outputs of every step, and the final state of every layer."""
        outputs, state = self.rnn(self.embedding(X.to(torch.int64)).permute(1, 0, 2))  # GRU takes (T, N, embed_size)
        return outputs, state

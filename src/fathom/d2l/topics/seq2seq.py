"""Encoder and decoder, sequence-to-sequence learning, and BLEU."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fathom.d2l.frame.module import Classifier
from fathom.d2l.topics.recurrent import GRU
from fathom.training.optimizers import eager


class Encoder(nn.Module):
    """Base of encoders: turns an input of any length into a state."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, X: Any, *args: Any) -> Any:
        """Encode ``X``."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(X, …)")


class Decoder(nn.Module):
    """Base of decoders: turns a state into an output of any length."""

    def __init__(self) -> None:
        super().__init__()

    def init_state(self, enc_all_outputs: Any, *args: Any) -> Any:
        """Return the initial state, made from the encoder's outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define init_state(enc_all_outputs, …)")

    def forward(self, X: Any, state: Any) -> Any:
        """Return the outputs and the next state."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(X, state)")


class EncoderDecoder(Classifier):
    """An encoder and a decoder together."""

    def __init__(self, encoder: Any, decoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, enc_X: Any, dec_X: Any, *args: Any) -> Any:
        """Return the decoder's outputs for the whole target sequence at once."""
        # the source's lengths, where given, go to both
        state = self.decoder.init_state(self.encoder(enc_X, *args), *args)
        return self.decoder(dec_X, state)[0]  # [0]: the decoder's state is dropped

    @torch.no_grad()
    def predict_step(
        self, batch: Sequence[Tensor], device: Any, num_steps: int, save_attention_weights: bool = False
    ) -> tuple[Tensor, list[Any]]:
        """Decode step by step, each from the most likely token of the step before.

        Shape:   batch int64 (N, T), int64 (N, S), int64 (N,), int64 (N, S) -> tokens int64 (N, num_steps)
        Returns:  the tokens, and the decoder's attention weights at every step, if they are to be saved
        """
        # the target's true continuation is not looked at
        source, target, source_length, _ = (part.to(device) for part in batch)
        state = self.decoder.init_state(self.encoder(source, source_length), source_length)
        token, tokens, weights = target[:, :1], [], []  # (N, 1): "<bos>"
        for _ in range(num_steps):
            # one token in, one out; the state holds what came before
            outputs, state = self.decoder(token, state)  # (N, 1, vocab_size)
            token = outputs.argmax(2)  # (N, 1)
            tokens.append(token)
            if save_attention_weights:
                weights.append(self.decoder.attention_weights)
        return torch.cat(tokens, 1), weights  # (N, num_steps)


def init_seq2seq(module: nn.Module) -> None:
    """Draw the weights of linear and GRU layers from Glorot's uniform distribution; for ``net.apply``."""
    if type(module) is nn.Linear:
        nn.init.xavier_uniform_(module.weight)
    elif type(module) is nn.GRU:
        for name, parameter in module.named_parameters():  # all layers and gates, but not the biases
            if "weight" in name:
                nn.init.xavier_uniform_(parameter)


class Seq2SeqEncoder(Encoder):
    """Embedding and GRU.

    Shape:   X int64 (N, T) -> outputs (T, N, num_hiddens), state (num_layers, N, num_hiddens)
    """

    def __init__(self, vocab_size: int, embed_size: int, num_hiddens: int, num_layers: int, dropout: float = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = GRU(embed_size, num_hiddens, num_layers, dropout)
        self.apply(init_seq2seq)

    def forward(self, X: Tensor, *args: Any) -> Any:
        """Encode token indices."""
        return self.rnn(self.embedding(X.t().long()))  # torch's GRU takes the time first: (T, N)


class Seq2Seq(EncoderDecoder):
    """Learns to translate, with Adam.

    As in the book's package, padding counts in the loss; the book's section adds a loss to the class that ignores it.

    Args:
        tgt_pad: index of the padding token of targets, for such a loss.
    """

    tgt_pad: int

    def __init__(self, encoder: Any, decoder: Any, tgt_pad: int, lr: float) -> None:
        super().__init__(encoder, decoder)
        self.save_hyperparameters()

    def validation_step(self, batch: Sequence[Any]) -> None:
        """Plot the loss on unseen pairs."""
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser, Adam."""
        return eager(torch.optim.Adam)(self.parameters(), lr=self.lr)


def bleu(pred_seq: str, label_seq: str, k: int) -> float:
    """Return the BLEU score of a translation: its n-grams of up to ``k`` words that the reference has too.

    exp(min(0, 1 − len_label/len_pred)) · Π_{n≤k} p_n^(1/2^n), where p_n is the share of the translation's
    n-grams that occur in the reference. An empty translation scores 0.

    Source:  Papineni, Roukos, Ward & Zhu 2002, in the form of Dive into Deep Learning §10.7
    """
    predicted, reference = pred_seq.split(), label_seq.split()
    if not predicted:
        return 0.0
    # the brevity penalty: e^(1 − |reference|/|predicted|) if too short
    score = math.exp(min(0, 1 - len(reference) / len(predicted)))
    for n in range(1, min(k, len(predicted)) + 1):
        found, wanted = _count_ngrams(predicted, n), _count_ngrams(reference, n)
        # & keeps the smaller count: a word repeated does not score twice
        score *= ((found & wanted).total() / found.total()) ** (0.5**n)  # a match of longer n-grams counts more
    return score


def _count_ngrams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    # overlapping: one begins at every word
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

"""The Time Machine as a sequence of characters, and vocabularies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from fathom.d2l.frame.datamodule import DataModule
from fathom.d2l.topics.download import DATA_HUB, download


class Vocab:
    """Maps tokens to indices and back, in alphabetical order.

    The vocabulary of earlier editions, in ``fathom.d2l.v0.torch``, has the frequent tokens first.

    Args:
        tokens: a list of tokens, or of lists of them. A token is a string, or a tuple of strings, such as a bigram;
            tuples come after the strings.
        min_freq: rarer tokens become "<unk>".
        reserved_tokens: tokens to include in any case.
    """

    def __init__(self, tokens: Sequence[Any] = (), min_freq: int = 0, reserved_tokens: Sequence[str] = ()) -> None:
        self.token_freqs = count_corpus(tokens).most_common()
        frequent = {token for token, count in self.token_freqs if count >= min_freq}  # rarer ones are read as "<unk>"
        self.idx_to_token = sorted({"<unk>", *reserved_tokens, *frequent}, key=_alphabetical)
        self.token_to_idx = {token: index for index, token in enumerate(self.idx_to_token)}

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __getitem__(self, tokens: Any) -> Any:
        """Return the index of a token, or the indices of a list of tokens."""
        if isinstance(tokens, (list, tuple)):
            return [self[token] for token in tokens]
        return self.token_to_idx.get(tokens, self.unk)

    def to_tokens(self, indices: Any) -> Any:
        """Return the token of an index, or the tokens of several."""
        # a tensor of no axes is one index, though it has __len__
        if getattr(indices, "ndim", 1) and hasattr(indices, "__len__"):
            return [self.idx_to_token[int(index)] for index in indices]
        return self.idx_to_token[int(indices)]

    @property
    def unk(self) -> int:
        """The index of "<unk>", which stands for every unknown token."""
        return self.token_to_idx["<unk>"]


def count_corpus(tokens: Sequence[Any]) -> Counter[Any]:
    """Return the counts of tokens in a list, or in a list of lists."""
    if len(tokens) and isinstance(tokens[0], list):  # lines of tokens; otherwise tokens
        return Counter(token for line in tokens for token in line)
    return Counter(tokens)


def _alphabetical(token: Any) -> tuple[bool, Any]:
    return not isinstance(token, str), token  # text first, other tokens (such as pairs) after it: they do not compare


class TimeMachine(DataModule):
    """H. G. Wells, *The Time Machine*, cut into overlapping pieces of ``num_steps`` characters.

    Shape:   X and Y int64 (N, num_steps), Y one character ahead; batches (batch_size, num_steps)
    """

    num_steps: int
    num_train: int
    num_val: int

    def __init__(self, batch_size: int, num_steps: int, num_train: int = 10000, num_val: int = 5000) -> None:
        super().__init__()
        self.save_hyperparameters()
        corpus, self.vocab = self.build(self._download())
        # every position begins a piece: (pieces, num_steps + 1)
        pieces = torch.tensor(corpus).unfold(0, num_steps + 1, 1)
        # the target is the input one character later
        self.X, self.Y = pieces[:, :-1].contiguous(), pieces[:, 1:].contiguous()

    def _download(self) -> str:
        address, sha1 = DATA_HUB["time_machine"]
        with open(download(address, self.root, sha1), encoding="utf-8") as file:
            return file.read()

    def _preprocess(self, text: str) -> str:
        return re.sub("[^A-Za-z]+", " ", text).lower()

    def _tokenize(self, text: str) -> list[str]:
        return list(text)  # characters are the tokens

    def build(self, raw_text: str, vocab: Vocab | None = None) -> tuple[list[int], Vocab]:
        """Return the text as token indices, and the vocabulary: ``vocab``, or one made from the text."""
        tokens = self._tokenize(self._preprocess(raw_text))
        vocab = Vocab(tokens) if vocab is None else vocab
        return vocab[tokens], vocab

    def get_dataloader(self, train: bool) -> Any:
        """Return a loader of the first ``num_train`` pieces, shuffled, or of the ``num_val`` after them."""
        rows = slice(0, self.num_train) if train else slice(self.num_train, self.num_train + self.num_val)
        return self.get_tensorloader([self.X, self.Y], train, rows)  # validation pieces begin where training ends

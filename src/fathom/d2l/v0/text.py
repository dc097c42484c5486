"""The Time Machine as one long line of tokens, cut into batches."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from fathom.d2l.topics.download import download
from fathom.d2l.topics.text import count_corpus

Batches = Iterator[tuple[Tensor, Tensor]]


class Vocab:
    """Maps tokens to indices and back: 0 is "<unk>", then come the reserved tokens, then the others by frequency.

    Args:
        tokens: a list of tokens, or of lists of them.
        min_freq: rarer tokens become "<unk>".
        reserved_tokens: tokens to include in any case.
    """

    def __init__(
        self, tokens: Sequence[Any] | None = None, min_freq: int = 0, reserved_tokens: Sequence[str] | None = None
    ) -> None:
        # Among equally frequent tokens, the one seen first comes first.
        self._token_freqs = count_corpus(tokens or []).most_common()
        known = dict.fromkeys(("<unk>", *(reserved_tokens or ())))  # a dictionary keeps the order and drops doubles
        known.update(dict.fromkeys(token for token, freq in self._token_freqs if freq >= min_freq))
        self.idx_to_token = list(known)
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
        if hasattr(indices, "__len__") and getattr(indices, "ndim", None) != 0:
            return [self.idx_to_token[int(index)] for index in indices]
        return self.idx_to_token[int(indices)]

    @property
    def unk(self) -> int:
        """The index of "<unk>", which stands for every unknown token."""
        return 0

    @property
    def token_freqs(self) -> list[tuple[Any, int]]:
        """Tokens with their counts, the most frequent first."""
        return self._token_freqs


def read_time_machine() -> list[str]:
    """Read *The Time Machine*, line by line, in lower-case letters and single spaces."""
    with open(download("time_machine"), encoding="utf-8") as file:
        return [re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in file]


def load_corpus_time_machine(max_tokens: int = -1) -> tuple[list[int], Vocab]:
    """Return *The Time Machine* as character indices, and the vocabulary.

    Args:
        max_tokens: return at most so many; −1 for all.
    """
    lines = [list(line) for line in read_time_machine()]
    vocab = Vocab(lines)
    corpus = [vocab[token] for line in lines for token in line]  # line breaks are no tokens
    return corpus[:max_tokens] if max_tokens > 0 else corpus, vocab


def seq_data_iter_random(corpus: Sequence[int], batch_size: int, num_steps: int) -> Batches:
    """Yield batches of pieces of the corpus in random order; the first piece begins at a random position.

    Shape:   X and Y int64 (batch_size, num_steps), Y one token ahead
    """
    # a new start each epoch: pieces are cut at other places
    tokens = torch.as_tensor(corpus[random.randint(0, num_steps - 1) :])
    num_pieces = (len(tokens) - 1) // num_steps  # − 1: the last target needs one more token
    starts = list(range(0, num_pieces * num_steps, num_steps))
    random.shuffle(starts)
    steps = torch.arange(num_steps)
    for i in range(0, num_pieces // batch_size * batch_size, batch_size):  # whole batches alone
        places = torch.tensor(starts[i : i + batch_size])[:, None] + steps  # (batch_size, num_steps)
        yield tokens[places], tokens[places + 1]


def seq_data_iter_sequential(corpus: Sequence[int], batch_size: int, num_steps: int) -> Batches:
    """Return batches that go on where the one before ended, row by row; the first begins at a random place.

    Shape:   X and Y int64 (batch_size, num_steps), Y one token ahead
    """
    tokens = torch.as_tensor(corpus[random.randint(0, num_steps) :])
    num_columns = (len(tokens) - 1) // batch_size  # − 1 for the targets, which lie one ahead
    # (batch_size, num_columns): row by row one text
    X, Y = (tokens[ahead : ahead + num_columns * batch_size].reshape(batch_size, -1) for ahead in (0, 1))
    for i in range(0, num_columns // num_steps * num_steps, num_steps):
        yield X[:, i : i + num_steps], Y[:, i : i + num_steps]  # row i goes on where it stopped in the batch before


class SeqDataLoader:
    """Batches of *The Time Machine*; every pass begins at another place.

    Args:
        use_random_iter: pieces in random order, or each row going on where it was.
        max_tokens: use no more of the text.
    """

    def __init__(self, batch_size: int, num_steps: int, use_random_iter: bool, max_tokens: int) -> None:
        self.data_iter_fn: Callable[[Sequence[int], int, int], Batches] = (
            seq_data_iter_random if use_random_iter else seq_data_iter_sequential
        )
        self.corpus, self.vocab = load_corpus_time_machine(max_tokens)
        self.batch_size, self.num_steps = batch_size, num_steps

    def __iter__(self) -> Batches:
        return self.data_iter_fn(self.corpus, self.batch_size, self.num_steps)


def load_data_time_machine(
    batch_size: int, num_steps: int, use_random_iter: bool = False, max_tokens: int = 10000
) -> tuple[SeqDataLoader, Vocab]:
    """Return batches of *The Time Machine*, and its vocabulary. The arguments are ``SeqDataLoader``'s."""
    loader = SeqDataLoader(batch_size, num_steps, use_random_iter, max_tokens)
    return loader, loader.vocab

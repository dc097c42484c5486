"""Text as numbers: characters, their vocabulary, and windows of a text with what comes next.

Layout:  (steps, batch): a column is a piece of the text, a row is what a recurrent network sees at one time
Source:  notes N2; Dive into Deep Learning §9.2 and §9.3
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np


def clean(text: str) -> str:
    """Leave lower-case letters a to z and single spaces.

    >>> clean("The Time Machine, by H. G. Wells [1898]")
    'the time machine by h g wells'
    """
    return re.sub("[^a-z]+", " ", text.lower()).strip()  # the notes' cleaning: digits and punctuation are blanks too


class Vocabulary:
    """Which number a character has.

    >>> vocabulary = Vocabulary("the time")
    >>> vocabulary.characters
    ' ehimt'
    >>> vocabulary.decode(vocabulary.encode("them"))
    'them'
    """

    def __init__(self, text: str) -> None:
        self.characters = "".join(sorted(set(text)))  # sorted: the same text gives the same numbers
        # the inverse of characters
        self._number = {character: number for number, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Return the number of each character.

        Shape:   -> int64 (N,); N characters
        Raises:  ValueError for a character that the vocabulary lacks
        """
        strange = sorted(set(text) - set(self.characters))
        if strange:
            raise ValueError(f"Vocabulary: no character {strange[0]!r}; there are {self.characters!r}")
        return np.array([self._number[character] for character in text], dtype=np.int64)

    def decode(self, numbers: np.ndarray) -> str:
        """Return the characters of the numbers.

        Shape:   numbers int64 (N,) ->; text of N characters
        """
        return "".join(self.characters[number] for number in numbers)


class Windows:
    """Pieces of a text, each once an epoch, in a new order; each with the same piece one character later.

    Where the first piece begins is drawn anew each epoch, so that a character is not always at the same step.

    Args:
        num_steps: characters a piece.
        batch_size: pieces a batch; pieces that fill no batch are left out.

    Shape:   text (N,) -> X (num_steps, batch_size), y (num_steps, batch_size); batch after batch
    Raises:  ValueError if the text does not fill one batch
    """

    def __init__(self, text: np.ndarray, num_steps: int, batch_size: int, *, seed: int = 0) -> None:
        if num_steps < 1 or batch_size < 1:
            raise ValueError(f"Windows: num_steps and batch_size must be at least 1, got {num_steps} and {batch_size}")
        self.text, self.num_steps, self.batch_size, self.seed = text, num_steps, batch_size, seed
        self.epoch = 0
        # As many as fit however late the first one begins, so that every epoch has as many batches
        self.num_pieces = (len(text) - num_steps) // num_steps  # each needs one character more, its last target
        if len(self) < 1:
            raise ValueError(
                f"Windows: a batch of {batch_size} pieces of {num_steps} characters needs "
                f"{(batch_size + 1) * num_steps} characters, the text has {len(text)}"
            )

    def __len__(self) -> int:
        return max(0, self.num_pieces // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        generator = np.random.default_rng((self.seed, self.epoch))
        self.epoch += 1
        # 0 … num_steps − 1: windows do not always cut at the same places
        first = int(generator.integers(self.num_steps))
        # one window each num_steps: they do not overlap
        starts = first + self.num_steps * generator.permutation(self.num_pieces)  # (num_pieces,)
        steps = np.arange(self.num_steps)[:, None]  # (num_steps, 1)
        for number in range(len(self)):
            # (num_steps, batch_size)
            places = steps + starts[number * self.batch_size : (number + 1) * self.batch_size]
            yield self.text[places], self.text[places + 1]  # inputs, and the same shifted by one: the targets

"""From text to tokens to numbers and back. Torch-free."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from fathom.data.texts.segmentation import is_unspaced, keep_letters, split_characters, split_words
from fathom.data.unicode_form import FORMS, Form, normalize
from fathom.errors import UsageError, unknown

UNKNOWN = "<unk>"  # as the book and most tokenizers call it
LEVELS = ("char", "word")
CLEANINGS = ("none", "letters")

# The last are the full stops, commas and question marks of Indic scripts and of Arabic.
_CLINGS_LEFT = re.compile(r"[.,;:!?%)\]}”…。，、；：！？）」』》।॥،؛؟]+")
_CLINGS_RIGHT = re.compile(r"[(\[{“（「『《]+")


@dataclass(frozen=True)
class Tokenizer:
    """How a text is cut into tokens; saved with the model, so that what it reads later is cut in the same way.

    Args:
        level: "char": what a reader sees as one character, with its accents, vowel signs and joiners; or "word": words
            (inner apostrophes included), and each punctuation mark by itself. In scripts without spaces (Chinese,
            Japanese, Thai) each character is a word. White space is no token at word level. See ``segmentation``.
        lower: turn everything into lower case.
        clean: "letters" puts one space in place of whatever are not letters, as the book does; "none" keeps all.
        reserved: marks that stay in one piece wherever they stand in the text, untouched by ``lower`` and ``clean``.
        normalize: Unicode's form that the text is brought to first: NFC makes one token of the two spellings of "é". It
            is "none" where nothing is said, as in models from before there was a choice.
    Raises:  UsageError for an unknown level, cleaning or form, or a reserved token that is empty, double or "<unk>"
    """

    level: str = "char"
    lower: bool = False
    clean: str = "none"
    reserved: tuple[str, ...] = ()
    normalize: Form = "none"

    def __post_init__(self) -> None:
        chosen = (("level", self.level, LEVELS), ("cleaning", self.clean, CLEANINGS), ("form", self.normalize, FORMS))
        for kind, value, known in chosen:
            if value not in known:
                raise unknown(kind, value, known)
        if not isinstance(self.lower, bool):
            raise UsageError(f"lower must be true or false; got {self.lower!r}")
        if not all(isinstance(token, str) and token for token in self.reserved):
            raise UsageError(f"reserved tokens must be non-empty strings; got {list(self.reserved)!r}")
        if len({UNKNOWN, *self.reserved}) <= len(self.reserved):  # equal ones shrink the set
            raise UsageError(f"reserved tokens must differ from one another and from {UNKNOWN}")

    def split(self, text: str) -> Sequence[str]:
        """Cut ``text`` into tokens; a text where each is one code point is its own sequence of tokens."""
        text = normalize(text, self.normalize)
        if not self.reserved:
            return self._split_plain(text)
        # the longest first: <eos> and <eos2> share a beginning
        longest_first = sorted(self.reserved, key=len, reverse=True)
        tokens: list[str] = []
        # re.split with a group: every second piece is a reserved token
        for number, piece in enumerate(re.split(f"({'|'.join(map(re.escape, longest_first))})", text)):
            tokens.extend([piece] if number % 2 else self._split_plain(piece))
        return tokens

    def _split_plain(self, text: str) -> Sequence[str]:
        if self.clean == "letters":
            text = keep_letters(text)
        if self.lower:
            text = normalize(text.lower(), self.normalize)  # the small letter of "İ" has a dot of its own
        return split_characters(text) if self.level == "char" else split_words(text)

    def join(self, tokens: Iterable[str]) -> str:
        """Write tokens as a text: what ``split`` took apart, but for white space at word level."""
        if self.level == "char":
            return "".join(tokens)
        text, last = "", ""
        for token in tokens:
            # no blank before a full stop or behind a bracket
            is_tight = _CLINGS_LEFT.fullmatch(token) or _CLINGS_RIGHT.fullmatch(last)
            # Chinese and Japanese have no blanks between characters
            if last and not is_tight and not (is_unspaced(token) and is_unspaced(last)):
                text += " "
            text, last = text + token, token
        return text

    def describe(self) -> dict[str, Any]:
        """Return the arguments as plain values."""
        form = {} if self.normalize == "none" else {"normalize": self.normalize}
        known = {"level": self.level, "lower": self.lower, "clean": self.clean, "reserved": list(self.reserved)}
        return known | form


class Vocabulary:
    """Tokens by number; number 0 stands for every token that is not known.

    Args:
        tokens: the token of each number, "<unk>" first.
    Raises:  UsageError if the first is another, or one occurs twice
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._numbers = {token: number for number, token in enumerate(self.tokens)}
        if not self.tokens or self.tokens[0] != UNKNOWN:
            raise UsageError(f"the vocabulary must begin with {UNKNOWN}")
        if len(self._numbers) != len(self.tokens):
            # the first that is there twice
            twice = next(token for token, count in Counter(self.tokens).items() if count > 1)
            raise UsageError(f"the token {twice!r} occurs twice in the vocabulary")

    @classmethod
    def build(cls, tokens: Iterable[str], *, min_freq: int = 1, reserved: Sequence[str] = ()) -> Vocabulary:
        """Count tokens and keep those that occur at least ``min_freq`` times.

        "<unk>" is number 0, then come the reserved tokens, then the others, most frequent first, equals in the order
        of their code points.

        Raises:  UsageError if ``min_freq`` is below 1
        """
        if isinstance(min_freq, bool) or not isinstance(min_freq, int) or min_freq < 1:
            raise UsageError(f"min_freq must be a whole number, at least 1; got {min_freq!r}")
        special = [UNKNOWN, *reserved]
        counts = Counter(tokens)
        for token in special:
            counts.pop(token, None)  # reserved ones stand first already
        # the commonest first, equal ones by letters
        kept = sorted((-count, token) for token, count in counts.items() if count >= min_freq)
        return cls([*special, *(token for _, token in kept)])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._numbers

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        """Return the number of each token, 0 for those not known.

        Shape:   -> int32 (len(tokens),)
        """
        # int32: half the memory of a long text
        return np.fromiter(map(self._numbers.get, tokens, repeat(0)), dtype=np.int32, count=len(tokens))

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Return the token of each number."""
        return [self.tokens[number] for number in numbers]

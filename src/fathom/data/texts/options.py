"""What may be said of a text. Loads without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fathom.data.texts.vocabulary import Tokenizer
from fathom.data.unicode_form import FORMS, Form, normalize
from fathom.errors import UsageError, unknown

PARTITIONS = ("sequential", "random")
STEPS = 64  # tokens; back-propagation reaches so far back


@dataclass(frozen=True)
class TextOptions:
    """How a text is cut into tokens, and these into sequences.

    Attributes:
        level, lower, clean, reserved, normalize: of the tokens, see ``Tokenizer``.
        min_freq: rarer tokens are unknown; None means 1 for characters and 2 for words, so that a word model learns
            what to expect of unknown ones.
        steps: tokens of a sequence in one batch; back-propagation goes no further.
        partition: "sequential" (each batch goes on where the one before ended) or "random" (windows in random order).
    Raises:  UsageError if one of them makes no sense
    """

    level: str = "char"
    lower: bool = False
    clean: str = "none"
    reserved: Sequence[str] = ()
    normalize: Form = "NFC"
    min_freq: int | None = None
    steps: int = STEPS
    partition: str = "sequential"

    def __post_init__(self) -> None:
        if self.partition not in PARTITIONS:
            raise unknown("partition", self.partition, PARTITIONS)
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise UsageError(f"steps must be a whole number, at least 1; got {self.steps!r}")

    def make_tokenizer(self) -> Tokenizer:
        """Return what cuts the text into tokens.

        Raises:  UsageError if there is none such
        """
        if isinstance(self.reserved, str) or not isinstance(self.reserved, Sequence):
            raise UsageError(f"reserved must be a list of tokens, such as [<eos>]; got {self.reserved!r}")
        if self.normalize not in FORMS:
            raise unknown("data.options.normalize", self.normalize, FORMS)
        # composed as the text will be, or they would never be found in it
        reserved = tuple(
            normalize(token, self.normalize) if isinstance(token, str) else token for token in self.reserved
        )
        return Tokenizer(self.level, self.lower, self.clean, reserved, self.normalize)

    @property
    def least_count(self) -> int:
        """Times that a token must occur in the training split to be known."""
        if self.min_freq is not None:
            return self.min_freq
        return 1 if self.level == "char" else 2  # a word that occurs once cannot be learned; characters are few

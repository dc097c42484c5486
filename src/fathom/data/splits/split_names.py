"""Splits as people name them, in folders and in columns: ``Training``, ``valid``, ``PublicTest``. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection

SPLITS = ("train", "val", "test")
_WORDS = {
    "train": ("train", "training", "trn"),
    # "PublicTest" is the validation split of FER2013, "PrivateTest" its test split.
    "val": ("val", "valid", "validation", "validate", "validating", "dev", "devel", "eval", "evaluation", "publictest"),
    "test": ("test", "testing", "tst", "privatetest", "holdout"),
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words}
_NEUTRAL = "set|sets|split|data|dataset|images|image|imgs|img|samples|photos|pictures"
_PATTERN = re.compile(rf"(?:{_NEUTRAL})*({'|'.join(_SPLIT_OF)})(?:{_NEUTRAL})*")
# Columns of yes and no: the split of yes, and that of no. ``is_valid`` is fastai's, ``is_training_image`` that of CUB.
_FLAGS = {
    **dict.fromkeys(("isvalid", "isval", "isvalidation", "isdev", "iseval"), ("val", "train")),
    **dict.fromkeys(("istest", "istesting"), ("test", "train")),
    **dict.fromkeys(("istrain", "istraining", "istrainingimage"), ("train", "test")),
}
FLAG_NAMES = tuple(_FLAGS)
_YES, _NO = ("true", "1", "yes", "t", "y", "1.0"), ("false", "0", "no", "f", "n", "0.0")


def split_of(text: str, without: Collection[str] = ()) -> str | None:
    """Return the split that a name means, "train", "val" or "test"; None for a name that means none.

    Case, blanks, hyphens and words such as "set" or "images" do not count: ``Test Set`` is "test".

    Args:
        without: further words, in lower case, that do not count, as "seg" in ``seg_train`` and ``seg_test``.
    """
    found = _PATTERN.fullmatch("".join(word for word in words_of(text) if word not in without))
    return None if found is None else _SPLIT_OF[found.group(1)]


def words_of(text: str) -> list[str]:
    """Return the letters and digits between all else, in lower case."""
    return re.findall(r"[^\W_]+", text.lower())


def shared_words(names: Collection[str]) -> set[str]:
    """Return the words that all of several names have and that mean no split: "seg" of ``seg_train``, ``seg_test``."""
    words = [set(words_of(name)) for name in names]
    return {word for word in set.intersection(*words) if split_of(word) is None} if len(words) > 1 else set()


def split_of_flag(column: str, text: str) -> str | None:
    """Return the split that yes or no means in a column such as ``is_valid``; None where it is neither."""
    meant = _FLAGS.get("".join(words_of(column)))
    if meant is None:
        return None
    return meant[0] if text.lower() in _YES else meant[1] if text.lower() in _NO else None

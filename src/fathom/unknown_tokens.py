"""Unknown tokens: when there are so many of them that what a language model says of a text means little."""

from __future__ import annotations

from fathom.findings import Finding

CODE = "data.unknown_tokens"
_MANY = 0.05  # share of the tokens worth a warning: "unknown" alone is then among the model's commonest guesses

# by the level of the tokens
_RARE_IN_TRAINING = "--set data.options.min_freq=1 keeps rare ones; --level char has nearly none"
_UNLIKE = {
    "char": "let training and held-out text be of the same language and script, and encoded alike",
    "word": "--level char, or a longer text to learn from",
}
_FOREIGN = {
    "char": "give a text of the language and script that the model learned, or train on text like this one",
    "word": "give a text like the one that the model learned, or train on text like this one, or with --level char",
}


def check_split(name: str, unknown: int, size: int, level: str) -> Finding | None:
    """Return what is to be said of a split: a warning of many unknown tokens, a note of some.

    Args:
        name: train, val or test.
        unknown, size: how many of its tokens are unknown, and how many there are.
        level: of the tokens, "char" or "word".
    """
    if name == "train":
        return _finding(f"the {name} split", unknown, size, "they are too rare to be learned", _RARE_IN_TRAINING)
    return _finding(f"the {name} split", unknown, size, "the training split does not have them", _UNLIKE[level])


def check_text(shown: str, unknown: int, size: int, level: str) -> Finding | None:
    """Return the same of a text that a model reads; ``shown`` is what messages call it."""
    return _finding(shown, unknown, size, "the vocabulary of the model does not have them", _FOREIGN[level])


def _finding(place: str, unknown: int, size: int, cause: str, remedy: str) -> Finding | None:
    if not unknown or not size:
        return None
    share = unknown / size
    message = f"{unknown:,} of {size:,} tokens of {place} ({share:.1%}) are unknown"
    evidence: dict[str, str | bool | int | float | None] = {"unknown": unknown, "size": size, "share": share}
    place = place.removeprefix("the ")
    if share <= _MANY:
        return Finding(CODE, "note", message, evidence, cause=cause, place=place)
    message += ", so that a perplexity is about guessing “unknown”, not about the text"
    return Finding(CODE, "warning", message, evidence, cause=cause, remedy=remedy, place=place)

"""One class for labels that are the same number or truth value: 1, 1.0 and 01; True and TRUE. Loads without torch."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from fathom.phrases import enumerated

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")  # decimals only: 1e3 may be a code


_TRUTHS = ("true", "false")


def one_spelling(labels: Sequence[str] | Mapping[str, int]) -> tuple[dict[str, str], list[str]]:
    """Return the name of the class of each label, and a line for every number or truth value with several spellings.

    The shortest spelling is the name, of equally long ones the commonest. A number with one spelling keeps it: codes
    such as 001 stay what they are.

    Args:
        labels: one a sample, or how often each occurs.
    """
    counts = Counter(labels)
    groups: dict[Fraction | str, list[str]] = {}  # Fraction: 0.1 and 0.10 are equal, with no rounding
    for label in counts:
        value = _value(label)
        if value is not None:
            groups.setdefault(value, []).append(label)
    names = {label: label for label in counts}
    notes = []
    for spellings in groups.values():
        if len(spellings) > 1:
            # the shortest, then the commonest, then by letters
            spellings.sort(key=lambda label: (len(label), -counts[label], label))
            names |= dict.fromkeys(spellings, spellings[0])
            # all of a group are of one kind
            what = "truth value" if isinstance(_value(spellings[0]), str) else "number"
            notes.append(f"{enumerated(spellings)} are one {what}, and one class")
    return names, notes


def spelling_among(names: Sequence[str], label: str) -> str:
    """Return the class that a label means: that of this name, or the only one that is the same value."""
    value = None if label in names else _value(label)
    # two classes of one value are a matter of the data: no guess
    same = [] if value is None else [name for name in names if _value(name) == value]
    return same[0] if len(same) == 1 else label


def find_alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the classes whose names differ by upper and lower case, blanks or the form of a letter only."""
    groups: dict[str, list[str]] = {}
    for name in names:
        # NFKC: full-width letters and ligatures; casefold: ß and ss
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        groups.setdefault(key, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _value(label: str) -> Fraction | str | None:
    """Return the number or the truth value that a label is."""
    if label.lower() in _TRUTHS:
        return label.lower()
    return Fraction(label.rstrip(".")) if _NUMBER.fullmatch(label) else None  # "1." is 1

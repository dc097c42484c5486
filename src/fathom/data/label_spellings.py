"""One class for labels that are the same: 1, 1.0 and 01; True and TRUE; "é" of one code point and of two."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from fathom.data.unicode_form import composed
from fathom.phrases import enumerated

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")  # decimals only: 1e3 may be a code


_TRUTHS = ("true", "false")


def one_spelling(labels: Sequence[str] | Mapping[str, int]) -> tuple[dict[str, str], list[str]]:
    """Return the name of the class of each label, and a line for everything that has several spellings.

    The shortest spelling is the name, of equally long ones the commonest. A number with one spelling keeps it: codes
    such as 001 stay what they are.

    Args:
        labels: one a sample, or how often each occurs.
    """
    counts = Counter(labels)
    groups: dict[Fraction | str, list[str]] = {}  # Fraction: 0.1 and 0.10 are equal, with no rounding
    for label in counts:
        groups.setdefault(_value(label), []).append(label)
    names = {label: label for label in counts}
    notes = []
    for value, spellings in groups.items():
        if len(spellings) < 2:
            continue
        # the shortest, then the commonest, then by letters
        spellings.sort(key=lambda label: (len(label), -counts[label], label))
        if isinstance(value, str) and value not in _TRUTHS:  # no two of them look different
            names |= dict.fromkeys(spellings, value)
            notes.append(f"{value} is composed in {len(spellings)} ways in Unicode, and is one class")
            continue
        names |= dict.fromkeys(spellings, spellings[0])
        what = "truth value" if isinstance(value, str) else "number"
        notes.append(f"{enumerated(spellings)} are one {what}, and one class")
    return names, notes


def spelling_among(names: Sequence[str], label: str) -> str:
    """Return the class that a label means: that of this name, or the only one that is the same value."""
    if label in names:
        return label
    # two classes of one value are a matter of the data: no guess
    same = [name for name in names if _value(name) == _value(label)]
    return same[0] if len(same) == 1 else label


def find_alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the classes whose names differ by upper and lower case, blanks or the form of a letter only."""
    groups: dict[str, list[str]] = {}
    for name in names:
        # NFKC: full-width letters and ligatures; casefold: ß and ss
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        groups.setdefault(key, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _value(label: str) -> Fraction | str:
    """Return the number, the truth value or else the text that a label is."""
    if label.lower() in _TRUTHS:
        return label.lower()
    return Fraction(label.rstrip(".")) if _NUMBER.fullmatch(label) else composed(label)  # "1." is 1

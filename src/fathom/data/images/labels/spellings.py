"""One class for labels that are the same number: 1, 1.0 and 01. Loads without torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from fathom.phrases import enumerated

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")


def one_spelling(labels: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the name of the class of each label, and a line for every number with several spellings.

    The shortest spelling is the name, of equally long ones the commonest. A number with one spelling keeps it: codes
    such as 001 stay what they are.
    """
    counts = Counter(labels)
    groups: dict[Fraction, list[str]] = {}
    for label in counts:
        value = _value(label)
        if value is not None:
            groups.setdefault(value, []).append(label)
    names = {label: label for label in counts}
    notes = []
    for spellings in groups.values():
        if len(spellings) > 1:
            spellings.sort(key=lambda label: (len(label), -counts[label], label))
            names |= dict.fromkeys(spellings, spellings[0])
            notes.append(f"{enumerated(spellings)} are one number, and one class")
    return names, notes


def spelling_among(names: Sequence[str], label: str) -> str:
    """Return the class that a label means: that of this name, or the only one that is the same number."""
    value = None if label in names else _value(label)
    same = [] if value is None else [name for name in names if _value(name) == value]
    return same[0] if len(same) == 1 else label


def _value(label: str) -> Fraction | None:
    return Fraction(label.rstrip(".")) if _NUMBER.fullmatch(label) else None

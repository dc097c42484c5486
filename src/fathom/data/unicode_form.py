"""One form of a text whose letters Unicode can write in several ways. Torch-free.

"é" is one code point or two, an "e" and an accent; a Korean syllable is one or three. Canonically equivalent texts are
the same text, so that comparing them calls for one form.

Source:  Unicode Standard Annex #15
"""

from __future__ import annotations

import unicodedata
from typing import Literal, get_args

Form = Literal["NFC", "NFD", "NFKC", "NFKD", "none"]
FORMS: tuple[Form, ...] = get_args(Form)


def normalize(text: str, form: Form) -> str:
    """Return a text in one of Unicode's four forms, or as it is."""
    return text if form == "none" or text.isascii() else unicodedata.normalize(form, text)


def composed(text: str) -> str:
    """Return a name, a label or a cell in the form in which two of them are compared."""
    return normalize(text, "NFC")

"""Errors a user meets: one clear line that says what, where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LETTERS = 100  # of a name that is not known


class FathomError(Exception):
    """Work failed for a reason that one line can explain. Exit code 1."""

    exit_code = 1


class UsageError(FathomError):
    """A name, option or combination of options is wrong. Exit code 2."""

    exit_code = 2


def missing_library(purpose: str, libraries: str, extra: str) -> FathomError:
    """Make the error for libraries that are not installed; ``extra`` is Fathom's that brings them.

    >>> str(missing_library("tuning", "optuna", "tune"))
    "tuning needs optuna: pip install optuna, or in Fathom's own folder pip install -e '.[tune]'"
    """
    return FathomError(
        f"{purpose} needs {libraries}: pip install {libraries}, or in Fathom's own folder pip install -e '.[{extra}]'"
    )


def unknown(kind: str, name: object, known: Iterable[str]) -> UsageError:
    """Make the error for a name that is not in ``known``; the nearest one is suggested.

    >>> str(unknown("model", "lnet", ["lenet", "mlp"]))
    "unknown model 'lnet'; did you mean 'lenet'?"
    """
    names, text = sorted(known), str(name)
    shown = repr(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…")
    # comparing takes the square of the letters
    nearest = difflib.get_close_matches(text[:_MOST_LETTERS].lower(), names, n=1, cutoff=0.5)
    if nearest:
        return UsageError(f"unknown {kind} {shown}; did you mean {nearest[0]!r}?")
    return UsageError(f"unknown {kind} {shown}; there are: {', '.join(names)}")

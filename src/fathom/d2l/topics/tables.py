"""pandas as the book expects it.

Columns of strings have the type object, ``get_dummies`` returns numbers, and means leave columns of text out.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable
from typing import Any

from fathom.d2l.frame.imports import after_import

_REDUCTIONS = ("mean", "median", "std", "var")


def prepare_pandas() -> None:
    """Set pandas as the book expects it, now or when it is imported."""
    after_import("pandas", _set_pandas)


def _set_pandas(pandas: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the option will be removed one day; columns then stay as they are
        with contextlib.suppress(KeyError, AttributeError):
            pandas.set_option("future.infer_string", False)
    if getattr(pandas.get_dummies, "is_set_by_fathom", False):
        return
    pandas.get_dummies = _return_numbers(pandas.get_dummies)
    for name in _REDUCTIONS:
        setattr(pandas.DataFrame, name, _leave_text_out(getattr(pandas.DataFrame, name)))


def _return_numbers(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_dummies(data: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) < 7:  # dtype is the last parameter
            kwargs["dtype"] = kwargs.get("dtype") or "uint8"
        return original(data, *args, **kwargs)

    get_dummies.is_set_by_fathom = True  # type: ignore[attr-defined]
    return get_dummies


def _leave_text_out(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make a reduction of a table with text columns do as pandas did before version 2: use the other columns."""

    @functools.wraps(original)
    def reduce(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        except TypeError:
            if "numeric_only" in kwargs or not any(is_text(kind) for kind in self.dtypes):
                raise
        return original(self, *args, **kwargs, numeric_only=True)

    def is_text(kind: Any) -> bool:
        return str(kind).startswith(("object", "str"))

    return reduce

"""Classes whose signature differs between the editions: accept either call where its arguments leave no doubt."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

Init = Callable[..., None]


def accepts_old(
    old: Callable[..., dict[str, Any]], prefer_old: Callable[..., bool] | None = None
) -> Callable[[Init], Init]:
    """Make a decorator for an ``__init__`` with the new signature that also takes calls with the old one.

    Args:
        old: has the old signature and returns the arguments of the new one; names that it adds go to the decorated
            ``__init__`` as they are.
        prefer_old: called with the arguments where both signatures fit.
    Raises:  TypeError, naming both signatures, for a call that fits neither
    """

    def decorate(init: Init) -> Init:
        new_signature, old_signature = inspect.signature(init), inspect.signature(old)
        # [1:] leaves self out; keyword-only ones are internal
        shown = [p for p in list(new_signature.parameters.values())[1:] if p.kind is not p.KEYWORD_ONLY]
        public = inspect.Signature([next(iter(new_signature.parameters.values())), *shown])

        @functools.wraps(init)
        def call(self: Any, *args: Any, **kwargs: Any) -> None:
            is_new, is_old = _fits(public, self, *args, **kwargs), _fits(old_signature, *args, **kwargs)
            # both fit: new, unless prefer_old knows better
            if is_old and (not is_new or (prefer_old is not None and prefer_old(*args, **kwargs))):
                init(self, **old(*args, **kwargs))  # old() gives the new signature's arguments
            elif is_new:
                init(self, *args, **kwargs)
            else:
                name = type(self).__name__
                raise TypeError(
                    f"{name} takes {_describe(public, 1)} in fathom.d2l.torch and {_describe(old_signature, 0)} in "
                    f"fathom.d2l.v0.torch; these arguments fit neither"
                )

        # the classes of the earlier editions show it
        call.old_signature = old_signature  # type: ignore[attr-defined]
        return call

    return decorate


def _fits(signature: inspect.Signature, *args: Any, **kwargs: Any) -> bool:
    try:  # binding checks the arguments without a call
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _describe(signature: inspect.Signature, skip: int) -> str:
    parameters = list(signature.parameters.values())[skip:]
    texts = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    return f"({', '.join(texts)})"

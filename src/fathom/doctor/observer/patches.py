"""Functions of PyTorch that are replaced while a training is watched, and put back afterwards."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

Around = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class Patches:
    """What was replaced, so that all of it can be put back, for good or for a while."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, around: Around) -> None:
        """Let ``around(original, args, kwargs)`` answer for ``owner.name``; a name that is not there is passed over."""
        original = vars(owner).get(name)
        if original is None:
            return

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return around(original, args, kwargs)

        self._replaced.append((owner, name, original, replacement))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put all of it back, the last first."""
        for owner, name, original, replacement in reversed(self._replaced):
            if vars(owner).get(name) is replacement:  # what somebody else wrapped since stays theirs
                setattr(owner, name, original)
        self._replaced.clear()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Put all of it back for a while: a compiler that reads source code must find PyTorch's own."""
        for owner, name, original, _ in reversed(self._replaced):
            setattr(owner, name, original)
        try:
            yield
        finally:
            for owner, name, _, replacement in self._replaced:
                setattr(owner, name, replacement)

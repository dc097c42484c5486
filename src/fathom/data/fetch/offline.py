"""Whether the network may be asked: not with `--offline`, nor where FATHOM_OFFLINE is set. Torch-free."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from fathom.errors import FathomError

VARIABLE = "FATHOM_OFFLINE"


def is_offline() -> bool:
    """Whether the network must not be used."""
    return os.environ.get(VARIABLE, "") not in ("", "0")  # "0" and empty switch it off


def refuse_offline(urls: Sequence[str], way_out: str) -> None:
    """Refuse to fetch anything if offline; ``way_out`` says what to do with a file downloaded by hand.

    Raises:  FathomError naming everything that is missing
    """
    if urls and is_offline():
        what, it = (urls[0], "it") if len(urls) == 1 else (" ".join(urls), "them")
        raise FathomError(f"offline, and not on this machine: {what}; download {it} by hand and {way_out}")


@contextlib.contextmanager
# by the environment, since worker processes inherit it
def offline() -> Iterator[None]:
    """Keep this process, and those it starts meanwhile, from using the network."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:  # as it was: a user may have set it
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before

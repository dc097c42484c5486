"""Failures in the middle of a run, explained in one line: out of memory, a killed worker, a batch of one."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator

from fathom.errors import FathomError

_MEMORY = re.compile(r"can't allocate memory|out of memory|not enough memory", re.IGNORECASE)

# torch's own words, from batch normalisation
_LONE = re.compile(r"^Expected more than 1 value per channel when training")


def explain(error: Exception) -> FathomError | None:
    """Return a one-line error for a known failure; None for any other."""
    text = str(error)
    if isinstance(error, FathomError):
        return error
    if isinstance(error, MemoryError) or _MEMORY.search(text):  # torch's own are RuntimeErrors that say so
        return FathomError("out of memory; try a smaller --batch-size, a smaller network or smaller images")
    if _LONE.search(text):
        return FathomError(
            "batch normalisation cannot normalise a batch of one sample; choose another --batch-size, "
            "so that the last batch of an epoch has two or more"
        )
    # a worker's death is torch's RuntimeError; without torch there are no workers
    if "torch" not in sys.modules or not isinstance(error, RuntimeError):
        return None
    from fathom.data.loaders.files import explain_dead_worker

    # The death of a worker also arrives as a signal, whatever this process is doing.
    return explain_dead_worker(error)


@contextlib.contextmanager
def readable_failures() -> Iterator[None]:
    """Re-raise an error that ``explain`` knows as its one line."""
    try:
        yield
    except Exception as error:
        line = explain(error)
        if line is None or line is error:  # unknown, or readable already: unchanged
            raise
        raise line from error

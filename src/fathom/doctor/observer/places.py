"""Which line of the user's code is running."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OURS = str(Path(__file__).resolve().parents[2])


@lru_cache(maxsize=4096)
def is_users(filename: str) -> bool:
    """Whether a file is neither Python's, nor an installed package's, nor Fathom's."""
    if filename.startswith("<"):
        return filename.startswith("<ipython") or filename == "<stdin>"
    path = os.path.abspath(filename)
    return not path.startswith((*_LIBRARIES, _OURS)) and "site-packages" not in path


def user_frame() -> FrameType | None:
    """Return the innermost frame of the user's code; None if none is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_place() -> str:
    """Return ``file:line`` of the innermost line of the user's code; empty if none is running."""
    frame = user_frame()
    return "" if frame is None else f"{shorten(frame.f_code.co_filename)}:{frame.f_lineno}"


@lru_cache(maxsize=4096)
def shorten(filename: str) -> str:
    """Return a file's name as seen from the working folder, where it lies below it."""
    try:
        path = os.path.relpath(filename)
    except ValueError:  # another drive
        return filename
    return filename if path.startswith("..") else path


def traceback_place(error: BaseException) -> str:
    """Return the innermost line of the user's code in the traceback of an error."""
    place, step = "", error.__traceback__
    while step is not None:
        if is_users(step.tb_frame.f_code.co_filename):
            place = f"{shorten(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}"
        step = step.tb_next
    return place

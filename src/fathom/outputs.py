"""Where the result of a command goes: a file, a device or a pipe, or standard output for ``-``."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from fathom.errors import UsageError
from fathom.files import atomic_file, encode_text, remove_stale
from fathom.terminal import bare_stream

STDOUT = "-"

# numbers of open files, as bash's >(…) gives them
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}

_reserved: TextIO | None = None  # standard output, while what is printed goes to standard error


def is_stdout(out: str | os.PathLike[str] | None) -> bool:
    """Return whether an output is standard output: ``-``, or one of the names that the system has for it."""
    return out is not None and (os.fspath(out) == STDOUT or _descriptor(out) == 1)


def is_special(out: str | os.PathLike[str]) -> bool:
    """Return whether an output is standard output, a device or a pipe: its name then says nothing of its format."""
    return is_stdout(out) or _descriptor(out) is not None or (Path(out).exists() and not Path(out).is_file())


def check_output(out: str | os.PathLike[str], option: str = "--out") -> None:
    """Refuse, before anything is computed, what cannot be the name of a file.

    Raises:  UsageError for a blank name, a folder, or a file in a folder that does not exist
    """
    text = os.fspath(out)
    if is_stdout(out):  # before the endings are looked at: /dev/stdout lies in a folder like others
        return
    if not text.strip():
        raise UsageError(f"{option}: the name of the file is empty")
    if text.endswith(("/", os.sep)) or Path(text).is_dir():
        raise UsageError(f"{option} {text}: is a folder; name a file")
    if not Path(text).parent.is_dir():
        raise UsageError(f"{option} {text}: no such folder: {Path(text).parent}")


@contextlib.contextmanager
def open_output(out: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Return a binary file to fill. A file appears when it is whole; standard output, devices and pipes are written to.

    Raises:  UsageError as ``check_output``; FathomError as ``atomic_file``
    """
    if is_stdout(out):
        with _binary_stdout() as file:
            yield file
        return
    number = _descriptor(out)
    if number is not None:  # opening it anew would begin at the start of a file that others write to
        with os.fdopen(os.dup(number), "wb") as file:
            yield file
        return
    check_output(out)
    remove_stale(out)  # of this output only; others may be under way
    with atomic_file(out) as file:
        yield file


def write_output(out: str | os.PathLike[str], content: bytes | str) -> None:
    """Write ``content`` (text as UTF-8) to a file, a device or a pipe, or to standard output for ``-``.

    Raises:  as ``open_output``
    """
    with open_output(out) as file:
        file.write(encode_text(content) if isinstance(content, str) else content)


def standard_output() -> TextIO:
    """Return standard output for content: as it is in a pipe, with control characters made visible on a terminal."""
    stream = sys.stdout if _reserved is None else _reserved
    # a terminal would obey control characters, a pipe gets the bytes
    return stream if stream.isatty() else bare_stream(stream)


@contextlib.contextmanager
def reserve_stdout() -> Iterator[None]:
    """Let what is printed go to standard error: standard output is for the content of a file."""
    global _reserved
    _reserved = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _reserved = None


@contextlib.contextmanager
def _binary_stdout() -> Iterator[BinaryIO]:
    stream = bare_stream(sys.stdout if _reserved is None else _reserved)
    binary = getattr(stream, "buffer", None)
    if binary is not None:
        stream.flush()  # what was printed so far comes first
        yield binary
        binary.flush()
    else:  # a stream of text alone, as a notebook has
        content = io.BytesIO()
        yield content
        # surrogateescape: the names of files that are not UTF-8 go through as they are
        stream.write(content.getvalue().decode("utf-8", "surrogateescape"))


def _descriptor(out: str | os.PathLike[str]) -> int | None:
    text = os.fspath(out)
    found = _DESCRIPTOR.fullmatch(text)
    return int(found[1]) if found else _STREAMS.get(text)

"""What passes over image files found, kept below the cache folder: as long as no file changes, none is decoded again.

One file a survey, ``<cache>/decoded/<key>``: a line of JSON, then the arrays one after another as they lie in memory,
which is how they are used: the file is mapped. The key is a digest of every path with its size and times, and of all
that the pixels depend on besides. Every file here can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import mmap
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import __version__ as pillow_version
from PIL import features

from fathom.data.fetch.paths import cache_root, make_folder
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.survey import OnRead, Survey, survey
from fathom.errors import FathomError
from fathom.files import atomic_file, remove_leftovers

_PASS = 3  # counts up whenever the pass finds something else in the same files
_WORTH_S = 0.5  # a pass that is sooner done is not kept
_MOST_BYTES = 8 << 30
_SPARE_BYTES = 4 << 30  # of the disk, left to others
_SETTLED_NS = 2_000_000_000  # a file that was changed just now may change again within one tick of its clock
_ALIGN = 64
_ARRAYS = {
    "pixels": np.dtype("u1"),  # or the type of their form
    "is_readable": np.dtype("?"),
    "has_foreign_suffix": np.dtype("?"),
    "sizes": np.dtype("<i4"),
    "digests": np.dtype("<u8"),
    "sums": np.dtype("<i8"),
    "moments": np.dtype("<f8"),
    "pages": np.dtype("<i4"),
}


def survey_once(
    paths: Sequence[str],
    form: PixelForm,
    *,
    keep: bool,
    workers: int,
    on_read: OnRead | None = None,
) -> Survey:
    """Do what ``survey`` does, or return what it found before in the same files.

    Raises:  as ``survey``; a cache that cannot be written is no error
    """
    key = _name_state(paths, form, keep)
    known = None if key is None else _load(folder() / key, paths, form)
    if known is not None:
        return known
    started = time.monotonic()
    found = survey(paths, form, keep=keep, workers=workers, on_read=on_read)
    if key is not None and time.monotonic() - started >= _WORTH_S:
        with contextlib.suppress(FathomError, OSError):
            _save(folder() / key, found)
    return found


def folder() -> Path:
    """Name the folder; it need not exist yet."""
    return cache_root() / "decoded"


def _name_state(paths: Sequence[str], form: PixelForm, keep: bool) -> str | None:
    """Return a name to the state of all files and to what is asked of them; None while they are being changed."""
    libraries = [features.version(name) for name in ("jpg", "libjpeg_turbo", "zlib", "webp", "libtiff", "avif")]
    digest = hashlib.sha256(repr((_PASS, pillow_version, libraries, form, keep)).encode())
    newest = 0
    for path in paths:
        try:
            stat = os.stat(path)
            state = stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
            newest = max(newest, *state[1:])
        except OSError as error:
            state = -1, error.errno or 0, 0
        digest.update(b"%s\0%d %d %d\0" % (os.fsencode(path), *state))
    return None if newest > time.time_ns() - _SETTLED_NS else digest.hexdigest()[:32]


def _types(form: PixelForm) -> dict[str, np.dtype[Any]]:
    return _ARRAYS | {"pixels": form.dtype.newbyteorder("<")}


def _lay_out(arrays: dict[str, list[int]], types: dict[str, np.dtype[Any]]) -> Iterator[tuple[str, list[int], int]]:
    """Return name, shape and place of each array."""
    place = 0
    for name, shape in arrays.items():
        yield name, shape, place
        place += -(-types[name].itemsize * math.prod(shape) // _ALIGN) * _ALIGN


def _load(file: Path, paths: Sequence[str], form: PixelForm) -> Survey | None:
    """Map a file into memory, if it is there and whole; whoever writes to the arrays writes to a copy of his own."""
    try:
        with file.open("rb") as opened:
            header = opened.readline(4096)
            shapes: dict[str, list[int]] = json.loads(header)
            memory = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        if hasattr(mmap, "MADV_WILLNEED"):
            memory.madvise(mmap.MADV_WILLNEED)  # else the first epoch would fetch it from the disk bit by bit
        os.utime(file)  # the oldest are the first to go
        arrays: dict[str, Any] = {"pixels": None}
        arrays |= {"sums": np.zeros((0, form.channels, 2), "<i8"), "moments": np.zeros((0, form.channels, 5))}
        types = _types(form)
        for name, shape, place in _lay_out(shapes, types):
            if shape[0] != len(paths):
                return None
            start = _ALIGN * -(-len(header) // _ALIGN) + place
            arrays[name] = np.frombuffer(memory, types[name], math.prod(shape), start).reshape(shape)
        return Survey(tuple(paths), form, **arrays, is_known=True)
    except (OSError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return None


def _has_content(array: np.ndarray | None) -> bool:
    return array is not None and array.size > 0


def _save(file: Path, found: Survey) -> None:
    arrays = {name: getattr(found, name) for name in _ARRAYS if _has_content(getattr(found, name))}
    size = sum(array.nbytes for array in arrays.values())
    make_folder(file.parent)
    remove_leftovers(file.parent)
    if size > _MOST_BYTES // 2 or size + _SPARE_BYTES > shutil.disk_usage(file.parent).free:
        return
    _make_room(file.parent, size)
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    header = json.dumps(shapes).encode() + b"\n"
    begin = _ALIGN * -(-len(header) // _ALIGN)
    types = _types(found.form)
    with atomic_file(file) as opened:
        opened.write(header)
        for name, _, place in _lay_out(shapes, types):
            opened.seek(begin + place)
            opened.write(np.ascontiguousarray(arrays[name], types[name]).data.cast("B"))
        opened.truncate(begin + sum(-(-array.nbytes // _ALIGN) * _ALIGN for array in arrays.values()))


def _make_room(place: Path, size: int) -> None:
    """Delete what was not used for the longest time, so that no more than the limit is kept."""
    kept = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in place.iterdir() if file.is_file())
    total = size + sum(num_bytes for _, num_bytes, _ in kept)
    for _, num_bytes, file in kept:
        if total <= _MOST_BYTES:
            return
        file.unlink(missing_ok=True)
        total -= num_bytes

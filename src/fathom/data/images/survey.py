"""One pass over image files: each is decoded once, by processes that share the memory it ends up in. Torch-free."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import itertools
import math
import mmap
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

import numpy as np
from PIL import Image

from fathom.data.images.decode import ImageReader, silence_decoders
from fathom.data.images.formats import KNOWN, has_foreign_suffix
from fathom.data.images.pixels.form import PixelForm, check_form
from fathom.data.images.pixels.moments import measure
from fathom.errors import FathomError

OnRead = Callable[[int, int], None]  # images read, images in all

_MOST_IN_CHUNK = 64  # images that a process takes at a time
_CHUNK_BYTES = 1 << 20  # 1 MiB of pixels: fewer large images at a time, so that processes end together
_REPORT_S = 0.1  # seconds
_MOST_REASONS = 200  # broken files that are opened again to hear why
_UNREAD, _READ, _FOREIGN, _BROKEN = range(4)  # what is known of a file so far


@dataclass(frozen=True)
class Survey:
    """What a pass found; row i of each array belongs to file i.

    Attributes:
        form: what the pixels were brought to.
        pixels: (N, C, H, W), zero where a file is broken; None if they were not to be kept.
        is_readable: bool (N,).
        has_foreign_suffix: bool (N,), readable but of another format than the name says.
        sizes: int32 (N, 2), height and width in the file.
        digests: uint64 (N,), the same for images of which a network gets the same pixels, and by chance once in 2⁶⁴;
            of use within this survey alone.
        sums: int64 (N, C, 2), sums of the pixels and of their squares; of plain bytes alone.
        moments: float64 (N, C, 5) of other values, see ``measure``.
        pages: int32 (N,), images in each file; all but the first are passed over.
        is_known: whether this is what an earlier pass found.
    """

    paths: tuple[str, ...]
    form: PixelForm
    pixels: np.ndarray | None  # (N, C, H, W); None where they are not kept
    is_readable: np.ndarray
    has_foreign_suffix: np.ndarray
    sizes: np.ndarray  # (N, 2), height and width in the file
    digests: np.ndarray  # (N,), equal for equal pixels
    sums: np.ndarray  # (N, C, 2), sum and sum of squares of bytes
    moments: np.ndarray  # (N, C, 5) of other values, see ``measure``
    pages: np.ndarray  # (N,), images in each file
    is_known: bool = False

    def explain_broken(self) -> list[tuple[str, str]]:
        """Return the path of each broken file with what is wrong with it; past 200 of them the path alone."""
        broken = [self.paths[i] for i in np.flatnonzero(~self.is_readable)]
        reasons = [_explain(path, self.form) for path in broken[:_MOST_REASONS]]
        return list(itertools.zip_longest(broken, reasons, fillvalue=""))


@dataclass(frozen=True)
class _Job:
    """The arrays that a pass fills, and what is to be read into them."""

    paths: Sequence[str]
    form: PixelForm
    shape: tuple[int, int, int]
    chunk: int
    pixels: np.ndarray | None
    states: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    sums: np.ndarray
    moments: np.ndarray
    pages: np.ndarray


def survey(
    paths: Sequence[str],
    form: PixelForm,
    *,
    keep: bool,
    workers: int,
    on_read: OnRead | None = None,
) -> Survey:
    """Decode every file as ``read_pixels`` does.

    Args:
        form: what every image is brought to; it has a size.
        keep: keep the pixels of all in memory.
        workers: processes that decode (threads, where processes cannot be forked); 0 decodes in this one.
        on_read: called about ten times a second with how far the pass is.
    Raises:  FathomError if a process was killed; a file that cannot be decoded is no error, but noted
    """
    check_form(form)
    assert form.size is not None
    count, shape = len(paths), (form.channels, *form.size)
    is_plain = form.is_plain
    job = _Job(
        paths,
        form,
        shape,
        chunk=max(1, min(_MOST_IN_CHUNK, _CHUNK_BYTES // (math.prod(shape) * form.dtype.itemsize))),
        pixels=_share((count, *shape), form.dtype) if keep else None,
        states=_share((count,), np.uint8),
        sizes=_share((count, 2), np.int32),
        digests=_share((count,), np.uint64),
        sums=_share((count if is_plain else 0, form.channels, 2), np.int64),
        moments=_share((0 if is_plain else count, form.channels, 5), np.float64),
        pages=_share((count,), np.int32),
    )
    workers = min(workers, -(-count // job.chunk) // 2)  # a process costs as much as a few hundred small images
    tell = _Teller(job, on_read)
    with silence_decoders():
        if workers < 2:
            for start in range(0, count, job.chunk):
                _read_chunk(job, start)
                tell()
        elif sys.platform == "linux":
            _read_in_processes(job, workers, tell)
        else:
            with ThreadPoolExecutor(workers) as pool:  # decoding leaves the interpreter free
                for _ in pool.map(lambda start: _read_chunk(job, start), range(0, count, job.chunk)):
                    tell()
    tell(at_end=True)
    return Survey(
        tuple(paths),
        form,
        job.pixels,
        job.states != _BROKEN,
        job.states == _FOREIGN,
        job.sizes,
        _distinct_digests(job.pixels, job.sums) if job.pixels is not None and is_plain else job.digests,
        job.sums,
        job.moments,
        job.pages,
    )


def _share(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Make an array of zeros that forked processes write into; not in /dev/shm, which is tiny in many containers."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    # mmap -1: anonymous memory, shared with forked processes
    return np.frombuffer(mmap.mmap(-1, max(1, size)), dtype, math.prod(shape)).reshape(shape)


def _read_chunk(job: _Job, start: int) -> None:
    """Read the files from ``start`` on, a chunk of them, and note what was found of all of them at once."""
    paths = job.paths[start : start + job.chunk]
    part = slice(start, start + len(paths))
    form, (channels, height, width) = job.form, job.shape
    is_plain = form.is_plain
    reader = ImageReader(form)
    blank = bytes(height * width * channels * form.dtype.itemsize)  # black, in place of what cannot be read
    states, sizes, digests, contents, pages = [], [], [], [], []
    for path in paths:
        try:
            data, _, size, kind, _, count = reader.read(path)
        except FathomError:
            states.append(_BROKEN)
            sizes.append((0, 0))
            digests.append(0)
            contents.append(blank)
            pages.append(0)
            continue
        states.append(_FOREIGN if has_foreign_suffix(path, kind) else _READ)
        sizes.append(size)
        # of kept images it can be had later, and most need none
        digests.append(0 if job.pixels is not None and is_plain else _digest(data))
        contents.append(data)
        pages.append(count)
    pixels = np.frombuffer(b"".join(contents), form.dtype).reshape(-1, height, width, channels)
    # straight into the shared memory, where pixels are kept
    planes = np.empty((len(paths), *job.shape), form.dtype) if job.pixels is None else job.pixels[part]
    planes[...] = pixels.transpose(0, 3, 1, 2)  # (n, H, W, C) -> (n, C, H, W)
    flat = planes.reshape(len(paths), channels, -1)  # (n, C, H·W)
    if is_plain:
        wide = np.uint32 if 255**2 * height * width < 1 << 32 else np.uint64  # the narrower the sooner done
        job.sums[part, :, 0] = flat.sum(2, dtype=wide)
        job.sums[part, :, 1] = np.square(flat, dtype=np.uint16).sum(2, dtype=wide)
    else:
        job.moments[part] = measure(flat)
    job.sizes[part] = sizes
    job.digests[part] = digests
    job.pages[part] = pages
    job.states[part] = states  # last: a file counts as read when all of it is noted


def _digest(content: bytes | memoryview) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _distinct_digests(pixels: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the digests of images that were kept: where no other one has its sums, these will do for an image."""
    # odd weights: multiplying by them loses no bit of a sum
    weights = np.random.default_rng(0).integers(1 << 63, size=sums[0].size, dtype=np.uint64) | np.uint64(1)
    digests: np.ndarray = (sums.reshape(len(sums), -1).astype(np.uint64) * weights).sum(1)
    _, group, counts = np.unique(digests, return_inverse=True, return_counts=True)
    for i in np.flatnonzero(counts[group] > 1):  # equal sums: only these few are digested
        digests[i] = _digest(pixels[i].data)
    return digests


def _read_in_processes(job: _Job, workers: int, tell: _Teller) -> None:
    """Let forked processes take chunks one after the other until none is left."""
    Image.preinit()  # once, here, instead of in each of them
    context: Any = multiprocessing.get_context("fork")
    following = context.Value("q", 0)  # number of the next file that nobody has taken
    parent = os.getpid()
    processes = [context.Process(target=_work, args=(job, following, parent), daemon=True) for _ in range(workers)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # later Pythons warn of forking beside threads, as DataLoader does too
            for process in processes:
                process.start()
        running = list(processes)
        while running and not any(process.exitcode for process in processes):  # an exit code other than 0: killed
            wait([process.sentinel for process in running], _REPORT_S)
            running = [process for process in processes if process.exitcode is None]
            tell()
    finally:
        for process in processes:  # after an error or Ctrl-C nobody waits for the rest
            if process.is_alive():
                process.kill()
        for process in processes:
            if process.pid is not None:
                process.join()
    if (job.states == _UNREAD).any():
        raise FathomError(
            "a process that reads images was killed (was the machine short of memory?); try fewer --workers"
        )


def _work(job: _Job, following: Any, parent: int) -> None:
    ignore_signals()
    gc.freeze()  # collecting would touch, and so copy, what came along from the parent
    while os.getppid() == parent:  # else it was killed, and nobody waits for the images
        with following.get_lock():
            start = following.value
            following.value = start + job.chunk  # the lock is held while the number is taken, not while files are read
        if start >= len(job.paths):
            return
        _read_chunk(job, start)


def ignore_signals() -> None:
    """Leave Ctrl-C, and a signal to the whole group, to the process that started this one; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)  # a group of its own: Ctrl-C reaches only the parent


class _Teller:
    """Tells how far a pass is, not too often."""

    def __init__(self, job: _Job, on_read: OnRead | None) -> None:
        self.job, self.on_read, self.told_at = job, on_read, time.monotonic()

    def __call__(self, *, at_end: bool = False) -> None:
        now = time.monotonic()
        if self.on_read is not None and (at_end or now - self.told_at >= _REPORT_S):
            self.told_at = now
            self.on_read(int(np.count_nonzero(self.job.states)), len(self.job.paths))


def _explain(path: str, form: PixelForm) -> str:
    """Say what is wrong with a file, in words that follow its name."""
    try:
        with silence_decoders():
            ImageReader(form).read(path)
    except FathomError as error:
        text = str(error).removesuffix(f" ({', '.join(KNOWN)})")
        reason = text.removeprefix(f"cannot read {path} (").removesuffix(")")
        return text.removeprefix(f"{path} ") if reason == text.removesuffix(")") else f"cannot be read ({reason})"
    return "could not be read at first"  # it can now, so that another program may have been writing it

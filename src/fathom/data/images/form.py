"""In which form images are learned from: size and channels for all of them, and whether they stay in memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image

from fathom.choices import Cache
from fathom.data.images.decode import read_image, silence_decoders, upright_size
from fathom.data.images.formats import FORMATS
from fathom.data.loaders.free_memory import free_memory
from fathom.errors import FathomError, UsageError

_SAMPLED = 500  # files looked into for size and channels
LARGEST_SIDE = 224
_FREE_SHARE = 0.5  # of the memory that is free, for decoded images
_GIB = 1 << 30


def choose_form(
    paths: Sequence[str], seed: int, channels: int | None, size: tuple[int, int] | None, largest_side: int
) -> tuple[int, tuple[int, int]]:
    """Settle channels and (height, width), where they are not given by the headers of a sample."""
    if channels not in (None, 1, 3):
        raise UsageError(f"images of {channels} channels: choose 1 (grey) or 3 (colour)")
    if channels is None or size is None:
        sizes, is_grey = _look_into([paths[i] for i in np.random.default_rng(seed).permutation(len(paths))[:_SAMPLED]])
        channels = channels or (1 if is_grey else 3)
        size = size or _choose_size(sizes, largest_side)
    return channels, size


def _look_into(paths: Sequence[str]) -> tuple[Counter[tuple[int, int]], bool]:
    """Read headers: how often each (height, width) occurs, and whether all are grey. What is broken is left for later.

    Raises:  FathomError if none of them can be read
    """
    sizes: Counter[tuple[int, int]] = Counter()
    is_grey = True
    with silence_decoders():
        for path in paths:
            try:
                with Image.open(path, formats=FORMATS) as image:
                    sizes[upright_size(image)] += 1
                    is_grey &= image.mode in ("1", "L") or image.mode.startswith("I")
            except Exception:
                continue
    if not sizes:
        read_image(paths[0], 3)  # it says what is wrong with the first
        raise FathomError(f"{paths[0]} and {len(paths) - 1:,} others cannot be read")
    return sizes, is_grey


def _choose_size(sizes: Counter[tuple[int, int]], largest_side: int) -> tuple[int, int]:
    """Take the size that most images have; where they differ, a square of the median shorter side."""
    (height, width), count = sizes.most_common(1)[0]
    if count * 2 < sizes.total():
        height = width = sorted(min(size) for size in sizes.elements())[sizes.total() // 2]
    shrink = min(1.0, largest_side / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def choose_place(cache: Cache, count: int, shape: tuple[int, ...], workers: int) -> tuple[bool, str]:
    """Settle whether so many decoded images (C, H, W) stay in memory, and say why.

    Raises:  UsageError if they must and there is no room
    """
    needed, free = count * math.prod(shape), free_memory()
    what = _size_of(needed)
    if cache == "none":
        by = f" by {workers} processes" if workers > 1 else ""
        return False, f"decoded in every epoch{by} (--cache none)"
    if free is None or needed <= _FREE_SHARE * free:
        return True, f"decoded into memory ({what})"
    if cache == "auto":
        return False, f"decoded in every epoch, for {what} are more than half of the {_size_of(free)} free"
    if needed > free:
        raise UsageError(
            f"--cache memory: {count:,} decoded images take {what}, but {_size_of(free)} are free; "
            "bring them to a smaller size with --resize, or leave them in their files with --cache none"
        )
    return True, f"decoded into memory ({what})"


def _size_of(num_bytes: int) -> str:
    return f"{num_bytes / _GIB:.1f} GiB" if num_bytes >= _GIB else f"{num_bytes / (1 << 20):.0f} MiB"

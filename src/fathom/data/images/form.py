"""In which form images are learned from: size, channels and values for all of them, and whether they stay in memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from fathom.choices import Cache
from fathom.data.images.decode import read_image, silence_decoders
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.deep_colours import import_codecs
from fathom.data.images.pixels.form import COLOURS, WORDS, Layout, PixelForm, Values, check_channels, check_form
from fathom.data.images.pixels.header import Header, read_header
from fathom.data.images.pixels.tiff import import_tifffile
from fathom.data.loaders.free_memory import free_memory
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted

_SAMPLED = 500  # files looked into for size, channels and values
_STRAYS = 0.1  # of the files, which are left out as broken ones where they are unlike the others
_FREE_SHARE = 0.5  # of the memory that is free, for decoded images
_GIB = 1 << 30
_FEWEST_STEPS = 16  # of an epoch, where nobody chose the batch size
_LEAST_BATCH, _MOST_BATCH = 8, 256

_T = TypeVar("_T", bound=Hashable)
_Found = Sequence[tuple[str, Header]]


def choose_form(paths: Sequence[str], seed: int, options: ImageOptions) -> PixelForm:
    """Settle channels, (height, width) and values, where they are not given, by the headers of a sample.

    Raises:  FathomError if none of them can be read, or a library is missing that all need; UsageError if they are too
        different for one form
    """
    if options.channels is not None:
        check_channels(options.channels)
    values, channels, size, layout = options.values, options.channels, options.size, options.layout
    if values is None or channels is None or size is None:
        found = _look_into([paths[i] for i in np.random.default_rng(seed).permutation(len(paths))[:_SAMPLED]])
        if not found and (channels is None or size is None):
            read_image(paths[0], 3)  # it says what is wrong with the first
            raise FathomError(f"{paths[0]} and {len(paths) - 1:,} others cannot be read")
        if any(header.tiff is not None and header.tiff.needs_library for _, header in found):
            import_tifffile()
        for kind in {header.needs_codecs for _, header in found} - {""}:
            if kind != "AVIF" or not (values == "uint8" and options.converts):  # of which Pillow gives 8 bits
                import_codecs(kind)
        layout = layout or _choose_layout(found)
        values = values or _choose_values(found, converts=options.converts)
        if channels is None:
            channels = _choose_channels(found, layout)
        elif channels not in COLOURS:
            _check_bands(channels, found, layout)
        sizes = Counter(header.resolve(layout)[0] for _, header in found)
        size = size or _choose_size(sizes, options.largest_side)
    form = PixelForm(channels, size, values, options.converts, layout, options.window)
    check_form(form)
    return form


def _look_into(paths: Sequence[str]) -> list[tuple[str, Header]]:
    """Read headers. What is broken is left for later."""
    found = []
    with silence_decoders():
        for path in paths:
            try:
                found.append((path, read_header(path)))
            except Exception:
                continue
    return found


def _choose_layout(found: _Found) -> Layout | None:
    """Return the one layout of all arrays whose shape tells it; None where there is none, or both.

    Raises:  UsageError if no shape tells it
    """
    layouts = {header.layout for _, header in found} - {None}
    if layouts == {"either"}:
        path, header = next((path, header) for path, header in found if header.layout == "either")
        shape = "×".join(map(str, header.shape))
        raise UsageError(
            f"{path} holds an array of {shape}, in which the channels may be first or last: add "
            "--set data.options.layout=chw or hwc"
        )
    told: list[Layout] = [layout for layout in layouts if layout == "hwc" or layout == "chw"]
    return told[0] if len(told) == 1 else None


def _choose_values(found: _Found, *, converts: bool) -> Values:
    """Return the kind of values that the files hold, of 16 bits and signed ones together the wider."""
    if not found:
        return "uint8"
    kinds = {header.values for _, header in found}
    if converts:
        return max(kinds, key=tuple(WORDS).index)
    if kinds == {"uint16", "integer"}:
        return "integer"
    return _take_commonest(
        found,
        lambda header: header.values,
        lambda values: WORDS[values],
        "have no scale in common; keep them apart, or add --set data.options.convert=true, which takes the full range "
        "of 8 bits for that of 16, and other values as they are",
    )


def _choose_channels(found: _Found, layout: Layout | None) -> int:
    """Return 1 where all are grey, 3 for colour among them, else the number of bands."""
    counts = {header.resolve(layout)[1] for _, header in found} - {None}
    if counts <= set(COLOURS):
        return 3 if 3 in counts else 1
    return _take_commonest(
        found,
        lambda header: header.resolve(layout)[1] or 0,
        lambda channels: counted(channels, "channel"),
        "cannot be learned from together; keep those of one number, or choose it with --set data.options.channels=N",
    )


def _check_bands(channels: int, found: _Found, layout: Layout | None) -> None:
    """Refuse a number of bands that no file has."""
    counts = Counter(header.resolve(layout)[1] for _, header in found)
    if found and channels not in counts:
        has = counted(counts.most_common(1)[0][0] or 0, "channel")
        raise UsageError(f"images of {channels} channels (data.options.channels), and the files have {has}")


def _take_commonest(found: _Found, key: Callable[[Header], _T], show: Callable[[_T], str], advice: str) -> _T:
    """Return what most files have; a few others will be left out as broken.

    Raises:  UsageError if the others are more than a few
    """
    counts = Counter(key(header) for _, header in found)
    first, number = counts.most_common(1)[0]
    if len(found) - number > _STRAYS * len(found):
        examples = {key(header): path for path, header in reversed(found)}
        listed = ", ".join(f"{count:,} with {show(kind)} ({examples[kind]})" for kind, count in counts.most_common(4))
        raise UsageError(f"of {counted(len(found), 'image')} looked into {listed}: they {advice}")
    return first


def _choose_size(sizes: Counter[tuple[int, int]], largest_side: int) -> tuple[int, int]:
    """Take the size that most images have; where they differ, a square of the median shorter side."""
    (height, width), count = sizes.most_common(1)[0]
    if count * 2 < sizes.total():
        height = width = sorted(min(size) for size in sizes.elements())[sizes.total() // 2]
    shrink = min(1.0, largest_side / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def choose_place(cache: Cache, count: int, form: PixelForm, workers: int) -> tuple[bool, str]:
    """Settle whether so many decoded images stay in memory, and say why.

    Raises:  UsageError if they must and there is no room
    """
    assert form.size is not None
    needed, free = count * form.channels * math.prod(form.size) * form.dtype.itemsize, free_memory()
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


def choose_batch_size(num_train: int) -> int:
    """Return a sixteenth of the training images, rounded to a power of two, from 8 to 256."""
    power_of_two = 1 << (max(1, num_train // _FEWEST_STEPS).bit_length() - 1)
    size = min(num_train, max(_LEAST_BATCH, min(_MOST_BATCH, power_of_two)))
    return size + 1 if num_train % size == 1 and size > 1 else size  # a batch of one may have no variance

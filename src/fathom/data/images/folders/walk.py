"""All images below a folder, and what was passed over among them. Loads without torch."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fathom.data.images.folders.layout import is_ordinary_file, passed_over, scan
from fathom.data.images.formats import UNREAD, is_image
from fathom.phrases import counted

_SHOWN = 4  # kinds of stray files in a line
_BESIDE = "beside the class folders"
_FOLDERS = "of thumbnails or masks"
_MASK_FILES = "named as masks or thumbnails of others"
_MASK = re.compile(
    r"(.+)[_-](?:masks?|segmentation|groundtruth|thumb(?:nail)?s?)(?:_[0-9]+)?", re.IGNORECASE
)  # "benign (1)_mask_1" of BUSI


def walk_images(folder: Path, strays: Counter[str]) -> Iterator[Path]:
    """Return the images in a folder and below in the order of their paths, with one folder's names in memory at a time.

    What is no ordinary file (a pipe would never end, nor a link to a folder above), thumbnails, masks and hidden files
    are passed over; a dangling link is returned, and fails when it is read.

    Args:
        strays: counts what was passed over, see ``describe_strays``.
    Raises:  FathomError if a folder may not be read
    """
    entries = sorted(scan(folder), key=lambda entry: entry.name)
    left_out = passed_over([entry.name for entry in entries if entry.is_dir(follow_symlinks=False)])
    stems = {os.path.splitext(entry.name)[0] for entry in entries}
    for entry in entries:
        if entry.name in left_out:
            strays[_FOLDERS] += not entry.name.startswith(".")
        elif entry.is_dir(follow_symlinks=False):
            yield from walk_images(Path(entry.path), strays)
        elif is_image(entry.name) and (is_ordinary_file(entry) or not os.path.exists(entry.path)):
            mask = _MASK.fullmatch(os.path.splitext(entry.name)[0])
            if mask is not None and mask.group(1) in stems:
                strays[_MASK_FILES] += 1
            else:
                yield Path(entry.path)
        elif not entry.name.startswith("."):
            strays[_suffix(entry.name)] += 1


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "no suffix"


def stray_kind(name: str) -> str:
    """Return what a file beside the class folders counts as."""
    return _BESIDE if is_image(name) else _suffix(name)


def name_unread(strays: Counter[str]) -> str:
    """Count the files of formats that are not read, with what to do with them; nothing where there are none."""
    found: dict[str, list[str]] = {}
    for suffix, advice in UNREAD.items():
        if suffix in strays:
            found.setdefault(advice, []).append(f"{strays[suffix]:,} {suffix}")
    return "; ".join(f"{', '.join(kinds)}; {advice}" for advice, kinds in found.items())


def describe_strays(strays: Counter[str]) -> tuple[str, ...]:
    """Say what was passed over, in a line a kind; the counts are used up."""
    notes = []
    for what, noun in ((_BESIDE, "image"), (_FOLDERS, "folder"), (_MASK_FILES, "image")):
        if count := strays.pop(what, 0):
            notes.append(f"skipped: {counted(count, noun)} {what}")
    if unread := name_unread(strays):
        notes.append(f"skipped: images in a format that is not read: {unread}")
        for suffix in UNREAD:
            strays.pop(suffix, None)
    if strays:
        kinds = [f"{suffix} {count:,}" for suffix, count in strays.most_common(_SHOWN)]
        more = " …" if len(strays) > _SHOWN else ""
        notes.append(
            f"skipped: {counted(strays.total(), 'file')}, no images by name or kind ({', '.join(kinds)}{more})"
        )
    return tuple(notes)

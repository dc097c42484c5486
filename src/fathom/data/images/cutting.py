"""What cuts the images that have no split of their own: at random, by groups, or by time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fathom.data.images.folder_listing import FileList
from fathom.data.splits.cutter import Cutter


def make_cutter(parts: Sequence[FileList], labels: np.ndarray, digests: np.ndarray, source: str) -> Cutter:
    """Make what cuts all files, given split by split."""
    has_groups, has_times = parts[0].groups is not None, parts[0].times is not None
    groups = [group for part in parts for group in part.groups or ("",) * len(part)] if has_groups else None
    times = None
    if has_times:
        unknown = (np.full(len(part), np.nan) if part.times is None else part.times for part in parts)
        times = np.concatenate(list(unknown))
    return Cutter(labels, digests, groups, times, source)

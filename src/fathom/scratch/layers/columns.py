"""Windows as the columns of a matrix, and back: what turns a convolution into one matrix product."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fathom.scratch.engine.moving import zeros_as
from fathom.scratch.layers.geometry import Pads


def to_columns(X: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...], pads: Pads) -> np.ndarray:
    """im2col: lay out the windows of each sample as the columns of a matrix.

    Shape:   X (N, C, H, W) -> (N, C·kh·kw, P'); P' = H'·W' places. The same for one or three axes at the end
    """
    num_axes = len(kernel)
    if any(sum(sides) for sides in pads):
        X = np.pad(X, [(0, 0), (0, 0), *pads])
    if all(k == 1 for k in kernel):  # each pixel is its own window
        windows = X[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]  # (N, C, H', W')
        return windows.reshape(*X.shape[:2], -1)
    # (N, C, H', W', kh, kw), without copying: windows that overlap share their memory
    windows = sliding_window_view(X, kernel, axis=tuple(range(2, X.ndim)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]
    places, within = range(2, 2 + num_axes), range(2 + num_axes, 2 + 2 * num_axes)
    columns = windows.transpose(0, 1, *within, *places)  # (N, C, kh, kw, H', W')
    return columns.reshape(len(X), X.shape[1] * int(np.prod(kernel)), -1)


def from_columns(
    columns: np.ndarray, shape: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], pads: Pads
) -> np.ndarray:
    """Add each entry of the columns to the place that it came from: the transpose of ``to_columns``.

    Shape:   columns (N, R, P) -> (N, C, H, W); the shape that is given, R = C·kh·kw, P = H'·W'
    """
    padded = [n + sum(sides) for n, sides in zip(shape[2:], pads, strict=True)]
    counts = [(n - k) // s + 1 for n, k, s in zip(padded, kernel, stride, strict=True)]
    parts = columns.reshape(*shape[:2], *kernel, *counts)  # (N, C, kh, kw, H', W')
    X = zeros_as(columns, (*shape[:2], *padded))
    for place in np.ndindex(*kernel):
        # All windows at once: what they have at this place of the window
        reached = tuple(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(place, stride, counts, strict=True))
        X[(slice(None), slice(None), *reached)] += parts[(slice(None), slice(None), *place)]
    inner = (slice(before, before + n) for (before, _), n in zip(pads, shape[2:], strict=True))
    return X[(slice(None), slice(None), *inner)]  # without the padding

"""Pooling: one number for each window of each channel, so that a small shift of the input changes little.

Source:  notes N1 §2.4; Dumoulin & Visin 2016, §1.1 and §3
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.checks import as_sizes, check_axes, check_batch
from fathom.scratch.engine.moving import zeros_as
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.layers.module import Module

Sizes = int | Sequence[int]
SHAPES = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}


def max_pool1d(
    X: Tensor, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False
) -> Tensor:
    """Return the largest entry of each window of a signal.

    Shape:   X (N, C, L) -> (N, C, L')
    Equals:  torch.nn.functional.max_pool1d
    """
    return _max_pool(1, X, kernel, stride, padding, ceil_mode)  # (N, C, L')


def max_pool2d(
    X: Tensor, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False
) -> Tensor:
    """Return the largest entry of each window. Kink: of equal ones the first, row by row, gets the gradient.

    Args:
        kernel: height and width of the window
        stride: distance from one window to the next; that of the window if not given, so that they tile the image
        padding: places on each side that never are the largest; at most half of the kernel
        ceil_mode: round the number of windows up, so that the last may reach over the edge

    Shape:   X (N, C, H, W) -> (N, C, H', W')
    Equals:  torch.nn.functional.max_pool2d
    Raises:  ValueError if shapes do not fit, a stride is below 1, or the kernel is larger than the padded input
    """
    return _max_pool(2, X, kernel, stride, padding, ceil_mode)  # (N, C, H', W')


def max_pool3d(
    X: Tensor, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False
) -> Tensor:
    """Return the largest entry of each window of a volume.

    Shape:   X (N, C, D, H, W) -> (N, C, D', H', W')
    Equals:  torch.nn.functional.max_pool3d
    """
    return _max_pool(3, X, kernel, stride, padding, ceil_mode)  # (N, C, D', H', W')


def avg_pool1d(X: Tensor, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> Tensor:
    """Return the mean of each window of a signal.

    Shape:   X (N, C, L) -> (N, C, L')
    Equals:  torch.nn.functional.avg_pool1d
    """
    return _avg_pool(1, X, kernel, stride, padding)


def avg_pool2d(X: Tensor, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> Tensor:
    """Return the mean of each window; the zeros of the padding count, as torch's do unless told otherwise.

    Shape:   X (N, C, H, W) -> (N, C, H', W')
    Equals:  torch.nn.functional.avg_pool2d
    """
    return _avg_pool(2, X, kernel, stride, padding)


def avg_pool3d(X: Tensor, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> Tensor:
    """Return the mean of each window of a volume.

    Shape:   X (N, C, D, H, W) -> (N, C, D', H', W')
    Equals:  torch.nn.functional.avg_pool3d
    """
    return _avg_pool(3, X, kernel, stride, padding)


def global_avg_pool(X: Tensor) -> Tensor:
    """Return the mean of each channel over all places; the axes stay, with length 1.

    Shape:   X (N, C, H, W) -> (N, C, 1, 1); the same for one or three axes at the end
    Equals:  torch.nn.functional.adaptive_avg_pool2d(X, 1)
    """
    if X.ndim < 3:
        raise ValueError(f"global_avg_pool: X has shape {X.shape}, expected (N, C, …) with places behind the channels")
    return X.mean(tuple(range(2, X.ndim)), keepdims=True)  # (N, C, 1, 1)


def global_max_pool(X: Tensor) -> Tensor:
    """Return the largest entry of each channel; the axes stay, with length 1. Kink: equal ones share the gradient.

    Shape:   X (N, C, H, W) -> (N, C, 1, 1); the same for one or three axes at the end
    Equals:  torch.amax(X, (2, 3), keepdim=True)
    """
    if X.ndim < 3:
        raise ValueError(f"global_max_pool: X has shape {X.shape}, expected (N, C, …) with places behind the channels")
    return X.max(tuple(range(2, X.ndim)), keepdims=True)  # (N, C, 1, 1)


class _Windows:
    """Where the windows lie: sizes, and for each place within a window the slices that all windows have there."""

    def __init__(
        self, num_axes: int, name: str, X: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes, ceil_mode: bool
    ) -> None:
        check_axes(name, "X", X, SHAPES[num_axes])
        check_batch(name, "X", X)
        self.kernel = as_sizes(name, "kernel", kernel, num_axes, low=1)
        self.stride = as_sizes(name, "stride", kernel if stride is None else stride, num_axes, low=1)
        self.padding = as_sizes(name, "padding", padding, num_axes, low=0)
        self.counts, self.beyond = [], []  # windows per axis; places missing behind it
        for n, k, s, p in zip(X.shape[2:], self.kernel, self.stride, self.padding, strict=True):
            if 2 * p > k:  # a window could lie in the padding alone
                raise ValueError(f"{name}: padding {self.padding} is more than half of the kernel {self.kernel}")
            # With ceil_mode a window may reach over the edge, so that one may be larger than the input
            if k > n + 2 * p + (s - 1 if ceil_mode else 0):
                raise ValueError(
                    f"{name}: kernel {self.kernel} is larger than the padded input; X has shape {X.shape}, the padding "
                    f"is {self.padding}"
                )
            count = (n + 2 * p - k + (s - 1 if ceil_mode else 0)) // s + 1  # ⌊·⌋ + 1 or ⌈·⌉ + 1
            if ceil_mode and (count - 1) * s >= n + p:
                count -= 1  # the last window would see nothing but padding
            self.counts.append(count)
            # Places that the last window needs behind the padding
            self.beyond.append(max(0, (count - 1) * s + k - n - 2 * p))
        self.shape = X.shape  # (N, C, …)
        # Two bytes a window hold the number of its largest entry, unless it has more than 2^15 of them
        self.number_type = np.int16 if np.prod(self.kernel) <= 2**15 else np.int64

    def pad(self, X: np.ndarray, value: float) -> np.ndarray:
        if not any(self.padding) and not any(self.beyond):
            return X
        sides = [(p, p + more) for p, more in zip(self.padding, self.beyond, strict=True)]
        return np.pad(X, [(0, 0), (0, 0), *sides], constant_values=value)

    def places(self) -> Iterator[tuple[Any, ...]]:
        for place in np.ndindex(*self.kernel):
            yield (
                ...,
                # every s-th place from a on: one entry for each window
                *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(place, self.stride, self.counts, strict=True)),
            )

    def gather(self, part: Callable[[int, tuple[Any, ...]], np.ndarray], like: np.ndarray) -> np.ndarray:
        """Add up over the places within a window: ``part(i, place)`` is what all windows have at their place i.

        Shape:   -> (N', C', …')
        """
        Y = zeros_as(like, (*self.shape[:2], *self.counts))
        for i, place in enumerate(self.places()):
            Y += part(i, place)
        return Y

    def spread(self, part: Callable[[int], np.ndarray], like: np.ndarray) -> np.ndarray:
        """The gradient of the input: ``part(i)`` goes to what all windows have at their place i."""
        sizes = [n + 2 * p + more for n, p, more in zip(self.shape[2:], self.padding, self.beyond, strict=True)]
        G = zeros_as(like, (*self.shape[:2], *sizes))  # (N, C, H + padding, W + padding)
        for i, place in enumerate(self.places()):
            G[place] += part(i)
        # the padding's share of the gradient goes nowhere
        inner = (slice(p, p + n) for p, n in zip(self.padding, self.shape[2:], strict=True))
        return G[(slice(None), slice(None), *inner)]


def _max_pool(num_axes: int, X: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes, ceil_mode: bool) -> Tensor:
    name = f"max_pool{num_axes}d"
    windows = _Windows(num_axes, name, X, kernel, stride, padding, ceil_mode)
    padded = windows.pad(X.data, -np.inf)  # never the largest
    # One pass for each place within a window, over all windows at once
    Y: np.ndarray | None = None
    for i, place in enumerate(windows.places()):
        if Y is None:
            Y, which = padded[place].copy(), np.zeros((*X.shape[:2], *windows.counts), windows.number_type)
        else:
            larger = (padded[place] > Y) | np.isnan(padded[place])  # strictly: of equal ones the first stays; nan wins
            np.copyto(Y, padded[place], where=larger)
            np.copyto(which, i, where=larger, casting="unsafe")  # the number of the place in the window
    assert Y is not None

    def back(G: np.ndarray) -> np.ndarray:
        # only the winner of a window hears from it
        return windows.spread(lambda i: np.where(which == i, G, 0), G)

    def push(T: np.ndarray) -> np.ndarray:
        moved = windows.pad(T, 0.0)
        # the tangent of a maximum is the winner's
        return windows.gather(lambda i, place: np.where(which == i, moved[place], 0), T)

    return record(name, Y, Edge(X, back, X, push=push))


def _avg_pool(num_axes: int, X: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes) -> Tensor:
    name = f"avg_pool{num_axes}d"
    windows = _Windows(num_axes, name, X, kernel, stride, padding, ceil_mode=False)
    size = np.asarray(np.prod(windows.kernel), X.dtype)  # in the input's type: float32 stays

    def mean(values: np.ndarray) -> np.ndarray:
        padded = windows.pad(values, 0.0)
        # the sum over kh·kw places, not over windows
        return windows.gather(lambda i, place: padded[place], values) / size

    # linear: back and forward need no value of X
    return record(name, mean(X.data), Edge(X, lambda G: windows.spread(lambda i: G / size, G), push=mean))


class MaxPool2d(Module):
    """``max_pool2d`` as a layer.
    Shape:   X (N, C, H, W) -> (N, C, H', W')

    Equals:  torch.nn.MaxPool2d
    """

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.options = (kernel_size, stride, padding, ceil_mode)  # what the function takes behind X

    def forward(self, X: Tensor) -> Tensor:
        return max_pool2d(X, *self.options)


class AvgPool2d(Module):
    """``avg_pool2d`` as a layer.
    Shape:   X (N, C, H, W) -> (N, C, H', W')

    Equals:  torch.nn.AvgPool2d
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.options = (kernel_size, stride, padding)

    def forward(self, X: Tensor) -> Tensor:
        return avg_pool2d(X, *self.options)


class GlobalAvgPool(Module):
    """``global_avg_pool`` as a layer.
    Shape:   X (N, C, H, W) -> (N, C, 1, 1); the same for one or three axes at the end

    Equals:  torch.nn.AdaptiveAvgPool2d(1)
    """

    def forward(self, X: Tensor) -> Tensor:
        return global_avg_pool(X)

"""Convolution: the same small linear layer at every place of a signal, an image or a volume.

``corr1d``, ``corr2d``, ``corr3d`` and ``conv_by_definition`` are the definition, written as loops. ``conv1d``,
``conv2d`` and ``conv3d`` compute the same as one matrix product: the windows are columns, the kernels are rows.

Networks compute the cross-correlation and call it convolution. ``convolution`` turns the kernel round first, as
mathematics has it; a learned kernel does not care.

Source:  notes N1 §2.2, §2.3; Dumoulin & Visin 2016, arXiv:1603.07285
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.checks import as_sizes, check_axes, check_batch, check_shape
from fathom.scratch.engine.operations import stack, zeros
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.layers.initializers import fans, uniform_
from fathom.scratch.layers.module import Module, Parameter

Sizes = int | Sequence[int]
SHAPES = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
KERNELS = {1: "(C_out, C_in, k)", 2: "(C_out, C_in, kh, kw)", 3: "(C_out, C_in, kd, kh, kw)"}


# Sizes --------------------------------------------------------------------------------------------------------------


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """⌊(n + 2p − k)/s⌋ + 1: how many windows of k fit.

    Raises:  ValueError if not even one does
    """
    if kernel > size + 2 * padding:
        raise ValueError(f"a kernel of {kernel} is larger than the padded input, {size} + 2·{padding}")
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """(n − 1)s + k − 2p: the smallest input whose ``output_size`` is n."""
    return (size - 1) * stride + kernel - 2 * padding


# The definition -----------------------------------------------------------------------------------------------------


def corr1d(X: Tensor, K: Tensor) -> Tensor:
    """y_i = Σ_a k_a x_{i+a}.

    Shape:   X (L,), K (k,) -> (L − k + 1,)
    """
    _check_signal("corr1d", X, K, 1)
    (k,) = K.shape
    Y = zeros(X.shape[0] - k + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        Y[i] = (X[i : i + k] * K).sum()
    return Y


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """y_ij = Σ_a Σ_b k_ab x_{i+a, j+b}.

    Shape:   X (H, W), K (kh, kw) -> (H − kh + 1, W − kw + 1)
    """
    _check_signal("corr2d", X, K, 2)
    h, w = K.shape
    Y = zeros(X.shape[0] - h + 1, X.shape[1] - w + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def corr3d(X: Tensor, K: Tensor) -> Tensor:
    """y_ijl = Σ_a Σ_b Σ_c k_abc x_{i+a, j+b, l+c}.

    Shape:   X (D, H, W), K (kd, kh, kw) -> (D − kd + 1, H − kh + 1, W − kw + 1)
    """
    _check_signal("corr3d", X, K, 3)
    d, h, w = K.shape
    Y = zeros(X.shape[0] - d + 1, X.shape[1] - h + 1, X.shape[2] - w + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            for l in range(Y.shape[2]):
                Y[i, j, l] = (X[i : i + d, j : j + h, l : l + w] * K).sum()
    return Y


def conv_by_definition(
    X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0
) -> Tensor:
    """Every output channel is the sum over the input channels of their cross-correlations with a kernel of its own.

    Padding adds zeros around each channel; with a stride s only every s-th result is kept.

    Shape:   X (N, C_in, …), W (C_out, C_in, …), b (C_out,) -> (N, C_out, …); one to three axes at the end
    """
    num_axes = X.ndim - 2
    strides, pads = _check(f"conv{num_axes}d", X, W, b, stride, padding, num_axes)
    corr = {1: corr1d, 2: corr2d, 3: corr3d}[num_axes]
    padded = zeros(*X.shape[:2], *(n + 2 * p for n, p in zip(X.shape[2:], pads, strict=True)), dtype=X.dtype)
    padded[(..., *(slice(p, p + n) for n, p in zip(X.shape[2:], pads, strict=True)))] = X
    kept = tuple(slice(None, None, s) for s in strides)
    samples = []
    for n in range(X.shape[0]):
        channels = []
        for o in range(W.shape[0]):
            Y = corr(padded[n, 0], W[o, 0])[kept]
            for i in range(1, W.shape[1]):
                Y = Y + corr(padded[n, i], W[o, i])[kept]
            channels.append(Y if b is None else Y + b[o])
        samples.append(stack(channels))
    return stack(samples)


# The same as a matrix product ---------------------------------------------------------------------------------------


def conv1d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0) -> Tensor:
    """Cross-correlation of signals.

    Shape:   X (N, C_in, L), W (C_out, C_in, k), b (C_out,) -> (N, C_out, L')
    Equals:  torch.nn.functional.conv1d
    """
    return _conv(1, X, W, b, stride, padding)


def conv2d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0) -> Tensor:
    """Cross-correlation of a batch of images with a bank of kernels.

    Args:
        stride: distance from one window to the next
        padding: zeros on each side; or "valid", none; "same", the output is as large as the input; "full", every
            place counts where kernel and input touch

    Shape:   X (N, C_in, H, W), W (C_out, C_in, kh, kw), b (C_out,) -> (N, C_out, H', W'), see ``output_size``
    Equals:  torch.nn.functional.conv2d
    Source:  notes N1 §2.3; Dumoulin & Visin 2016, relationship 6
    Raises:  ValueError if shapes do not fit, a stride is below 1, or the kernel is larger than the padded input
    """
    return _conv(2, X, W, b, stride, padding)


def conv3d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0) -> Tensor:
    """Cross-correlation of volumes, or of films.

    Shape:   X (N, C_in, D, H, W), W (C_out, C_in, kd, kh, kw), b (C_out,) -> (N, C_out, D', H', W')
    Equals:  torch.nn.functional.conv3d
    """
    return _conv(3, X, W, b, stride, padding)


def convolution(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0) -> Tensor:
    """Convolution proper: y_ij = Σ_a Σ_b w_{−a,−b} x_{i+a, j+b}, the cross-correlation with the kernel turned round.

    Shape:   as conv1d, conv2d or conv3d, by the axes of X
    Equals:  torch.nn.functional.conv2d(X, W.flip(2, 3), …); with padding "full" numpy.convolve
    """
    turned = W[(slice(None), slice(None), *(slice(None, None, -1),) * (W.ndim - 2))]
    return _conv(X.ndim - 2, X, turned, b, stride, padding)


def pointwise(X: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """The 1×1 convolution for what it is: one linear layer over the channels, the same for every pixel.

    Shape:   X (N, C_in, H, W), W (C_out, C_in), b (C_out,) -> (N, C_out, H, W)
    Equals:  torch.nn.functional.conv2d with kernels of 1×1
    """
    check_axes("pointwise", "X", X, SHAPES[2])
    if W.ndim != 2 or W.shape[1] != X.shape[1]:
        raise ValueError(
            f"pointwise: W has shape {W.shape}, expected (C_out, {X.shape[1]}), the channels of X {X.shape}"
        )
    pixels = X.permute(0, 2, 3, 1) @ W.T
    return (pixels if b is None else pixels + b).permute(0, 3, 1, 2)


def conv_transpose2d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0) -> Tensor:
    """The transposed convolution: every entry of X puts a copy of the kernel into the output, times itself.

    It is conv2d's way back from the gradient of the output to that of the input.

    Shape:   X (N, C_in, H, W), W (C_in, C_out, kh, kw), b (C_out,) -> (N, C_out, H', W'), see ``transposed_size``
    Equals:  torch.nn.functional.conv_transpose2d
    Raises:  ValueError if shapes do not fit or nothing would be left
    """
    name = "conv_transpose2d"
    check_axes(name, "X", X, SHAPES[2])
    check_axes(name, "W", W, "(C_in, C_out, kh, kw)")
    strides, pads = as_sizes(name, "stride", stride, 2, low=1), as_sizes(name, "padding", padding, 2, low=0)
    if X.shape[1] != W.shape[0]:
        raise ValueError(f"{name}: X {X.shape} has {X.shape[1]} channels, expected {W.shape[0]}, as W {W.shape} takes")
    if b is not None:
        check_shape(name, "b", b, (W.shape[1],), ", one for each output channel")
    sizes = tuple(
        transposed_size(n, k, s, p) for n, k, s, p in zip(X.shape[2:], W.shape[2:], strides, pads, strict=True)
    )
    if min(sizes) < 1:
        raise ValueError(f"{name}: padding {pads} leaves nothing of an output of {sizes}; X has shape {X.shape}")
    whole, kernel = (len(X), W.shape[1], *sizes), W.shape[2:]
    rows, flat = W.data.reshape(len(W.data), -1), X.data.reshape(*X.shape[:2], -1)
    Y = from_columns(rows.T @ flat, whole, kernel, strides, pads)

    def by_input(G: np.ndarray) -> np.ndarray:
        return (rows @ to_columns(G, kernel, strides, pads)).reshape(X.shape)

    def by_kernel(G: np.ndarray) -> np.ndarray:
        return (flat @ to_columns(G, kernel, strides, pads).swapaxes(1, 2)).sum(axis=0).reshape(W.shape)

    out = record(name, Y, Edge(X, by_input, W), Edge(W, by_kernel, X))
    return out if b is None else out + b.reshape(-1, 1, 1)


def to_columns(X: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> np.ndarray:
    """im2col: the windows of each sample as the columns of a matrix.

    Shape:   X (N, C, H, W) -> (N, C·kh·kw, H'·W'); the same for one or three axes at the end
    """
    num_axes = len(kernel)
    if any(padding):
        X = np.pad(X, [(0, 0), (0, 0), *((p, p) for p in padding)])
    if all(k == 1 for k in kernel):  # each pixel is its own window
        windows = X[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]
        return windows.reshape(*X.shape[:2], -1)
    # (N, C, H', W', kh, kw), without copying: windows that overlap share their memory
    windows = sliding_window_view(X, kernel, axis=tuple(range(2, X.ndim)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]
    places, within = range(2, 2 + num_axes), range(2 + num_axes, 2 + 2 * num_axes)
    columns = windows.transpose(0, 1, *within, *places)
    return columns.reshape(len(X), X.shape[1] * int(np.prod(kernel)), -1)


def from_columns(
    columns: np.ndarray,
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> np.ndarray:
    """The transpose of ``to_columns``: each entry of the columns is added to the place that it came from.

    Shape:   (N, C·kh·kw, H'·W') -> shape (N, C, H, W)
    """
    padded = [n + 2 * p for n, p in zip(shape[2:], padding, strict=True)]
    counts = [(n - k) // s + 1 for n, k, s in zip(padded, kernel, stride, strict=True)]
    parts = columns.reshape(*shape[:2], *kernel, *counts)
    X = np.zeros((*shape[:2], *padded), columns.dtype)
    for place in np.ndindex(*kernel):
        # All windows at once: what they have at this place of the window
        reached = tuple(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(place, stride, counts, strict=True))
        X[(slice(None), slice(None), *reached)] += parts[(slice(None), slice(None), *place)]
    return X[(slice(None), slice(None), *(slice(p, p + n) for p, n in zip(padding, shape[2:], strict=True)))]


def _conv(num_axes: int, X: Tensor, W: Tensor, b: Tensor | None, stride: Sizes, padding: Sizes | str) -> Tensor:
    strides, pads = _check(f"conv{num_axes}d", X, W, b, stride, padding, num_axes)
    kernel = W.shape[2:]
    sizes = [output_size(n, k, s, p) for n, k, s, p in zip(X.shape[2:], kernel, strides, pads, strict=True)]
    rows = W.data.reshape(len(W.data), -1)  # (C_out, C_in·kh·kw)
    values = X.data
    Y = rows @ to_columns(values, kernel, strides, pads)  # (N, C_out, H'·W')
    if b is not None:
        Y += b.data[:, np.newaxis]
    flat = Y.shape

    def by_input(G: np.ndarray) -> np.ndarray:
        return from_columns(rows.T @ G.reshape(flat), values.shape, kernel, strides, pads)

    def by_kernel(G: np.ndarray) -> np.ndarray:
        # The columns are laid out again: keeping them would take kh·kw times the memory of X
        columns = to_columns(values, kernel, strides, pads)
        return (G.reshape(flat) @ columns.swapaxes(1, 2)).sum(axis=0).reshape(W.shape)

    edges = [Edge(X, by_input, W), Edge(W, by_kernel, X)]
    if b is not None:
        edges.append(Edge(b, lambda G: G.reshape(flat).sum(axis=(0, 2))))
    return record(f"conv{num_axes}d", Y.reshape(len(X.data), len(W.data), *sizes), *edges)


# Checks -------------------------------------------------------------------------------------------------------------


def _check_signal(name: str, X: Tensor, K: Tensor, num_axes: int) -> None:
    for argument, value in (("X", X), ("K", K)):
        if value.ndim != num_axes:
            raise ValueError(f"{name}: {argument} has shape {value.shape}, expected {num_axes} axes")
    if any(k > n or k == 0 for n, k in zip(X.shape, K.shape, strict=True)):
        raise ValueError(f"{name}: K has shape {K.shape}, expected at most that of X, {X.shape}, and no axis of 0")


def _check(
    name: str, X: Tensor, W: Tensor, b: Tensor | None, stride: Sizes, padding: Sizes | str, num_axes: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if num_axes not in SHAPES:
        raise ValueError(f"convolution: X has shape {X.shape}, expected one of {', '.join(SHAPES.values())}")
    check_axes(name, "X", X, SHAPES[num_axes])
    check_axes(name, "W", W, KERNELS[num_axes])
    check_batch(name, "X", X)
    if X.dtype != W.dtype:
        raise TypeError(f"{name}: W has dtype {W.dtype}, expected that of X, {X.dtype}")
    if X.shape[1] != W.shape[1]:
        raise ValueError(f"{name}: X {X.shape} has {X.shape[1]} channels, expected {W.shape[1]}, as W {W.shape} takes")
    if b is not None:
        check_shape(name, "b", b, (W.shape[0],), f", one for each output channel of W {W.shape}")
    strides = as_sizes(name, "stride", stride, num_axes, low=1)
    pads = _as_padding(name, padding, W.shape[2:], strides)
    for n, k, p in zip(X.shape[2:], W.shape[2:], pads, strict=True):
        if k < 1 or k > n + 2 * p:
            raise ValueError(
                f"{name}: W has shape {W.shape}: its kernel is larger than the padded input; X has shape {X.shape}, "
                f"the padding is {pads}"
            )
    return strides, pads


def _as_padding(name: str, padding: Sizes | str, kernel: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    if not isinstance(padding, str):
        return as_sizes(name, "padding", padding, len(kernel), low=0)
    if padding == "valid":
        return (0,) * len(kernel)
    if padding == "full":
        return tuple(k - 1 for k in kernel)
    if padding == "same":
        if any(k % 2 == 0 for k in kernel) or any(s != 1 for s in strides):
            raise ValueError(
                f'{name}: padding "same" needs odd kernels and stride 1; got kernel {kernel}, stride {strides}'
            )
        return tuple(k // 2 for k in kernel)
    raise ValueError(f'{name}: padding must be numbers, "valid", "same" or "full", not {padding!r}')


# Layers -------------------------------------------------------------------------------------------------------------


class _Conv(Module):
    num_axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        as_sizes(name, "in_channels and out_channels", (in_channels, out_channels), 2, low=1)
        kernel = as_sizes(name, "kernel_size", kernel_size, self.num_axes, low=1)
        self.stride = as_sizes(name, "stride", stride, self.num_axes, low=1)
        self.padding = _as_padding(name, padding, kernel, self.stride)
        shape = (out_channels, in_channels, *kernel)
        bound = 1 / np.sqrt(fans(shape)[0])
        self.weight = Parameter(uniform_(Tensor(np.empty(shape, dtype)), -bound, bound))
        self.bias = Parameter(uniform_(Tensor(np.empty(out_channels, dtype)), -bound, bound)) if bias else None

    def forward(self, X: Tensor) -> Tensor:
        return _conv(self.num_axes, X, self.weight, self.bias, self.stride, self.padding)


class Conv1d(_Conv):
    """A layer of ``conv1d``; parameters start uniform within ±1/√(C_in·k), as torch's do.

    Equals:  torch.nn.Conv1d
    """

    num_axes = 1


class Conv2d(_Conv):
    """A layer of ``conv2d``; parameters start uniform within ±1/√(C_in·kh·kw), as torch's do.

    Equals:  torch.nn.Conv2d
    """

    num_axes = 2


class Conv3d(_Conv):
    """A layer of ``conv3d``; parameters start uniform within ±1/√(C_in·kd·kh·kw), as torch's do.

    Equals:  torch.nn.Conv3d
    """

    num_axes = 3

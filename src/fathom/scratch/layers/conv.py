"""Convolution: the same small linear layer at every place of a signal, an image or a volume.

``corr1d``, ``corr2d``, ``corr3d`` and ``conv_by_definition`` in ``corr`` are the definition, written as loops.
``conv1d``, ``conv2d`` and ``conv3d`` compute the same as one matrix product: the windows are columns (``columns``), the
kernels are rows.

Networks compute the cross-correlation and call it convolution. ``convolution`` turns the kernel round first, as
mathematics has it; a learned kernel does not care.

Source:  notes N1 §2.2, §2.3; Dumoulin & Visin 2016, arXiv:1603.07285
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.checks import as_sizes, check_axes, check_shape
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.layers.columns import from_columns, to_columns
from fathom.scratch.layers.geometry import SHAPES, Padding, Sizes, as_padding, check_convolution
from fathom.scratch.layers.initializers import fans, uniform_
from fathom.scratch.layers.module import Module, Parameter

# Sizes --------------------------------------------------------------------------------------------------------------


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return ⌊(n + 2p − k)/s⌋ + 1: how many windows of k fit.

    Raises:  ValueError if not even one does
    """
    if kernel > size + 2 * padding:
        raise ValueError(f"a kernel of {kernel} is larger than the padded input, {size} + 2·{padding}")
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return (n − 1)s + k − 2p: the smallest input whose ``output_size`` is n."""
    return (size - 1) * stride + kernel - 2 * padding


# Convolutions -------------------------------------------------------------------------------------------------------


def conv1d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Padding = 0) -> Tensor:
    """Cross-correlate signals with a bank of kernels.

    Shape:   X (N, C_in, L), W (C_out, C_in, k), b (C_out,) -> (N, C_out, L')
    Equals:  torch.nn.functional.conv1d
    """
    return _conv(1, X, W, b, stride, padding)  # (N, C_out, L')


def conv2d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Padding = 0) -> Tensor:
    """Cross-correlate a batch of images with a bank of kernels.

    Args:
        stride: distance from one window to the next
        padding: zeros on each side; or "valid", none; "same" (of an even kernel's odd number of zeros one more behind)
            and "same_lower" (one more in front), the output is as large as the input; "full", every place counts where
            kernel and input touch

    Shape:   X (N, C_in, H, W), W (C_out, C_in, kh, kw), b (C_out,) -> (N, C_out, H', W'); see ``output_size``
    Equals:  torch.nn.functional.conv2d
    Source:  notes N1 §2.3; Dumoulin & Visin 2016, relationship 6
    Raises:  ValueError if shapes do not fit, a stride is below 1, or the kernel is larger than the padded input
    """
    return _conv(2, X, W, b, stride, padding)  # (N, C_out, H', W')


def conv3d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Padding = 0) -> Tensor:
    """Cross-correlate volumes, or films, with a bank of kernels.

    Shape:   X (N, C_in, D, H, W), W (C_out, C_in, kd, kh, kw), b (C_out,) -> (N, C_out, D', H', W')
    Equals:  torch.nn.functional.conv3d
    """
    return _conv(3, X, W, b, stride, padding)  # (N, C_out, D', H', W')


def convolution(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Padding = 0) -> Tensor:
    """Convolve, properly: y_ij = Σ_a Σ_b w_{−a,−b} x_{i+a, j+b}, the cross-correlation with the kernel turned round.

    Shape:   X (N, C_in, H, W), W (C_out, C_in, kh, kw), b (C_out,) -> (N, C_out, H', W'); or one or three axes at the
             end
    Equals:  torch.nn.functional.conv2d(X, W.flip(2, 3), …); with padding "full" numpy.convolve
    """
    # each kernel axis backwards: (C_out, C_in, kh, kw)
    turned = W[(slice(None), slice(None), *(slice(None, None, -1),) * (W.ndim - 2))]
    return _conv(X.ndim - 2, X, turned, b, stride, padding)


def pointwise(X: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """Apply the 1×1 convolution for what it is: one linear layer over the channels, the same for every pixel.

    Shape:   X (N, C_in, H, W), W (C_out, C_in), b (C_out,) -> (N, C_out, H, W)
    Equals:  torch.nn.functional.conv2d with kernels of 1×1
    """
    check_axes("pointwise", "X", X, SHAPES[2])
    if W.ndim != 2 or W.shape[1] != X.shape[1]:
        raise ValueError(
            f"pointwise: W has shape {W.shape}, expected (C_out, {X.shape[1]}), the channels of X {X.shape}"
        )
    pixels = X.permute(0, 2, 3, 1) @ W.T  # (N, H, W, C_out)
    return (pixels if b is None else pixels + b).permute(0, 3, 1, 2)  # (N, C_out, H, W)


def conv_transpose2d(X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0) -> Tensor:
    """Apply the transposed convolution: every entry of X puts a copy of the kernel into the output, times itself.

    It is conv2d's way back from the gradient of the output to that of the input.

    Shape:   X (N, C_in, H, W), W (C_in, C_out, kh, kw), b (C_out,) -> (N, C_out, H', W'); see ``transposed_size``
    Equals:  torch.nn.functional.conv_transpose2d
    Raises:  ValueError if shapes do not fit or nothing would be left
    """
    name = "conv_transpose2d"
    check_axes(name, "X", X, SHAPES[2])
    check_axes(name, "W", W, "(C_in, C_out, kh, kw)")
    strides, numbers = as_sizes(name, "stride", stride, 2, low=1), as_sizes(name, "padding", padding, 2, low=0)
    if X.shape[1] != W.shape[0]:
        raise ValueError(f"{name}: X {X.shape} has {X.shape[1]} channels, expected {W.shape[0]}, as W {W.shape} takes")
    if b is not None:
        check_shape(name, "b", b, (W.shape[1],), ", one for each output channel")
    sizes = tuple(
        transposed_size(n, k, s, p) for n, k, s, p in zip(X.shape[2:], W.shape[2:], strides, numbers, strict=True)
    )
    if min(sizes) < 1:
        raise ValueError(f"{name}: padding {numbers} leaves nothing of an output of {sizes}; X has shape {X.shape}")
    pads = tuple((p, p) for p in numbers)  # as much before as after
    whole, kernel = (len(X), W.shape[1], *sizes), W.shape[2:]
    rows = W.data.reshape(len(W.data), -1)  # (C_in, C_out·kh·kw)
    flat = X.data.reshape(*X.shape[:2], -1)  # (N, C_in, H·W)

    def spread(rows: np.ndarray, flat: np.ndarray) -> np.ndarray:
        return from_columns(rows.T @ flat, whole, kernel, strides, pads)  # (N, C_out, H', W')

    def by_input(G: np.ndarray) -> np.ndarray:
        # the way back of a transposed convolution is a convolution: (N, C_in, H, W)
        return (rows @ to_columns(G, kernel, strides, pads)).reshape(X.shape)

    def by_kernel(G: np.ndarray) -> np.ndarray:
        # (N, C_in, H·W) @ (N, H·W, C_out·kh·kw), summed over samples
        return (flat @ to_columns(G, kernel, strides, pads).swapaxes(1, 2)).sum(axis=0).reshape(W.shape)

    # Linear in either operand: a tangent takes the operand's place
    out = record(
        name,
        spread(rows, flat),
        Edge(X, by_input, W, push=lambda T: spread(rows, T.reshape(flat.shape))),
        Edge(W, by_kernel, X, push=lambda T: spread(T.reshape(rows.shape), flat)),
    )
    return out if b is None else out + b.reshape(-1, 1, 1)  # (C_out,) along the channels


def _conv(num_axes: int, X: Tensor, W: Tensor, b: Tensor | None, stride: Sizes, padding: Padding) -> Tensor:
    strides, pads = check_convolution(f"conv{num_axes}d", X, W, b, stride, padding, num_axes)
    kernel, count = W.shape[2:], len(W.data)
    padded = [n + sum(sides) for n, sides in zip(X.shape[2:], pads, strict=True)]
    shape = (len(X.data), count, *((n - k) // s + 1 for n, k, s in zip(padded, kernel, strides, strict=True)))
    rows = W.data.reshape(count, -1)  # (C_out, C_in·kh·kw)
    values = X.data
    Y = rows @ to_columns(values, kernel, strides, pads)  # (N, C_out, H'·W')
    if b is not None:  # (C_out, 1) stretches over the places
        Y = Y + b.data[:, np.newaxis]
    flat = Y.shape

    def by_input(G: np.ndarray) -> np.ndarray:
        # each window's share, added where windows overlap
        return from_columns(rows.T @ G.reshape(flat), values.shape, kernel, strides, pads)

    def by_kernel(G: np.ndarray) -> np.ndarray:
        # The columns are laid out again: keeping them would take kh·kw times the memory of X
        columns = to_columns(values, kernel, strides, pads)
        # (C_out, C_in·kh·kw) of each sample, summed
        return (G.reshape(flat) @ columns.swapaxes(1, 2)).sum(axis=0).reshape(W.shape)

    # Linear in either operand: a tangent takes the operand's place
    def push_input(T: np.ndarray) -> np.ndarray:
        return (rows @ to_columns(T, kernel, strides, pads)).reshape(shape)

    def push_kernel(T: np.ndarray) -> np.ndarray:
        return (T.reshape(rows.shape) @ to_columns(values, kernel, strides, pads)).reshape(shape)

    edges = [Edge(X, by_input, W, push=push_input), Edge(W, by_kernel, X, push=push_kernel)]
    if b is not None:
        column = (-1, *(1,) * num_axes)  # (C_out, 1, 1)
        # over samples and places: the bias is used at all of them
        edges.append(Edge(b, lambda G: G.reshape(flat).sum(axis=(0, 2)), push=lambda T: T.reshape(column)))
    return record(f"conv{num_axes}d", Y.reshape(shape), *edges)


# Layers -------------------------------------------------------------------------------------------------------------


class _Conv(Module):
    num_axes: int  # 1, 2 or 3: all that tells the layers apart

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        as_sizes(name, "in_channels and out_channels", (in_channels, out_channels), 2, low=1)
        kernel = as_sizes(name, "kernel_size", kernel_size, self.num_axes, low=1)
        self.stride = as_sizes(name, "stride", stride, self.num_axes, low=1)
        as_padding(name, padding, kernel, self.stride)  # refused now, not in the first forward()
        self.padding = padding
        shape = (out_channels, in_channels, *kernel)  # (C_out, C_in, kh, kw)
        bound = 1 / np.sqrt(fans(shape)[0])  # the inputs of one output: C_in·kh·kw
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

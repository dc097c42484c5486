"""The cross-correlation as it is defined, written as loops: what the fast ones are compared with.

Source:  notes N1 §2.2, §2.3
"""

from __future__ import annotations

from fathom.scratch.engine.creation import zeros
from fathom.scratch.engine.operations import stack
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.geometry import Padding, Sizes, check_convolution, check_signal


def corr1d(X: Tensor, K: Tensor) -> Tensor:
    """Return y_i = Σ_a k_a x_{i+a}.

    Shape:   X (L,), K (k,) -> (L − k + 1,)
    """
    check_signal("corr1d", X, K, 1)
    (k,) = K.shape
    Y = zeros(X.shape[0] - k + 1, dtype=X.dtype)  # (n − k + 1,): only places where the kernel fits
    for i in range(Y.shape[0]):
        Y[i] = (X[i : i + k] * K).sum()
    return Y


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Return y_ij = Σ_a Σ_b k_ab x_{i+a, j+b}.

    Shape:   X (H, W), K (kh, kw) -> (H − kh + 1, W − kw + 1)
    """
    check_signal("corr2d", X, K, 2)
    h, w = K.shape
    Y = zeros(X.shape[0] - h + 1, X.shape[1] - w + 1, dtype=X.dtype)  # (H − h + 1, W − w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()  # one window, entry by entry times the kernel
    return Y


def corr3d(X: Tensor, K: Tensor) -> Tensor:
    """Return y_ijl = Σ_a Σ_b Σ_c k_abc x_{i+a, j+b, l+c}.

    Shape:   X (D, H, W), K (kd, kh, kw) -> (D − kd + 1, H − kh + 1, W − kw + 1)
    """
    check_signal("corr3d", X, K, 3)
    d, h, w = K.shape
    Y = zeros(X.shape[0] - d + 1, X.shape[1] - h + 1, X.shape[2] - w + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            for l in range(Y.shape[2]):
                Y[i, j, l] = (X[i : i + d, j : j + h, l : l + w] * K).sum()  # (d, h, w) windows
    return Y


def conv_by_definition(
    X: Tensor, W: Tensor, b: Tensor | None = None, stride: Sizes = 1, padding: Padding = 0
) -> Tensor:
    """Every output channel is the sum over the input channels of their cross-correlations with a kernel of its own.

    Padding adds zeros around each channel; with a stride s only every s-th result is kept.

    Shape:   X (N, C_in, H, W), W (C_out, C_in, kh, kw), b (C_out,) -> (N, C_out, H', W'); or one or three axes at the
             end
    Equals:  ``conv1d``, ``conv2d`` or ``conv3d``, by the axes of X
    """
    num_axes = X.ndim - 2
    strides, pads = check_convolution(f"conv{num_axes}d", X, W, b, stride, padding, num_axes)
    corr = {1: corr1d, 2: corr2d, 3: corr3d}[num_axes]
    sizes = [n + sum(sides) for n, sides in zip(X.shape[2:], pads, strict=True)]  # padded sizes, axis by axis
    padded = zeros(*X.shape[:2], *sizes, dtype=X.dtype)  # (N, C_in, H + padding, W + padding)
    # the input in the middle of zeros
    padded[(..., *(slice(before, before + n) for n, (before, _) in zip(X.shape[2:], pads, strict=True)))] = X
    kept = tuple(slice(None, None, s) for s in strides)  # a stride skips: every s-th of all places
    samples = []
    for n in range(X.shape[0]):
        channels = []
        for o in range(W.shape[0]):
            Y = corr(padded[n, 0], W[o, 0])[kept]  # (H', W')
            for i in range(1, W.shape[1]):
                Y = Y + corr(padded[n, i], W[o, i])[kept]  # the channels' answers add up
            channels.append(Y if b is None else Y + b[o])
        samples.append(stack(channels))  # (C_out, H', W')
    return stack(samples)  # (N, C_out, H', W')

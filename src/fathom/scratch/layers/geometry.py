"""Where the windows of a convolution lie: strides and padding; and what is checked of its arguments.

Source:  notes N1 §2.3; Dumoulin & Visin 2016, arXiv:1603.07285, relationship 6
"""

from __future__ import annotations

from collections.abc import Sequence

from fathom.scratch.engine.checks import as_sizes, check_axes, check_batch, check_shape
from fathom.scratch.engine.tensor import Tensor

Sizes = int | Sequence[int]  # one for all axes, or one for each
Padding = Sizes | str  # numbers, or a name that as_padding knows
# For each axis the places before and after
Pads = tuple[tuple[int, int], ...]

SHAPES = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}  # by the number of axes
KERNELS = {1: "(C_out, C_in, k)", 2: "(C_out, C_in, kh, kw)", 3: "(C_out, C_in, kd, kh, kw)"}


def as_padding(name: str, padding: Padding, kernel: tuple[int, ...], strides: tuple[int, ...]) -> Pads:
    """Return the places before and after each axis that numbers or a name ask for.

    Of an even kernel "same" needs an odd number of places, k − 1. torch puts the odd one behind, "same_lower" puts it
    in front, as the notes do; either way the output is as large as the input.

    Raises:  ValueError for an unknown name, or for "same" with a stride
    """
    if not isinstance(padding, str):
        return tuple((p, p) for p in as_sizes(name, "padding", padding, len(kernel), low=0))
    if padding == "valid":
        return ((0, 0),) * len(kernel)  # n − k + 1 places: inside only
    if padding == "full":
        return tuple((k - 1, k - 1) for k in kernel)  # n + k − 1 places: wherever kernel and signal touch
    if padding in ("same", "same_lower"):
        if any(s != 1 for s in strides):  # with a stride the sizes cannot agree
            raise ValueError(f'{name}: padding "{padding}" needs stride 1; got stride {strides}')
        # an even k needs one more behind
        pads = tuple(((k - 1) // 2, k // 2) for k in kernel)  # together k − 1
        return pads if padding == "same" else tuple((after, before) for before, after in pads)
    raise ValueError(f'{name}: padding must be numbers, "valid", "same", "same_lower" or "full", not {padding!r}')


def check_signal(name: str, X: Tensor, K: Tensor, num_axes: int) -> None:
    """See that one signal and one kernel have as many axes as asked for, and that the kernel fits into the signal.

    Shape:   X (…), K (…) ->; no axis of K longer than that of X
    """
    for argument, value in (("X", X), ("K", K)):
        if value.ndim != num_axes:
            raise ValueError(f"{name}: {argument} has shape {value.shape}, expected {num_axes} axes")
    # a kernel of 0 would give n + 1 empty windows
    if any(k > n or k == 0 for n, k in zip(X.shape, K.shape, strict=True)):
        raise ValueError(f"{name}: K has shape {K.shape}, expected at most that of X, {X.shape}, and no axis of 0")


def check_convolution(
    name: str, X: Tensor, W: Tensor, b: Tensor | None, stride: Sizes, padding: Padding, num_axes: int
) -> tuple[tuple[int, ...], Pads]:
    """See that shapes and options of a convolution fit, and return its strides and its padding, axis by axis.
    Shape:   X (N, C_in, H, W), W (C_out, C_in, kh, kw), b (C_out,) ->
             (), (), (), (), (), (); strides, then the places before and after, axis by axis

    Raises:  ValueError or TypeError
    """
    if num_axes not in SHAPES:
        raise ValueError(f"convolution: X has shape {X.shape}, expected one of {', '.join(SHAPES.values())}")
    check_axes(name, "X", X, SHAPES[num_axes])
    check_axes(name, "W", W, KERNELS[num_axes])
    check_batch(name, "X", X)
    if X.dtype != W.dtype:  # NumPy would promote in silence; torch refuses
        raise TypeError(f"{name}: W has dtype {W.dtype}, expected that of X, {X.dtype}")
    if X.shape[1] != W.shape[1]:
        raise ValueError(f"{name}: X {X.shape} has {X.shape[1]} channels, expected {W.shape[1]}, as W {W.shape} takes")
    if b is not None:
        check_shape(name, "b", b, (W.shape[0],), f", one for each output channel of W {W.shape}")
    strides = as_sizes(name, "stride", stride, num_axes, low=1)
    pads = as_padding(name, padding, W.shape[2:], strides)
    for n, k, sides in zip(X.shape[2:], W.shape[2:], pads, strict=True):  # each axis by itself: a kernel may be flat
        if k < 1 or k > n + sum(sides):
            raise ValueError(
                f"{name}: W has shape {W.shape}: its kernel is larger than the padded input; X has shape {X.shape}, "
                f"the padding is {pads}"
            )
    return strides, pads

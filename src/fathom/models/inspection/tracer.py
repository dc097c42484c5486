"""What happens on the way through a network, seen from outside: FLOPs and receptive fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary


@dataclass(frozen=True)
class Field:
    """What one value of a feature map sees, per spatial dimension: ``size`` pixels; its neighbour ``jump`` further.

    An empty ``size`` stands for the whole input.

    Source:  Dumoulin & Visin 2016, arXiv:1603.07285; Araujo, Norris & Sim 2019, doi:10.23915/distill.00021
    """

    size: tuple[int, ...]
    jump: tuple[int, ...]

    def expanded(self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Field:
        """Return the field after a window of this kernel, stride and dilation."""
        if not self.size:
            return self  # WHOLE stays WHOLE
        windows = zip(self.size, self.jump, kernel, dilation, strict=True)
        # s + d(k − 1)j: k taps, j pixels apart on this map, dilated
        size = tuple(size + dilated * (width - 1) * jump for size, jump, width, dilated in windows)
        # strides multiply
        return Field(size, tuple(jump * step for jump, step in zip(self.jump, stride, strict=True)))


WHOLE = Field((), ())  # empty: the field is the whole input

# Arguments of the functions with a window, in the order in which they may come without a name.
_CONV = ("input", "weight", "bias", "stride", "padding", "dilation")
_MAX_POOL = ("input", "kernel_size", "stride", "padding", "dilation")
_AVG_POOL = ("input", "kernel_size", "stride")
_DIMS = ("1d", "2d", "3d")
_RECURRENT = ("rnn_tanh", "rnn_relu", "gru", "lstm")
# Functions whose output can depend on all positions of the input although the shape stays.
_GLOBAL = ("linear", "matmul", "bmm", "baddbmm", "__matmul__", "scaled_dot_product_attention")


class Tracer(TorchFunctionMode):
    """Counts FLOPs and carries receptive fields from inputs to outputs of every PyTorch function.

    Attributes:
        flops: so far, of all functions.
        open_rows: the layers that are running, innermost last; FLOPs go to that one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.open_rows: list[dict[str, Any]] = []
        self._fields = WeakTensorKeyDictionary()  # by identity, and gone with the tensor

    def start(self, sample: torch.Tensor) -> None:
        """Declare the network's input.

        Shape:   sample (N, …) ->
        """
        num_dims = sample.dim() - 2  # of (N, C, …)
        self._fields[sample] = Field((1,) * num_dims, (1,) * num_dims)  # a pixel sees itself

    def receptive_field(self, tensor: torch.Tensor) -> int | None:
        """Return how many pixels one value of ``tensor`` sees, None for all of them.

        Shape:   tensor (N, …) -> ()
        """
        field = self._fields.get(tensor) or WHOLE
        return max(field.size, default=None)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)  # first the function itself: its output's shape is needed
        name = getattr(func, "__name__", "")
        self._count(name, args, kwargs, output)
        # tensors that come from the sample
        inputs = [tensor for tensor in tensors_in((args, *kwargs.values())) if tensor in self._fields]
        if inputs:
            for tensor in tensors_in(output):
                self._fields[tensor] = self._propagate(name, inputs, tensor, args, kwargs)
        return output

    def _count(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        if name.startswith("conv_transpose"):
            # weight (C_in, C_out/groups, kh, kw): every input value meets one row of it
            bound = _bind(_CONV, args, kwargs)
            multiply_adds = bound["input"].numel() * bound["weight"][0].numel()
        elif name.startswith("conv") and name.endswith(_DIMS):
            # weight (C_out, C_in/groups, kh, kw): every output value is a product with one row of it
            multiply_adds = output.numel() * _bind(_CONV, args, kwargs)["weight"][0].numel()
        elif name == "linear":
            # as many as the inner dimension
            multiply_adds = output.numel() * _bind(_CONV, args, kwargs)["input"].shape[-1]
        elif name in ("bmm", "baddbmm"):  # (B, n, k) with (B, k, m), the last of the arguments
            multiply_adds = output.numel() * args[-1].shape[-2]
        elif name == "scaled_dot_product_attention":  # (N, heads, T, d): each query meets each key, then each value
            multiply_adds = (args[0].numel() + output.numel()) * args[1].shape[-2]
        elif name in _RECURRENT:  # of (input, state, weights, …): each matrix meets each token once
            multiply_adds = args[0].shape[:2].numel() * sum(weight.numel() for weight in args[2] if weight.dim() == 2)
        else:
            return  # additions and activations are small beside products
        self.flops += 2 * multiply_adds  # a product and a sum
        if self.open_rows:
            self.open_rows[-1]["flops"] += 2 * multiply_adds

    def _propagate(
        self,
        name: str,
        inputs: list[torch.Tensor],
        output: torch.Tensor,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Field:
        field = self._widest(inputs)
        num_dims = len(field.size)
        # another number of dimensions: flattened, or pooled to a vector
        if field == WHOLE or output.dim() != num_dims + 2 or name in _GLOBAL:
            return WHOLE
        before, after = inputs[0].shape[2:], output.shape[2:]
        if name in ("conv1d", "conv2d", "conv3d"):
            bound = _bind(_CONV, args, kwargs)
            kernel, stride, dilation = bound["weight"].shape[2:], bound.get("stride", 1), bound.get("dilation", 1)
        elif name.startswith("max_pool") and name.endswith(_DIMS):
            bound = _bind(_MAX_POOL, args, kwargs)
            kernel, dilation = bound["kernel_size"], bound.get("dilation", 1)
            stride = bound.get("stride") or kernel  # no stride, or None: the kernel's
        elif name.startswith("avg_pool") and name.endswith(_DIMS):
            bound = _bind(_AVG_POOL, args, kwargs)
            kernel, dilation = bound["kernel_size"], 1
            stride = bound.get("stride") or kernel
        elif name.startswith("adaptive_") or name == "pixel_unshuffle":
            # Windows that tile the input evenly have a kernel as wide as their stride; others overlap unevenly.
            if math.prod(after) == 1 or any(size % out for size, out in zip(before, after, strict=True)):
                return WHOLE
            kernel = stride = [size // out for size, out in zip(before, after, strict=True)]
            dilation = 1
        elif before == after or name == "pad":  # value by value, or moved: nothing more is seen
            return field
        else:
            return WHOLE
        return field.expanded(_repeat(kernel, num_dims), _repeat(stride, num_dims), _repeat(dilation, num_dims))

    def _widest(self, inputs: list[torch.Tensor]) -> Field:
        """Return the field of joined branches: the union of concentric fields is the widest of them."""
        fields = [self._fields[tensor] for tensor in inputs]
        if WHOLE in fields:
            return WHOLE
        sizes, jumps = zip(*((field.size, field.jump) for field in fields), strict=True)
        return Field(
            tuple(map(max, zip(*sizes, strict=True))),
            tuple(map(max, zip(*jumps, strict=True))),
        )


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Return all tensors in nested tuples, lists and mappings."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def _bind(names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    # by name wins over by place
    return {**dict(zip(names, args)), **kwargs}  # noqa: B905 - either may be the shorter


def _repeat(value: int | Sequence[int], num_dims: int) -> Sequence[int]:
    if isinstance(value, int):
        return [value] * num_dims
    return value if len(value) == num_dims else [value[0]] * num_dims

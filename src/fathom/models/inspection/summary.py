"""What a network is made of: shapes, parameters, FLOPs and receptive field of every layer.

One sample of zeros goes through the network in evaluation mode, on the device its parameters are on; the meta device
is one of them, and costs no memory. ``Tracer`` sees every call of a PyTorch function on the way, so that sums and
concatenations between layers, which no layer knows of, are followed as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from fathom.models.inspection.tracer import Tracer, tensors_in


def layer_table(net: nn.Module, input_shape: Sequence[int]) -> list[dict[str, Any]]:
    """Describe every layer without layers inside, in the order in which they run.

    Returns:
        A mapping a layer with

        - ``name``, ``type``, ``output_shape`` (without the batch),
        - ``parameters``: its own; at its first call if it runs more than once, at the first of those who share them,
        - ``flops`` for one sample: two per multiply-add, convolutions, linear, recurrent and attention layers only,
        - ``receptive_field``: how many pixels in height or width, whichever is more, one output can see; None where
          it sees the whole input, where the input has no pixels, or where it cannot be told (resized feature maps).
          Padding counts: the number may exceed the input.
    """
    tracer = Tracer()
    rows: list[dict[str, Any]] = []
    counted: set[int] = set()  # ids of parameters: shared ones stand in the first row
    batch_dim = 1 if takes_tokens(net) else 0  # of (steps, N, …) and of (N, …)

    def before(name: str) -> Callable[..., None]:
        def start(layer: nn.Module, inputs: Any) -> None:
            own = {id(parameter): parameter.numel() for parameter in layer.parameters(recurse=False)}
            rows.append(
                {
                    "name": name or type(layer).__name__,
                    "type": type(layer).__name__,
                    "output_shape": [],
                    "parameters": sum(size for key, size in own.items() if key not in counted),
                    "flops": 0,
                    "receptive_field": None,
                }
            )
            counted.update(own)
            tracer.open_rows.append(rows[-1])

        return start

    def after(layer: nn.Module, inputs: Any, output: Any) -> None:
        row = tracer.open_rows.pop()
        result = next(tensors_in(output), None)
        if result is not None:
            # of one sample: without the batch's dimension
            row["output_shape"] = [size for dim, size in enumerate(result.shape) if dim != batch_dim]
            row["receptive_field"] = tracer.receptive_field(result)

    handles = []
    for name, layer in net.named_modules():
        # A module with parameters of its own is a layer even if it has layers inside; an identity is none.
        is_leaf = next(layer.children(), None) is None and not isinstance(layer, nn.Identity)
        if is_leaf or next(layer.parameters(recurse=False), None) is not None:
            handles += [layer.register_forward_pre_hook(before(name)), layer.register_forward_hook(after)]
    try:
        run_sample(net, input_shape, tracer, tracer.start)  # zeros: values do not matter to shapes
    finally:
        for handle in handles:
            handle.remove()
    return rows


def count_parameters(net: nn.Module) -> int:
    """Count the values in all parameters; shared ones once."""
    return sum(parameter.numel() for parameter in net.parameters())  # parameters() gives a shared one once


def count_flops(net: nn.Module, input_shape: Sequence[int]) -> int:
    """Count the FLOPs of a forward pass of one sample, two per multiply-add.

    Convolutions, linear, recurrent and attention layers and batched products only.
    """
    tracer = Tracer()
    run_sample(net, input_shape, tracer, tracer.start)
    return tracer.flops


def takes_tokens(net: nn.Module) -> bool:
    """Whether a network takes tokens, int64 (steps, batch), and not floating samples, batch first."""
    return bool(getattr(net, "takes_tokens", False))


def run_sample(
    net: nn.Module, input_shape: Sequence[int], mode: TorchFunctionMode, start: Callable[[torch.Tensor], None]
) -> Any:
    """Pass one sample of zeros through a network in evaluation mode, seen by ``mode``; ``start`` is told the input."""
    first = next(net.parameters(), None)
    device = torch.device("cpu") if first is None else first.device  # a network without parameters runs anywhere
    dtype = torch.float32 if first is None else first.dtype
    if takes_tokens(net):
        sample = torch.zeros(*input_shape, 1, device=device, dtype=torch.int64)  # (steps, N = 1)
    else:
        sample = torch.zeros(1, *input_shape, device=device, dtype=dtype)  # (N = 1, …)
    with _evaluation(net), torch.no_grad(), mode:
        start(sample)
        return net(sample)


@contextmanager
def _evaluation(net: nn.Module) -> Iterator[None]:
    """Evaluation mode, and each module's own mode again afterwards."""
    # those to be switched back, frozen ones not among them
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True

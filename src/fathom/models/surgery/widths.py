"""How wide each layer of a network is, as plain numbers, and a network made narrower by them.

A network whose channels were taken out is its builder's network with other widths: the name in the registry, its
options and these numbers are enough to build it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fathom.errors import UsageError, unknown

Widths = dict[str, list[int]]
"""Layer: outputs and inputs of a convolution, dense or recurrent layer; channels of a normalisation or PReLU."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def widths_of(net: nn.Module) -> Widths:
    """Return the widths of every layer that has some."""
    return {name: sizes for name, layer in net.named_modules() if (sizes := _sizes(layer)) is not None}


def narrow(net: nn.Module, widths: Mapping[str, Sequence[int]]) -> nn.Module:
    """Cut layers down to ``widths``, in place, keeping the first channels: other weights are to be loaded.

    Layers that are not named stay as they are.

    Returns: the network
    Raises:  UsageError for a layer that there is not one of, and widths that it cannot have
    """
    layers = dict(net.named_modules())
    if not isinstance(widths, Mapping):
        raise UsageError(f"widths must map layers to numbers; got {widths!r}")
    for name, sizes in widths.items():
        now = _sizes(layers[name]) if name in layers else None
        if now is None:
            raise unknown("layer in widths", name, widths_of(net))
        is_list = isinstance(sizes, (list, tuple)) and len(sizes) == len(now)
        if not is_list or not all(type(a) is int and 1 <= a <= b for a, b in zip(sizes, now, strict=True)):
            raise UsageError(f"widths of layer {name}: {len(now)} whole numbers from 1 to {now}; got {sizes!r}")
        _cut(layers[name], list(sizes), now)
    return net


def replace(net: nn.Module, change: Callable[[str, Tensor], Tensor]) -> None:
    """Put ``change(name, tensor)`` in the place of each parameter and buffer; layers take up their new widths."""
    for prefix, layer in net.named_modules():
        for name, tensor in _own(layer):
            _put(layer, name, change(f"{prefix}.{name}" if prefix else name, tensor))
        settle(layer)


def settle(layer: nn.Module) -> None:
    """Let a layer say of itself what its tensors now are."""
    if isinstance(layer, _CONVOLUTIONS):
        layer.out_channels, layer.in_channels = layer.weight.shape[0], layer.weight.shape[1] * layer.groups
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = layer.weight.shape
    elif isinstance(layer, nn.Embedding):
        layer.num_embeddings, layer.embedding_dim = layer.weight.shape
    elif isinstance(layer, nn.RNNBase):
        layer.hidden_size, layer.input_size = _recurrent_sizes(layer)
    elif isinstance(layer, _NORMS) and (sizes := _sizes(layer)) is not None:
        layer.num_features = sizes[0]
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = layer.weight.numel()


def _sizes(layer: nn.Module) -> list[int] | None:
    if isinstance(layer, (*_CONVOLUTIONS, nn.Linear, nn.Embedding)):
        # Conv (C_out, C_in, …), Linear (K, D), Embedding (tokens, channels)
        return [layer.weight.shape[0], layer.weight.shape[1]]
    if isinstance(layer, nn.RNNBase):
        return _recurrent_sizes(layer)
    if isinstance(layer, (*_NORMS, nn.PReLU)):
        first = next((tensor for _, tensor in _own(layer) if tensor.dim() == 1), None)
        return None if first is None else [first.shape[0]]
    return None


def _recurrent_sizes(layer: nn.RNNBase) -> list[int]:
    weights = dict(layer.named_parameters(recurse=False))
    # weight_hh (gates·hidden, hidden), weight_ih (gates·hidden, inputs)
    return [weights["weight_hh_l0"].shape[1], weights["weight_ih_l0"].shape[1]]


def _cut(layer: nn.Module, sizes: list[int], now: list[int]) -> None:
    for name, tensor in _own(layer):
        if tensor.dim() == 0:  # how many batches a normalisation has seen
            continue
        if isinstance(layer, nn.RNNBase):
            tensor = _cut_recurrent(name, tensor, sizes, now)
        else:
            for dim, size in enumerate(sizes[: tensor.dim()]):  # a bias has the first of the two only
                tensor = tensor.narrow(dim, 0, size)
        _put(layer, name, tensor.clone())
    settle(layer)


def _cut_recurrent(name: str, tensor: Tensor, sizes: list[int], now: list[int]) -> Tensor:
    """Each gate has rows of its own, one below the other."""
    (hidden, inputs), before = sizes, now[0]
    tensor = tensor.unflatten(0, (-1, before))  # (gates, hidden before, …)
    tensor = tensor.narrow(1, 0, hidden).flatten(0, 1)  # (gates·hidden, …)
    if tensor.dim() == 1:  # a bias
        return tensor
    # The first layer reads the inputs, each further one the layer below it.
    return tensor.narrow(1, 0, inputs if name.startswith("weight_ih_l0") else hidden)


def _own(layer: nn.Module) -> Iterator[tuple[str, Any]]:
    yield from layer.named_parameters(recurse=False)
    yield from layer.named_buffers(recurse=False)


@torch.no_grad()
def _put(layer: nn.Module, name: str, tensor: Tensor) -> None:
    own = getattr(layer, name)
    if isinstance(own, nn.Parameter):
        own.data = tensor  # the same parameter: whatever else holds it sees the change
    else:
        setattr(layer, name, tensor)

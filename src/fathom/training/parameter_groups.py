"""Learning rates that differ from layer to layer: a loaded body learns more slowly than a new head."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from fathom.training.optimizers import split_by_decay


def learning_rates(
    net: nn.Module, lr: float, *, head: Collection[str], body_lr: float | None = None, layer_decay: float | None = None
) -> dict[str, float]:
    """Return the rate of every parameter that learns.

    Args:
        lr: of the head.
        head: names of its parameters.
        body_lr: of all others; None is ``lr``.
        layer_decay: the last layer of the body learns at ``layer_decay`` times the body's rate, and each layer below at
            ``layer_decay`` times the rate of the one above. What ``layers`` gives counts as a layer.
    Source:  layer-wise decay: Clark et al. 2020, arXiv:2003.10555; discriminative rates: Howard & Ruder 2018,
             arXiv:1801.06146
    """
    body_lr = lr if body_lr is None else body_lr
    rates: dict[str, float] = {}
    depth = 0
    for layer in reversed(layers(net)):  # from the output down, as layer_decay counts
        in_body = [name for name in layer if name not in head]
        depth += bool(in_body)  # a layer of the head alone does not count
        factor = 1.0 if layer_decay is None else layer_decay**depth
        rates |= {name: body_lr * factor if name in in_body else lr for name in layer}
    learning = (name for name, parameter in net.named_parameters() if parameter.requires_grad)
    return {name: rates[name] for name in learning}


def layers(net: nn.Module) -> list[list[str]]:
    """Part a network's parameters into layers, from the input up.

    A layer is what stands in the network's ``nn.Sequential``s: a convolution, a residual block, an Inception block. A
    normalisation layer belongs to the layer before it.
    """
    found: list[list[str]] = []

    def walk(module: nn.Module, prefix: str) -> None:
        # as a position embedding beside the layers
        own = [f"{prefix}{name}" for name, _ in module.named_parameters(recurse=False)]
        if own:
            found.append(own)
        for name, child in module.named_children():
            if isinstance(child, nn.Sequential):
                walk(child, f"{prefix}{name}.")
                continue
            names = [f"{prefix}{name}.{inner}" for inner, _ in child.named_parameters()]
            if found and "norm" in type(child).__name__.lower():
                found[-1] += names
            elif names:
                found.append(names)

    walk(net, "")
    return found


def group_by_rate(net: nn.Module, rates: Mapping[str, float], decay_norm_and_bias: bool) -> list[dict[str, Any]]:
    """Make parameter groups, each with its ``lr``, the head's first; what has no rate is left out.

    Args:
        decay_norm_and_bias: False leaves biases and the parameters of normalisation layers out of the decay.
    """
    # by id: == on tensors compares elements
    spared = set() if decay_norm_and_bias else set(map(id, split_by_decay(net)[1]))
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    # From the output: the head's group comes first, and Trainer.lr shows the rate of the first.
    for name, parameter in reversed(list(net.named_parameters())):
        if name not in rates:
            continue
        key = rates[name], id(parameter) in spared  # one group for each pair: few groups are few kernels
        options: dict[str, Any] = {"weight_decay": 0.0} if key[1] else {}
        groups.setdefault(key, {"params": [], "lr": rates[name]} | options)["params"].append(parameter)
    return list(groups.values())

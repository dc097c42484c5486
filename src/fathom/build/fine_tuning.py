"""Fine-tuning in a run: initial weights, frozen layers, learning rates that differ between layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from torch import nn

from fathom.build.initial_weights import adapt_statistics, last_layer, load_initial
from fathom.build.start_summary import StartSummary
from fathom.build.weight_files import Weights, read_origin
from fathom.data.module import LabelledData
from fathom.errors import UsageError
from fathom.module import Module
from fathom.phrases import counted
from fathom.settings.config import Config, resolved
from fathom.settings.origin import find_origin, parse_body_lr
from fathom.training.parameter_groups import group_by_rate, learning_rates

BODY = "body"  # in place of a pattern: all but the head


def read_initial_weights(config: Config) -> Weights | None:
    """Read the weights to start from, if the settings name any.

    Raises:  UsageError, FathomError as ``read_origin``
    """
    text = config.finetune.init_from
    # named, but not found out yet: a run, a file or torchvision's
    return None if text is None else read_origin(find_origin(text))


def adapt_normalization(config: Config, data: LabelledData) -> Config:
    """Adapt a normalisation that comes from elsewhere to the number of channels of the data."""
    mean, std = config.data.mean, config.data.std
    # an empty list is as none
    if (mean is None) != (std is None) or (mean and std and len(mean) != len(std)):
        raise UsageError("data.mean and data.std go together, one number a channel in each")
    if mean is None or std is None:
        return config
    if len(data.input_shape) != 3:
        raise UsageError(f"data.mean, data.std: {data.name} holds no images")
    channels = data.input_shape[0]
    adapted = msgspec.structs.replace(
        config.data, mean=adapt_statistics(mean, channels), std=adapt_statistics(std, channels)
    )
    return msgspec.structs.replace(config, data=adapted)


def load_and_freeze(
    config: Config, module: Module, data: LabelledData, weights: Weights | None
) -> tuple[Config, StartSummary]:
    """Load the weights, if there are any, and freeze layers; the configuration records which parameters are the head.

    Raises:  UsageError if the weights do not fit or a pattern matches nothing
    """
    start = StartSummary()
    if weights is not None:
        # an initialisation that was asked for applies to the head too
        loading = load_initial(weights, module.net, data.output_names, quiet_head=config.training.init is None)
        # into config.yaml: a resumed run must group the parameters alike
        tuning = msgspec.structs.replace(config.finetune, head=loading.head)
        config = msgspec.structs.replace(config, finetune=tuning)
        start = StartSummary(loading.summary(), loading.details(), loading.describe())
    frozen = freeze_layers(config, module)  # after loading, which decides what is head
    if weights is not None or frozen:
        learning = _describe_learning(config, module.net, frozen)
        start.notes.extend(learning)
        start.record.update(frozen=frozen, learning=learning)
        if warning := _warn_of_body(config, module.net):
            start.notes.append(f"warning: {warning}")
            start.record["warning"] = warning
    return config, start


def freeze_layers(config: Config, module: Module) -> list[str]:
    """Freeze the layers that the settings name; return the names of the frozen parameters.

    Raises:  UsageError for a pattern that matches nothing
    """
    patterns = list(config.finetune.freeze)
    if not patterns:
        return []
    if BODY in patterns:
        head = _head(config, module.net)
        patterns = [pattern for pattern in patterns if pattern != BODY]  # "body" itself is no pattern
        patterns += [name for name, _ in module.net.named_parameters() if name not in head]
    return module.freeze(*patterns)


def make_groups(config: Config, module: nn.Module) -> list[dict[str, Any]]:
    """Make the optimiser's parameter groups of a module, each with its rate."""
    net = module.get_submodule("net")  # the network's parameters alone: preprocessing has none to learn
    return group_by_rate(net, _rates(config, net), config.training.decay_norm_and_bias)


def _describe_learning(config: Config, net: nn.Module, frozen: list[str]) -> list[str]:
    """Describe what is frozen, and the learning rates of body and head."""
    # lines for the user, before the first step
    lines = []
    if frozen:
        sizes = {name: parameter.numel() for name, parameter in net.named_parameters()}
        held = f"{sum(sizes[name] for name in frozen):,} of {counted(sum(sizes.values()), 'parameter')}"
        lines.append(f"frozen: {held}, in {', '.join(_whole_layers(frozen, sizes))}")
    rates = _rates(config, net)
    head, body = _head(config, net), [rate for name, rate in rates.items() if name not in _head(config, net)]
    if config.finetune.init_from is not None and body:
        low, high = min(body), max(body)
        spread = f"{high:g}" if low == high else f"{high:g} down to {low:g}"  # layer by layer with layer_decay
        new = [rate for name, rate in rates.items() if name in head]
        lines.append(f"learning rates: {spread} for the body" + (f", {new[0]:g} for the head" if new else ""))
    return lines


def _warn_of_body(config: Config, net: nn.Module) -> str | None:
    """Say in a line that loaded weights learn faster than new ones, which soon undoes what they were loaded for."""
    rates, head = _rates(config, net), _head(config, net)
    body = [rate for name, rate in rates.items() if name not in head]
    new = [rate for name, rate in rates.items() if name in head]
    if config.finetune.init_from is None or not body or not new or max(body) <= max(new):
        return None
    return (
        f"the body learns {max(body) / max(new):.3g} times as fast as its head: what was loaded is soon undone; "
        f"--body-lr {config.finetune.body_lr} should be at most 1"
    )


def _head(config: Config, net: nn.Module) -> set[str]:
    if config.finetune.head is not None:  # known after loading, or from the record
        return set(config.finetune.head)
    last = last_layer(net)
    # a parameter's layer is its name without the last part
    return {name for name, _ in net.named_parameters() if name.rpartition(".")[0] == last}


def _rates(config: Config, net: nn.Module) -> dict[str, float]:
    tuning, lr = config.finetune, resolved(config.training.lr)
    # absolute, or a factor of lr such as "0.1x"
    body_lr = None if tuning.body_lr is None else parse_body_lr(tuning.body_lr, lr)
    return learning_rates(net, lr, head=_head(config, net), body_lr=body_lr, layer_decay=tuning.layer_decay)


def _whole_layers(frozen: list[str], names: Mapping[str, Any]) -> list[str]:
    """Name the topmost layers that are frozen completely, and single parameters of the others."""
    held, found = set(frozen), dict[str, None]()
    for name in frozen:
        parts = name.split(".")
        # for conv.0.weight: conv, conv.0, conv.0.weight; the outermost that is frozen whole stands for it
        above = (".".join(parts[: i + 1]) for i in range(len(parts)))
        whole = (p for p in above if all(n in held for n in names if n == p or n.startswith(f"{p}.")))
        found.setdefault(next(whole, name))  # a dict as an ordered set
    return list(found)

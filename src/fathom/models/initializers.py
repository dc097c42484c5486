"""Initial values of parameters, by name and per layer.

Source: notes N1 §1.7; Glorot & Bengio 2010 (Xavier); He et al. 2015, arXiv:1502.01852 (Kaiming);
        Saxe, McClelland & Ganguli 2014, arXiv:1312.6120 (orthogonal)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

import torch
from torch import nn

from fathom.errors import UsageError, unknown

# name: how it fills a weight, given the number; the number unless one is given.
# 0.01: AlexNet's standard deviation (2012, §5), and the book's. Gains of 1 and slopes of 0: torch's defaults.
_FILLS: dict[str, tuple[Callable[[torch.Tensor, float], object], float | None]] = {
    "normal": (lambda weight, std: nn.init.normal_(weight, std=std), 0.01),
    "constant": (nn.init.constant_, 1.0),
    "zeros": (lambda weight, _: nn.init.zeros_(weight), None),
    "xavier_uniform": (lambda weight, gain: nn.init.xavier_uniform_(weight, gain=gain), 1.0),
    "xavier_normal": (lambda weight, gain: nn.init.xavier_normal_(weight, gain=gain), 1.0),
    "kaiming_uniform": (lambda weight, slope: nn.init.kaiming_uniform_(weight, a=slope), 0.0),
    "kaiming_normal": (lambda weight, slope: nn.init.kaiming_normal_(weight, a=slope), 0.0),
    "orthogonal": (lambda weight, gain: nn.init.orthogonal_(weight, gain=gain), 1.0),
}
_ANY_SHAPE = ("normal", "constant", "zeros")  # scales alone: the others need inputs and outputs

NAMES = (*_FILLS, "default")

Rule = str | Mapping[str, str]


def initialize(net: nn.Module, rule: Rule) -> None:
    """Set the parameters of a network: weights by a rule, biases to zero.

    Args:
        net: changed in place. A parameter shared by two layers is set once, by the rule of the first.
        rule: a name, for all weights of two or more dimensions; those of one, in normalisation layers and PReLU, stay
            as they are. Or a mapping from patterns to names: the first pattern that matches a layer counts, a layer
            that none matches stays as it is. A pattern is a glob over names of layers ("features.*") or over their
            types ("Conv*"), or "re:" and a regular expression over names. A pattern that matches only layers with
            weights of one dimension ("BatchNorm2d", "*.bn2") sets those.

    Names, and the number that may follow after a colon, as in "normal:0.02":
        normal (standard deviation, 0.01), constant (value, 1), zeros, xavier_uniform and xavier_normal (gain, 1),
        kaiming_uniform and kaiming_normal (negative slope of the ReLU, 0), orthogonal (gain, 1),
        default (what PyTorch does by itself, biases included).

    Equals:  torch.nn.init with the fan of the input
    Raises:  UsageError for an unknown name, a number where none fits, a pattern that sets nothing
    """
    # layers with parameters of their own, containers left out
    layers = {name: module for name, module in net.named_modules() if any(True for _ in module.parameters(False))}
    if isinstance(rule, str):
        name, number = _parse(rule)
        # scales of normalisation keep their ones
        _set([module for module in layers.values() if name == "default" or _has_matrix(module)], name, number, set())
        return
    if not isinstance(rule, Mapping):
        raise UsageError(f"an initialisation must be a name, or a mapping from patterns to names; got {rule!r}")

    done: set[int] = set()  # ids of parameters: a shared one is set by the first rule that reaches it
    left = dict(layers)  # layers that no pattern has reached yet
    for pattern, name in rule.items():
        name, number = _parse(name)
        matching = {key: module for key, module in layers.items() if _matches(pattern, key, module)}
        chosen = {key: module for key, module in matching.items() if key in left}
        if not chosen:
            why = "only layers that earlier patterns match" if matching else "no layer with parameters"
            raise UsageError(f"initialisation: the pattern {pattern!r} matches {why}")
        # "*" means the matrices; a pattern that finds none of them means what it finds: scales of normalisation.
        _set([m for m in chosen.values() if _has_matrix(m)] or list(chosen.values()), name, number, done)
        left = {key: module for key, module in left.items() if key not in chosen}


def _parse(rule: object) -> tuple[str, float | None]:
    """Split "normal:0.02" into its name and number."""
    name, colon, text = str(rule).partition(":")
    if name not in NAMES:
        raise unknown("initialisation", name, NAMES)
    number = _FILLS[name][1] if name in _FILLS else None
    if not colon:
        return name, number
    if number is None:  # zeros, default
        raise UsageError(f"the initialisation {name} takes no number; got {rule!r}")
    try:
        return name, float(text)
    except ValueError:
        raise UsageError(f"the initialisation {name} takes a number after the colon; got {rule!r}") from None


def _matches(pattern: str, name: str, module: nn.Module) -> bool:
    if pattern.startswith("re:"):
        try:
            return re.fullmatch(pattern[3:], name) is not None
        except re.error as error:  # fullmatch: a part of the name is no match
            raise UsageError(f"initialisation: {pattern!r} is not a valid regular expression: {error}") from None
    # by name or by kind: "Linear", "features.*"
    return fnmatchcase(name, pattern) or fnmatchcase(type(module).__name__, pattern)


def _has_matrix(module: nn.Module) -> bool:
    # those of its own: a container has none
    return any(parameter.dim() >= 2 for parameter in module.parameters(recurse=False))


@torch.no_grad()
def _set(layers: Iterable[nn.Module], name: str, number: float | None, done: set[int]) -> None:
    """Set the parameters that the layers own themselves and that are not ``done`` yet."""
    for layer in layers:
        # one parameter in two layers is filled once
        own = [(key, p) for key, p in layer.named_parameters(recurse=False) if id(p) not in done]
        done.update(id(parameter) for _, parameter in own)
        if name == "default":
            # MultiheadAttention has its own with an underscore
            reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
            if reset is None:
                raise UsageError(f"{type(layer).__name__} has no initialisation of its own: default cannot set it")
            if own:
                reset()
            continue
        fill, _ = _FILLS[name]
        for key, parameter in own:
            if "bias" in key:  # those of recurrent layers are called bias_ih_l0 and the like
                nn.init.zeros_(parameter)
            elif parameter.dim() >= 2 or name in _ANY_SHAPE:
                fill(parameter, number or 0.0)  # 0.0 for zeros, which ignores it
            else:
                raise UsageError(f"{name} needs weights of two or more dimensions; {type(layer).__name__} has one")

"""Which parameters stay as they are: named by patterns, with the batch-norm layers that then keep their statistics."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from fathom.errors import UsageError


def freeze(net: nn.Module, patterns: Iterable[str]) -> list[str]:
    """Take the gradient from every parameter that a pattern names.

    Args:
        patterns: globs, as in a shell: ``*`` stands for any characters, dots too, ``?`` for one, ``[1-3]`` for one of
            these. A layer's name stands for all below it: ``layer1`` is ``layer1.*``.
    Returns: the names of the parameters that are frozen now
    Raises:  UsageError for a pattern that names nothing, with what is near it
    """
    parameters = dict(net.named_parameters())
    names = match_names(patterns, parameters)
    for name in names:
        parameters[name].requires_grad_(False)
        parameters[name].grad = None  # a gradient from before would still move it
    return names


def match_names(patterns: Iterable[str], names: Collection[str]) -> list[str]:
    """Return the names that a pattern fits, in their order.

    Raises:  UsageError for a pattern that fits none
    """
    found: set[str] = set()
    for pattern in patterns:
        # "layer1" means all of layer1.*; case matters, since attribute names differ by it
        fitting = {name for name in names if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")}
        if not fitting:  # a typing error, which would freeze nothing
            raise UsageError(f"freeze {pattern!r}: no parameter matches; {_nearby_names(pattern, names)}")
        found |= fitting
    return [name for name in names if name in found]


def frozen_norms(net: nn.Module) -> tuple[nn.Module, ...]:
    """Return the normalisation layers that keep running statistics and whose parameters are all frozen."""
    return tuple(
        layer
        for layer in net.modules()
        if isinstance(layer, _NormBase)
        and layer.track_running_stats
        and (own := list(layer.parameters(recurse=False)))
        # layers without affine parameters have nothing frozen, so they stay
        and not any(parameter.requires_grad for parameter in own)
    )


def _nearby_names(pattern: str, names: Iterable[str]) -> str:
    """Name the layers and parameters most like the pattern; else the uppermost layers."""
    known: dict[str, None] = {}
    for name in names:
        known |= dict.fromkeys(itertools.accumulate(name.split("."), "{}.{}".format))  # a, a.b, a.b.c
    plain = pattern.rstrip(".*")  # the wildcard at the end says nothing of the name
    near = difflib.get_close_matches(plain, known, n=3, cutoff=0.6)  # 0.6: difflib's own; three fit on a line
    if near:
        return f"similar names: {_listed(near)}"
    return f"patterns are globs such as 'layer[1-3].*'; there are {_listed([n for n in known if '.' not in n])}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "")

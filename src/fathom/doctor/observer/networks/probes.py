"""Passes of the doctor's own, through a copy of a network in evaluation mode, with the random state put back."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fathom.doctor.observer.statistics import all_tensors

MOST_PARAMETERS = 20_000_000  # of a network that is copied
MOST_SAMPLES = 16  # that such a pass is given


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Put the random states of Python, NumPy and PyTorch back."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def why_not_copied(network: nn.Module) -> str:
    """Return why a copy of a network cannot be run; empty if it can."""
    if sum(p.numel() for p in network.parameters()) > MOST_PARAMETERS:
        return "the network is too large to be copied for it"
    if any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules()):
        return "the network has hooks of its own, which a second pass would call"
    return ""


def mixes_samples(network: nn.Module, x: Tensor, *, is_batch_first: bool) -> dict[str, Any]:
    """Return whether the output for one sample depends on the others.

    Args:
        network: a copy, which is spoilt.
        is_batch_first: whether dimension 0 is known to be the batch; else networks that may expect time are left out.
    Shape:   x (N, …)
    """
    if len(x) < 3:
        return {"reason": "a batch has fewer than three samples"}
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and not layer.track_running_stats:
            return {"reason": "a batch normalisation uses the statistics of the batch in evaluation too"}
        if isinstance(layer, (nn.RNNBase, nn.MultiheadAttention)) and not layer.batch_first and not is_batch_first:
            return {"reason": f"a {type(layer).__name__} may expect time before the batch (batch_first=False)"}
    network.eval()
    x = x[:MOST_SAMPLES].clone()
    other = x.clone()
    other[0] = x[1] if not bool((x[1] == x[0]).all()) else x[2]
    with kept_random_state(), torch.no_grad():
        state = torch.get_rng_state()
        first = all_tensors(network(x))
        torch.set_rng_state(state)
        second = all_tensors(network(other))
    if not first or first[0].dim() == 0 or len(first[0]) != len(x) or not first[0].is_floating_point():
        return {"reason": "the output has no row for each sample"}
    a, b = first[0], second[0]
    if bool((a[0] == b[0]).all()) and bool((a[1:] == b[1:]).all()):
        return {"mixed": False}
    difference = (a[1:] - b[1:]).abs().flatten(1).amax(1)  # (N − 1,)
    own = float((a[0] - b[0]).abs().max())
    # matrix products of another batch may round otherwise: a thousandth of the spread is no rounding
    limit = 1e-3 * max(float(a.std()), 1e-6)
    return {"mixed": bool((difference > limit).any()), "other": float(difference.max()), "own": own}


def varies_in_evaluation(network: nn.Module, x: Tensor) -> dict[str, Any]:
    """Return whether two passes in evaluation mode differ, and whether a functional dropout is the reason.

    ``repeats`` says whether two passes from one random state are the same.

    Args:
        network: a copy, which is spoilt.
    Shape:   x (N, …)
    """
    network.eval()
    drops: list[float] = []
    original = F.dropout

    def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if training and p > 0:
            drops.append(p)
        return original(input, p, training, inplace)

    F.dropout = dropout
    try:
        with kept_random_state(), torch.no_grad():
            torch.manual_seed(0)
            first = all_tensors(network(x[:MOST_SAMPLES]))
            torch.manual_seed(1)
            second = all_tensors(network(x[:MOST_SAMPLES]))
            if _equal(first, second):
                return {"varies": False}
            with kept_random_state():
                third = all_tensors(network(x[:MOST_SAMPLES]))
            again = all_tensors(network(x[:MOST_SAMPLES]))
    finally:
        F.dropout = original
    return {"varies": True, "repeats": _equal(third, again), "dropout": max(drops, default=0.0)}


def _equal(first: list[Tensor], second: list[Tensor]) -> bool:
    pairs = [(a, b) for a, b in zip(first, second, strict=False) if a.shape == b.shape]
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def first_not_finite(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the first layer whose output is not finite though its input is; empty if there is none.

    Args:
        network: a copy, which is spoilt.
    """
    found: list[str] = []
    names = {id(layer): name for name, layer in network.named_modules()}

    def look(layer: nn.Module, inputs: Any, output: Any) -> None:
        if not found and _is_broken(output) and not _is_broken(inputs):
            found.append(names.get(id(layer), "") or type(layer).__name__)

    leaves = [layer for layer in network.modules() if next(layer.children(), None) is None]
    for layer in leaves:
        layer.register_forward_hook(look)
    with kept_random_state(), torch.no_grad():
        output = network(*args, **kwargs)
    return found[0] if found else (type(network).__name__ if _is_broken(output) else "")


def _is_broken(values: Any) -> bool:
    return any(t.is_floating_point() and not bool(torch.isfinite(t).all()) for t in all_tensors(values))

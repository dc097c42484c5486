"""Statistics of tensors as plain numbers."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
from torch import Tensor, nn

_LEAST_SAMPLES, _MOST_OUTPUTS = 8, 2048  # of outputs that are compared over a batch
MOST_VALUES = 2_000_000  # of a tensor that is looked at; of a larger one its first samples


def first_tensor(values: Any) -> Tensor | None:
    """Return the first tensor among positional and keyword arguments, lists and dictionaries."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (list, tuple)):
        for value in values:
            if (found := first_tensor(value)) is not None:
                return found
    return None


def all_tensors(values: Any) -> list[Tensor]:
    """Return every tensor among them."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (list, tuple)):
        return [tensor for value in values for tensor in all_tensors(value)]
    return []


@torch.no_grad()
def describe_input(x: Tensor) -> dict[str, Any]:
    """Return shape, type and, of numbers, range, mean, standard deviation, spread over features, lags of pixels."""
    facts: dict[str, Any] = {"shape": tuple(x.shape), "dtype": str(x.dtype).removeprefix("torch.")}
    if x.is_sparse or x.numel() == 0 or x.is_complex():
        return facts
    x = x.detach()
    if x.numel() > MOST_VALUES and x.dim() > 1:
        x = x[: max(1, MOST_VALUES * len(x) // x.numel())]
    x = x.float()
    facts |= {"min": float(x.min()), "max": float(x.max()), "mean": float(x.mean())}
    facts["std"] = float(x.std()) if x.numel() > 1 else 0.0
    if x.dim() == 2 and len(x) > 1:
        spread = x.std(0)  # (features,)
        moving = spread[spread > 0]
        if len(moving):
            facts |= {"least_feature_std": float(moving.min()), "most_feature_std": float(moving.max())}
            facts["moved_share"] = float(((x.mean(0).abs() > 10 * spread) & (spread > 0)).float().mean())
    if x.dim() == 4 and min(x.shape[1:]) >= 1:
        facts["lags"] = [float((x[..., k:] - x[..., :-k]).abs().mean()) for k in (1, 2, 3, 4) if x.shape[-1] > 8]
        facts["row_lag"] = float((x[..., 1:, :] - x[..., :-1, :]).abs().mean()) if x.shape[-2] > 1 else 0.0
    return facts


def digest(x: Tensor) -> str:
    """Return a digest of a tensor's values."""
    content = x.detach().cpu().contiguous()
    if content.dtype == torch.bfloat16:
        content = content.float()
    return hashlib.blake2b(content.numpy().tobytes(), digest_size=12).hexdigest()


def has_equal_rows(weight: Tensor) -> bool:
    """Whether all units of a layer have the same weights.

    Shape:   weight (units, …)
    """
    rows = weight.detach().flatten(1)
    return bool((rows == rows[:1]).all()) if len(rows) > 1 else False


@torch.no_grad()
def spread_over_samples(x: Tensor | None, y: Tensor) -> tuple[float, float] | None:
    """Return by how much the outputs of a batch differ, and how large they are; None where the inputs do not differ.

    Shape:   x, y (N, …)
    """
    if x is None or x.dim() == 0 or y.dim() < 2 or len(x) != len(y) or len(y) < _LEAST_SAMPLES or y.is_sparse:
        return None
    if not y.is_floating_point() or bool((x == x[:1]).all()):
        return None
    values = y.detach().flatten(1)[:, :_MOST_OUTPUTS].float()  # (N, D)
    return float(values.std(0).square().mean().sqrt()), float(values.square().mean().sqrt())


def repeated_in(container: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the layers with weights that a list of layers holds more than once, each with its first name.

    >>> [name for name, _ in repeated_in(nn.Sequential(*[nn.Linear(2, 2)] * 3))]
    ['0']
    """
    if not isinstance(container, (nn.Sequential, nn.ModuleList)):
        return []
    names: dict[int, list[str]] = {}
    for name, layer in container._modules.items():  # named_children leaves the second one out
        names.setdefault(id(layer), []).append(name)
    several = [each[0] for each in names.values() if len(each) > 1]
    layers = [(name, container._modules[name]) for name in several]
    return [(name, each) for name, each in layers if each is not None and next(each.parameters(), None) is not None]


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the weight matrices of one layer whose rows are units, by their names in it."""
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return {"weight": module.weight}
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return {name: p for name, p in module.named_parameters(recurse=False) if p.dim() == 2}
    return {}


def spread_of(weight: Tensor) -> tuple[float, float, float]:
    """Return the standard deviation of weights, He's for a ReLU and Xavier's.

    Shape:   weight (units, …)
    Source:  He et al. 2015, eq. (10); Glorot & Bengio 2010, eq. (16)
    """
    fan_in = max(1, weight[0].numel())
    fan_out = max(1, weight.shape[0] * (weight[0, 0].numel() if weight.dim() > 2 else 1))
    std = float(weight.detach().float().std()) if weight.numel() > 1 else 0.0
    return std, math.sqrt(2 / fan_in), math.sqrt(2 / (fan_in + fan_out))


def norms(tensors: list[Tensor]) -> list[float]:
    """Return the Euclidean norm of each; one transfer for all that lie on one device."""
    result = [0.0] * len(tensors)
    groups: dict[tuple[Any, Any], list[int]] = {}
    for i, tensor in enumerate(tensors):
        if not tensor.is_sparse:
            groups.setdefault((tensor.device, tensor.dtype), []).append(i)
        else:
            result[i] = float(tensor.coalesce().values().norm())
    for indices in groups.values():
        values = torch.stack(torch._foreach_norm([tensors[i].detach() for i in indices])).float().tolist()
        for i, value in zip(indices, values, strict=True):
            result[i] = value
    return result

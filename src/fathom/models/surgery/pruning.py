"""Taking out of a network what matters least: whole channels, or single weights.

Source: norms of filters: Li et al. 2017, arXiv:1608.08710; scales of batch normalisation: Liu et al. 2017,
        arXiv:1708.06519; smallest weights, zero and kept at zero: Han et al. 2015, arXiv:1506.02626
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fathom.errors import UsageError, unknown
from fathom.models.surgery.channels import Channels, Place
from fathom.models.surgery.widths import replace

CRITERIA = ("l1", "l2", "batch_norm")
SCOPES = ("local", "global")
_LEAST = 0.1  # share of its channels that a place keeps when all places compete


@dataclass(frozen=True)
class Choice:
    """The channels that are to go from one place."""

    place: Place
    removed: np.ndarray

    @property
    def kept(self) -> int:
        """How many stay."""
        return len(self.place.channels) - len(self.removed)


def choose_channels(
    net: nn.Module, channels: Channels, amount: float, *, criterion: str = "l2", scope: str = "local"
) -> list[Choice]:
    """Choose the channels that matter least.

    Args:
        amount: share of the channels that can go, in (0, 1); a place keeps one at least.
        criterion: l1 or l2, the norm of the weights that make a channel; batch_norm, the scale after normalising.
        scope: local, this share of every place; global, of all together: a channel is set against the mean of its
            place, and no place loses more than nine tenths.
    Returns: one choice for every place that can lose channels, those that lose none included
    Raises:  UsageError if nothing can go, or the criterion does not apply
    """
    _check(amount, criterion, scope)
    places = [place for place in channels.places if not place.why_kept]
    if not places:
        raise UsageError("no channel can be taken out: every one belongs to the network's input or output")
    scores = _score(net, channels, criterion, places)
    if scope == "local":
        return [Choice(p, _lowest(p, scores, min(int(amount * len(p.channels)), len(p.channels) - 1))) for p in places]
    return _choose_globally(places, scores, amount)


def _check(amount: float, criterion: str, scope: str) -> None:
    if not 0 < amount < 1:
        raise UsageError(f"amount {amount:g}: a share above 0 and below 1 goes")
    if criterion not in CRITERIA:
        raise unknown("criterion", criterion, CRITERIA)
    if scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)


def _lowest(place: Place, scores: np.ndarray, number: int) -> np.ndarray:
    return place.channels[np.argsort(scores[place.channels], kind="stable")[:number]]


def _choose_globally(places: Sequence[Place], scores: np.ndarray, amount: float) -> list[Choice]:
    owner = np.concatenate([np.full(len(place.channels), i) for i, place in enumerate(places)])
    means = [scores[place.channels].mean() or 1.0 for place in places]
    relative = np.concatenate([scores[p.channels] / mean for p, mean in zip(places, means, strict=True)])
    left = [len(place.channels) - max(1, math.ceil(_LEAST * len(place.channels))) for place in places]
    goal, numbers = int(amount * len(relative)), [0] * len(places)
    for index in np.argsort(relative, kind="stable").tolist():
        i = owner[index]
        if goal > 0 and left[i] > 0:
            numbers[i], left[i], goal = numbers[i] + 1, left[i] - 1, goal - 1
    return [Choice(place, _lowest(place, scores, number)) for place, number in zip(places, numbers, strict=True)]


@torch.no_grad()
def _score(net: nn.Module, channels: Channels, criterion: str, places: Sequence[Place]) -> np.ndarray:
    """Return each channel's importance; one that several layers make has the sum over them."""
    tensors = dict(net.named_parameters())
    scores = np.zeros(channels.count)
    if criterion == "batch_norm":
        scores[:] = np.nan
        for name in channels.norms:
            labels = channels.dims[name][0]
            scores[labels] = np.nan_to_num(scores[labels])
            np.add.at(scores, labels, tensors[name].abs().double().cpu().numpy())
        bare = [place for place in places if np.isnan(scores[place.channels]).any()]
        if bare:
            raise UsageError(
                f"criterion batch_norm: nothing normalises the channels of {bare[0].layers[0]}; choose l1 or l2"
            )
        return scores
    for name, dim in channels.makers.items():
        values = tensors[name].detach().double().transpose(0, dim).flatten(1)
        size = values.abs().sum(1) if criterion == "l1" else values.square().sum(1)
        np.add.at(scores, channels.dims[name][dim], size.cpu().numpy())
    return scores if criterion == "l1" else np.sqrt(scores)


def remove_channels(net: nn.Module, channels: Channels, removed: np.ndarray) -> None:
    """Take channels out, in place: their rows, their columns, and what normalises them.

    The network then computes what it computed with every weight that reads one of these channels at zero.

    Args:
        channels: of this network.
        removed: numbers of channels.
    """
    goes = np.zeros(channels.count, dtype=bool)
    goes[removed] = True

    def keep(name: str, tensor: Tensor) -> Tensor:
        for dim, labels in channels.dims.get(name, {}).items():
            kept = torch.from_numpy(np.flatnonzero(~goes[labels])).to(tensor.device)
            tensor = tensor.detach().index_select(dim, kept)
        return tensor.detach().clone()

    replace(net, keep)


def weights_of(net: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights that can be zero one by one: matrices and kernels, not biases and normalisation."""
    return {name: parameter for name, parameter in net.named_parameters() if parameter.dim() >= 2}


@torch.no_grad()
def zero_weights(net: nn.Module, amount: float, *, scope: str = "global") -> None:
    """Set the weights nearest to zero to zero, in place.

    Args:
        amount: share of the weights that are zero afterwards, in (0, 1).
        scope: local, this share of every layer; global, of all together.
    Equals:  torch.nn.utils.prune.l1_unstructured, global_unstructured with L1Unstructured
    Raises:  UsageError if the amount or the scope makes no sense
    """
    _check(amount, "l2", scope)
    weights = list(weights_of(net).values())
    if scope == "local":
        for weight in weights:
            _zero_below(weight, _threshold(weight.abs().flatten(), amount))
        return
    threshold = _threshold(torch.cat([weight.abs().flatten() for weight in weights]), amount)
    for weight in weights:
        _zero_below(weight, threshold)


def _threshold(sizes: Tensor, amount: float) -> float:
    number = round(amount * sizes.numel())
    return sizes.kthvalue(number).values.item() if number else -1.0


def _zero_below(weight: Tensor, threshold: float) -> None:
    weight.masked_fill_(weight.abs() <= threshold, 0.0)

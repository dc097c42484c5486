"""Take out of a network what matters least: whole channels, or single weights.

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
from fathom.models.surgery.channels import ChannelGroup, Channels
from fathom.models.surgery.numbering import ChannelIds
from fathom.models.surgery.widths import replace

CRITERIA = ("l1", "l2", "batch_norm")
SCOPES = ("local", "global")
_LEAST = (
    0.1  # share of its channels that a group keeps when all groups compete: ours, so that none of them is cut through
)


@dataclass(frozen=True)
class Removal:
    """The channels that are to go from one group."""

    group: ChannelGroup
    removed: ChannelIds

    @property
    def kept(self) -> int:
        """How many stay."""
        return len(self.group.channels) - len(self.removed)


def choose_channels(
    net: nn.Module, channels: Channels, amount: float, *, criterion: str = "l2", scope: str = "local"
) -> list[Removal]:
    """Choose the channels that matter least.

    Args:
        amount: share of the channels that can go, in (0, 1); a group keeps one at least.
        criterion: l1 or l2, the norm of the weights that make a channel; batch_norm, the scale after normalising.
        scope: local, this share of every group; global, of all together: a channel is set against the mean of its
            group, and no group loses more than nine tenths.
    Returns: one removal for every group that can lose channels, those that lose none included
    Raises:  UsageError if nothing can go, or the criterion does not apply
    """
    _check(amount, criterion, scope)
    groups = [group for group in channels.groups if not group.why_kept]
    if not groups:
        raise UsageError("nothing to prune: every channel belongs to the network's input or output")
    scores = _score(net, channels, criterion, groups)
    if scope == "local":
        # at least one channel stays
        numbers = [min(int(amount * len(group.channels)), len(group.channels) - 1) for group in groups]
        return [Removal(group, _lowest(group, scores, number)) for group, number in zip(groups, numbers, strict=True)]
    return _choose_globally(groups, scores, amount)


def _check(amount: float, criterion: str, scope: str) -> None:
    if not 0 < amount < 1:
        raise UsageError(f"amount must be above 0 and below 1; got {amount:g}")
    if criterion not in CRITERIA:
        raise unknown("criterion", criterion, CRITERIA)
    if scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)


def _lowest(group: ChannelGroup, scores: np.ndarray, number: int) -> np.ndarray:
    # stable: of equal scores the first ones go
    return group.channels[np.argsort(scores[group.channels], kind="stable")[:number]]


def _choose_globally(groups: Sequence[ChannelGroup], scores: np.ndarray, amount: float) -> list[Removal]:
    """Take the lowest scores of all groups together, each score over the mean of its group."""
    # Weights of different layers differ in size; a mean of 0 (all weights 0) would divide by itself.
    means = [scores[group.channels].mean() or 1.0 for group in groups]
    relative = np.concatenate([scores[g.channels] / mean for g, mean in zip(groups, means, strict=True)])  # (channels,)
    owner = np.concatenate([np.full(len(group.channels), i) for i, group in enumerate(groups)])  # (channels,)
    # how many each group may lose
    may_go = [len(group.channels) - max(1, math.ceil(_LEAST * len(group.channels))) for group in groups]
    goes = [0] * len(groups)
    still_to_go = int(amount * len(relative))
    for index in np.argsort(relative, kind="stable").tolist():  # least important first
        i = owner[index]
        if still_to_go > 0 and goes[i] < may_go[i]:
            goes[i] += 1
            still_to_go -= 1  # what a full group cannot give is taken from the next
    return [Removal(group, _lowest(group, scores, number)) for group, number in zip(groups, goes, strict=True)]


@torch.no_grad()
def _score(net: nn.Module, channels: Channels, criterion: str, groups: Sequence[ChannelGroup]) -> np.ndarray:
    """Return each channel's importance; one that several layers make has the sum over them."""
    tensors = dict(net.named_parameters())
    scores = np.zeros(channels.count)  # indexed by the number of a channel
    if criterion == "batch_norm":
        scores[:] = np.nan  # stays where nothing normalises
        for name in channels.norms:
            ids = channels.dims[name][0]
            scores[ids] = np.nan_to_num(scores[ids])  # nan → 0, from where it is added up
            np.add.at(scores, ids, tensors[name].abs().double().cpu().numpy())
        bare = [group for group in groups if np.isnan(scores[group.channels]).any()]
        if bare:
            raise UsageError(
                f"criterion batch_norm: the channels of {bare[0].layers[0]} have no batch norm; choose l1 or l2"
            )
        return scores
    for name, dim in channels.makers.items():
        values = tensors[name].detach().double().transpose(0, dim).flatten(1)  # (channels, weights that make each)
        # Sums first, the root last: the norm is that of all layers that make the channel together. The rows of the
        # gates of a recurrent unit add up in the same way.
        size = values.abs().sum(1) if criterion == "l1" else values.square().sum(1)  # (channels,)
        np.add.at(scores, channels.dims[name][dim], size.cpu().numpy())
    return scores if criterion == "l1" else np.sqrt(scores)


def remove_channels(net: nn.Module, channels: Channels, removed: ChannelIds) -> None:
    """Take channels out, in place: their rows, their columns, and what normalises them.

    The network then computes what it computed with every weight that reads one of these channels at zero.

    Args:
        channels: of this network.
        removed: numbers of channels.
    """
    goes = np.zeros(channels.count, dtype=bool)
    goes[removed] = True

    def keep(name: str, tensor: Tensor) -> Tensor:  # from each dimension the channels that stay
        for dim, ids in channels.dims.get(name, {}).items():
            kept = torch.from_numpy(np.flatnonzero(~goes[ids])).to(tensor.device)
            tensor = tensor.detach().index_select(dim, kept)  # one dimension after another
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
    """Return the size of the largest weight that goes."""
    number = round(amount * sizes.numel())
    # Nothing lies below 0: an amount that rounds to no weight zeroes none.
    return sizes.kthvalue(number).values.item() if number else -1.0


def _zero_below(weight: Tensor, threshold: float) -> None:
    weight.masked_fill_(weight.abs() <= threshold, 0.0)

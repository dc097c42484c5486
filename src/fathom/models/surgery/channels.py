"""Which channels of a network hang together, and in which rows, columns and elements of its parameters each lies.

With this a channel can be taken out whole: ``pruning.remove_channels``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from fathom.models.surgery.numbering import ChannelIds
from fathom.models.surgery.tape import Tape


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that the same layers make. Each can be taken out without the others, from all of these layers at once.

    Attributes:
        layers: names of the layers that make them; more than one where their outputs are added.
        channels: their numbers.
        why_kept: why none of them can go; empty where they can.
    """

    layers: tuple[str, ...]
    channels: ChannelIds
    why_kept: str = ""


class Channels:
    """The channels of one network.

    Attributes:
        groups: all channels, by the layers that make them, in the order of the network.
        dims: parameter or buffer: dimension: the number of the channel that each row along it belongs to.
        makers: names of parameters whose rows make channels, each with that dimension.
        norms: names of parameters that scale channels after normalising them.
        count: of the numbers; those that were joined with others stand unused.
    """

    def __init__(self, net: nn.Module, input_shape: Sequence[int]) -> None:
        tape = Tape(net)
        tape.record(net, input_shape)
        self.dims = {  # by parameter and dimension, the number of each channel along it
            name: {dim: tape.numbers.roots(ids) for dim, ids in dims.items()} for name, dims in tape.dims.items()
        }
        self.makers, self.norms = tape.makers, tape.norms
        self.count = tape.numbers.count
        self.groups = self._find_groups(tape)

    def _find_groups(self, tape: Tape) -> list[ChannelGroup]:
        layers: dict[int, list[str]] = {}  # by channel, the layers that make it
        for name, dim in self.makers.items():
            layer = name.rpartition(".")[0]  # "conv1.weight" → "conv1"
            for channel in np.unique(self.dims[name][dim]).tolist():
                known = layers.setdefault(channel, [])
                if layer not in known:
                    known.append(layer)
        reasons: dict[int, str] = {}  # by channel, why it must stay
        for ids, reason in tape.pins:
            for channel in np.unique(tape.numbers.roots(ids)).tolist():
                reasons.setdefault(channel, reason)  # the first reason is the one that is told
        # Channels of a layer that stay for different reasons, or of which some may go, are groups of their own.
        found: dict[tuple[tuple[str, ...], str], list[int]] = {}
        for channel, makers in layers.items():
            # equal makers and equal reason: one group
            found.setdefault((tuple(makers), reasons.get(channel, "")), []).append(channel)
        return [ChannelGroup(makers, np.array(sorted(channels)), why) for (makers, why), channels in found.items()]

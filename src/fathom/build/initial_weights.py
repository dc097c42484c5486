"""Putting another network's weights into a new one: what fits, what is new and why, which classes are reused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from fathom.build.weight_files import Weights
from fathom.errors import UsageError

_QUIET = 0.01  # standard deviation of new rows of the last layer
_MOST_NAMES = 6  # of parameters or classes in one line; the log has them all


@dataclass
class Loading:
    """What became of each parameter and buffer of a network.

    Attributes:
        source: where the weights come from.
        loaded: names copied unchanged.
        changed: name to what was done to it to make it fit.
        new: name to the reason why it keeps its random initialisation.
        unused: names of the source that the network does not have.
        reused: classes, or tokens, whose rows were copied.
        outputs: all classes or tokens of the new network.
        head: parameters that learn at the full rate: those of the last layer and what is new.
        share: fraction of the network's numbers that were copied.
    """

    source: str
    loaded: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    share: float = 0.0

    def describe(self) -> dict[str, Any]:
        """Return all of it as plain values, for ``run.json``."""
        return {
            "source": self.source,
            "share": self.share,
            "num_loaded": len(self.loaded),
            "changed": self.changed,
            "new": self.new,
            "unused": self.unused,
            "reused": self.reused,
            "outputs": len(self.outputs),
        }

    def summary(self) -> list[str]:
        """Return it in a few lines."""
        # changed tensors count as taken: a part of theirs was
        total = len(self.loaded) + len(self.changed) + len(self.new)
        taken = len(self.loaded) + len(self.changed)
        lines = [f"starting from {self.source}: {taken} of {total} tensors, {self.share:.1%} of the numbers"]
        lines += [f"{name}: {how}" for name, how in self.changed.items()]
        reasons: dict[str, list[str]] = {}  # reason: names, so that each reason takes one line
        for name, reason in self.new.items():
            reasons.setdefault(reason, []).append(name)
        lines += [f"new: {_some(names)} ({reason})" for reason, names in reasons.items()]
        if self.reused:
            lines.append(f"reused by name: {len(self.reused)} of {len(self.outputs)}: {_some(self.reused)}")
        if self.unused:
            lines.append(f"unused weights of the source: {_some(self.unused)}")
        return lines

    def details(self) -> list[str]:
        """Return the lists that ``summary`` shortens, for the log."""
        lines = [f"loaded: {', '.join(self.loaded)}"] if self.loaded else []
        lines += [f"new: {', '.join(self.new)}"] if len(self.new) > _MOST_NAMES else []
        lines += [f"rows reused: {', '.join(self.reused)}"] if len(self.reused) > _MOST_NAMES else []
        return lines + ([f"unused: {', '.join(self.unused)}"] if len(self.unused) > _MOST_NAMES else [])


def load_initial(weights: Weights, net: nn.Module, outputs: Sequence[str], *, quiet_head: bool = True) -> Loading:
    """Copy the weights that fit into ``net``; all others keep their initialisation, except new rows of the last layer.

    Rows of the last layer are matched by class name (in a language model, by token) where both sides have names.
    A first convolution for another number of channels gets the sum of its kernels over the channels, or their mean for
    each. Everything else must agree in name and shape.

    Args:
        outputs: names of the classes or tokens along the last layer's rows; () where there are none.
        quiet_head: start new rows of the last layer near 0. On trained features the usual initial weights give
            large random logits, and the first steps would undo them at the body's cost.
    Source:  a head that starts at 0: Kolesnikov et al. 2020, arXiv:1912.11370, §3.3
    Raises:  UsageError naming the first differences if less than half of the body fits
    """
    own = net.state_dict()  # these share the network's memory: copy_ below changes the network
    loading = Loading(weights.source, outputs=list(outputs))
    last = last_layer(net)
    # dimension along which the classes lie
    along = dict.fromkeys((name for name in own if name.rpartition(".")[0] == last), 0)
    if getattr(net, "takes_tokens", False):
        reads, dim = cast("tuple[str, int]", net.token_dim)  # a text model has tokens at its entrance too
        along[reads] = dim
    first = next((name for name, tensor in own.items() if tensor.ndim == 4), None)  # the first convolution
    taken = 0
    for name, tensor in own.items():
        given = weights.tensors.get(name)  # None: the source has no such tensor
        if quiet_head and name.rpartition(".")[0] == last:
            nn.init.normal_(tensor, std=_QUIET if tensor.ndim > 1 else 0.0)  # not 0: a ReLU may follow, as in NiN
        if given is None:
            if tensor.is_floating_point():  # not batch-norm's counter of batches
                loading.new[name] = "missing in the source"
        # other classes: rows go by name, even if the shapes agree
        elif name in along and outputs and weights.outputs and tuple(outputs) != weights.outputs:
            taken += _take_rows(loading, name, tensor, given, along[name], weights.outputs)
        elif given.shape == tensor.shape:
            tensor.copy_(given)
            taken += tensor.numel()
            loading.loaded.append(name)
            if name in along and outputs and weights.outputs:
                loading.reused = list(outputs)  # all in the same order: whole tensors could be copied
        elif name == first and _is_for_other_channels(tensor, given):  # only the first: behind it channels are features
            loading.changed[name] = _adapt_channels(tensor, given)
            taken += tensor.numel()
        else:
            loading.new[name] = f"{_shape(given)} there, {_shape(tensor)} here"  # the shapes differ
    loading.unused = [name for name in weights.tensors if name not in own]
    # of numbers, unlike the tensors in summary()
    loading.share = taken / sum(tensor.numel() for tensor in own.values())
    parameters = dict(net.named_parameters())
    # new layers inside the body learn at the full rate too
    loading.head = [name for name in parameters if name in loading.new or name.rpartition(".")[0] == last]
    _refuse_misfit(loading, [name for name in own if name not in along], weights)
    return loading


def last_layer(net: nn.Module) -> str:
    """Return the name of the last layer that has parameters of its own."""
    # in order of registration, by convention that of forward
    names = [name for name, layer in net.named_modules() if next(layer.parameters(recurse=False), None) is not None]
    return names[-1] if names else ""


def adapt_statistics(values: Sequence[float], channels: int) -> list[float]:
    """Return means or standard deviations for another number of channels: their average for each."""
    # a grey statistic is the mean over the colours, and the other way round
    return list(values) if len(values) == channels else [sum(values) / len(values)] * channels


def _take_rows(loading: Loading, name: str, tensor: Tensor, given: Tensor, dim: int, outputs: tuple[str, ...]) -> int:
    """Copy the rows of the classes that both have; return how many numbers were copied."""
    theirs, ours = given.movedim(dim, 0), tensor.movedim(dim, 0)  # (their classes, …), (our classes, …): views
    # the names must count the rows, or they say nothing
    if theirs.shape[1:] != ours.shape[1:] or len(theirs) != len(outputs) or len(ours) != len(loading.outputs):
        loading.new[name] = f"{_shape(given)} there, {_shape(tensor)} here"
        return 0
    place = {output: i for i, output in enumerate(outputs)}  # class name: row in the source
    common = [(i, place[output]) for i, output in enumerate(loading.outputs) if output in place]
    if not common:
        loading.new[name] = "the source has none of these classes"
        return 0
    here, there = (torch.tensor(index) for index in zip(*common, strict=True))
    ours[here] = theirs[there].to(ours.dtype)  # through the view into the network
    loading.reused = [loading.outputs[i] for i, _ in common]
    if len(common) < len(loading.outputs):
        loading.new[name] = f"the classes differ; {len(common)} of {len(loading.outputs)} are reused"
    else:
        loading.changed[name] = "rows reused by class name"
    return len(common) * ours[0].numel()  # numbers, not rows


def _is_for_other_channels(tensor: Tensor, given: Tensor) -> bool:
    return (
        given.ndim == 4
        and given.shape[0] == tensor.shape[0]
        and given.shape[2:] == tensor.shape[2:]
        and 1 in (given.shape[1], tensor.shape[1])  # grey to colour or back; 3 to 4 channels has no natural answer
    )


def _adapt_channels(tensor: Tensor, given: Tensor) -> str:
    """Sum the kernels over the channels for a grey image, or share the kernel of one channel among several."""
    theirs, ours = given.shape[1], tensor.shape[1]
    if ours == 1:
        tensor.copy_(given.sum(1, keepdim=True))  # (out, theirs, h, w) -> (out, 1, h, w); a grey image is equal in all
        return f"kernels for {theirs} channels added up for the one here"
    tensor.copy_((given / ours).expand_as(tensor))  # (out, 1, h, w) -> (out, ours, h, w); the sum over channels stays
    return f"the kernel of one channel shared among {ours}"


def _refuse_misfit(loading: Loading, body: list[str], weights: Weights) -> None:
    missing = [name for name in body if name in loading.new]
    if 2 * len(missing) < len(body):  # by tensors, not numbers: one large layer must not decide
        return
    if not missing:  # the last layer is all there is
        if loading.share:
            return
        missing = list(loading.new)
    differences = "; ".join(f"{name}: {loading.new[name]}" for name in missing[:3])
    more = f"; and {len(missing) - 3} more" if len(missing) > 3 else ""
    theirs = f" (it has {_some(list(weights.tensors))})" if loading.share == 0 else ""
    raise UsageError(f"{weights.source} does not fit this network: {differences}{more}{theirs}")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    )

"""A user's own network, tried on one sample before anything is trained: what does not fit is one line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fathom.errors import UsageError
from fathom.training.device import try_forward
from fathom.training.set_up import check_forward

if TYPE_CHECKING:
    from fathom.data.module import LabelledData


def try_network(net: nn.Module, shape: Sequence[int], data: LabelledData, num_outputs: int | None) -> int:
    """Pass a sample of zeros through a network; that also gives lazy layers their shapes.

    Args:
        shape: of the sample as the network sees it.
        num_outputs: what the data need; None where the network says.
    Returns: how many outputs it gives
    Raises:  UsageError if it cannot be called with one input, gives no tensor or another number of outputs
    """
    kind, name = type(net).__name__, Path(data.name).name
    check_forward(net, "wrap it in a module whose forward takes the inputs alone")
    first = next(itertools.chain(net.parameters(), net.buffers()), None)
    # where the network is, and of its precision; an uninitialised parameter has both too
    sample = torch.zeros(2, *shape, device=None if first is None else first.device)  # two: batch-norm may want several
    if data.input_dtype is not None:
        sample = sample.to(data.input_dtype)
    try:
        output = try_forward(net, sample)  # in evaluation mode: neither dropout nor batch-norm changes
    except UsageError:  # which says already what is wrong
        raise
    except Exception as error:
        size = " × ".join(map(str, shape))
        raise UsageError(
            f"{kind} cannot read a sample of {size} numbers, as {name} has them ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no message'})"
        ) from error
    if not isinstance(output, Tensor):
        names = f" of {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
        raise UsageError(
            f"{kind} returned a {type(output).__name__}{names}, not a tensor; wrap it so that it returns the logits"
        )
    found = output.shape[1] if output.ndim > 1 else 1  # (N,) counts as one output
    if num_outputs is not None and found != num_outputs:
        what = "classes" if data.task == "classification" else "targets"
        raise UsageError(
            f"{kind} gives {found} outputs a sample, and {name} has {num_outputs} {what}; change its last layer"
        )
    if data.task == "regression" and output.ndim < 2:
        raise UsageError(f"{kind} gives a number a sample, of shape (N,); return a column, (N, 1)")
    return found  # (N, K): K

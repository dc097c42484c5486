"""What networks return, brought to the form that a loss takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError

IN_NO_PART = -1.0
"""In place of the part of a table that a row is in: none, so that all members of an ensemble answer for it."""


def widened(output: Tensor) -> Tensor:
    """Under autocast an output is half precision; a loss and a softmax want their sums in float32.

    Raises:  FathomError for a network that returns no tensor
    """
    if not isinstance(output, Tensor):
        names = f" of {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
        raise FathomError(
            f"the network returned a {type(output).__name__}{names}, not a tensor: "
            "override forward in a subclass, or wrap the network, to return the one that the loss takes"
        )
    return output.float() if output.dtype in (torch.float16, torch.bfloat16) else output


def by_member(net: Any, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return answers and targets as the loss takes them: of an ensemble, each member's answer as a sample's of its own.

    Shape:   prediction (N, M, C), target (N, …) -> (N · M, C), (N · M, …); of other networks as they are
    """
    if not (members := getattr(net, "members", 0)) or prediction.ndim < 3:
        return prediction, target
    return prediction.flatten(0, 1), target.repeat_interleave(members, 0)

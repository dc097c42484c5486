"""Tensors that are cut into pieces, one a process."""

from __future__ import annotations

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def spread(like: Tensor, whole: Tensor) -> Tensor:
    """Return a tensor as ``like`` is laid out: cut into pieces, if that is."""
    if not isinstance(like, DTensor) or isinstance(whole, DTensor):
        return whole
    # each process has the whole already: nothing travels
    return distribute_tensor(whole.to(like.device), like.device_mesh, like.placements, src_data_rank=None)

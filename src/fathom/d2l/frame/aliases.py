"""The book's one name for what each library calls differently: methods of tensors as functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def numpy(x: Tensor, *args: Any, **kwargs: Any) -> np.ndarray:
    """Return a tensor's values as an array, also of one that needs a gradient or lies on an accelerator."""
    return x.detach().cpu().numpy(*args, **kwargs)


def size(x: Tensor) -> int:
    """Number of elements. Equals: Tensor.numel"""
    return x.numel()


def reshape(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.reshape"""
    return x.reshape(*args, **kwargs)


def to(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Equals: Tensor.to, Module.to"""
    return x.to(*args, **kwargs)


def reduce_sum(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.sum"""
    return x.sum(*args, **kwargs)


def reduce_mean(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.mean"""
    return x.mean(*args, **kwargs)


def argmax(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.argmax"""
    return x.argmax(*args, **kwargs)


def astype(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.type"""
    return x.type(*args, **kwargs)


def transpose(x: Tensor) -> Tensor:
    """Transpose a matrix. Equals: Tensor.t"""
    return x.t()


def expand_dims(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.unsqueeze"""
    return x.unsqueeze(*args, **kwargs)


def swapaxes(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.swapaxes"""
    return x.swapaxes(*args, **kwargs)


def repeat(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Equals: Tensor.repeat"""
    return x.repeat(*args, **kwargs)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Equals: torch.meshgrid, with the order of axes that the book means and torch warns of"""
    return torch.meshgrid(*tensors, indexing=indexing)

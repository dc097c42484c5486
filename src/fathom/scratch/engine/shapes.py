"""The same entries in another shape: where memory allows it a view, which shares the memory with its origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.recorded import record
from fathom.scratch.engine.reductions import Reductions
from fathom.scratch.engine.value import as_axes, as_shape, check_broadcast

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor


class Shapes(Reductions):
    """Reshape, permute, stretch."""

    __slots__ = ()

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """Return the entries in the same order under another shape; −1 stands for what fits.

        Shape:   X (n, k) -> (n·k,); any shape with as many entries
        Equals:  torch.reshape
        """
        wanted, old = as_shape(shape), self.shape  # −1 is filled in by NumPy
        try:
            out = self.data.reshape(wanted)
        except ValueError:
            raise ValueError(f"reshape: {self.numel()} entries of shape {old} do not fit shape {wanted}") from None
        # the order of the entries is the same both ways
        edge = Edge(self, lambda G: G.reshape(old), push=lambda T: T.reshape(out.shape))
        return record("reshape", out, edge, view_of=self)

    def view(self, *shape: int | Sequence[int]) -> Tensor:
        """Return ``reshape``, but with an error where it would have to copy.

        Shape:   X (n, k) -> (n·k,); any shape with as many entries
        Equals:  torch.Tensor.view
        Raises:  RuntimeError if the entries do not lie in this order in memory
        """
        out = self.reshape(*shape)
        # NumPy copies in silence where strides do not allow a view
        if out.numel() and not np.shares_memory(out.data, self.data):
            raise RuntimeError(f"view: shape {self.shape} is not in this order in memory; use reshape(), which copies")
        return out

    def flatten(self, start: int = 0) -> Tensor:
        """Join the axes from ``start`` on.

        Shape:   X (N, n, k) -> (N, n·k); for start 1
        Equals:  torch.flatten
        """
        if self.ndim == 0:
            return self.reshape(1)
        (first,) = as_axes("flatten", start, self.ndim)
        return self.reshape(*self.shape[:first], int(np.prod(self.shape[first:])))  # the rest in one: (…, a·b·c)

    def transpose(self, first: int, second: int) -> Tensor:
        """Swap two axes; a view.

        Shape:   X (n, m) -> (m, n)
        Equals:  torch.transpose
        """
        order = list(range(self.ndim))
        (i,), (j,) = as_axes("transpose", first, self.ndim), as_axes("transpose", second, self.ndim)
        # all other axes stay where they are
        order[i], order[j] = j, i  # a permutation that swaps two
        return self.permute(*order)

    def permute(self, *order: int) -> Tensor:
        """Put the axes into another order; a view.

        Shape:   X (n, m, k) -> (k, n, m); for the order 2, 0, 1
        Equals:  torch.permute
        """
        axes = as_axes("permute", tuple(order), self.ndim)  # −1 counts from the end
        if len(axes) != self.ndim:
            raise ValueError(f"permute needs each of the {self.ndim} axes of shape {self.shape} once; got {order}")
        back = tuple(np.argsort(axes))  # the order that undoes it
        edge = Edge(self, lambda G: G.transpose(back), push=lambda T: T.transpose(axes))
        return record("permute", self.data.transpose(axes), edge, view_of=self)

    @property
    def T(self) -> Tensor:
        """All axes in reverse order; of a matrix, its transpose."""
        return self.permute(*reversed(range(self.ndim)))  # (…, b, a)

    def unsqueeze(self, axis: int) -> Tensor:
        """Add an axis of length 1.

        Shape:   X (n, m) -> (n, 1, m); for axis 1
        Equals:  torch.unsqueeze
        """
        (where,) = as_axes("unsqueeze", axis, self.ndim + 1)  # one place more than there are axes
        return self.reshape(*self.shape[:where], 1, *self.shape[where:])  # a view: no entry moves

    def squeeze(self, axis: int) -> Tensor:
        """Take away an axis of length 1; any other stays.

        Shape:   X (n, 1, m) -> (n, m); for axis 1
        Equals:  torch.squeeze
        """
        (where,) = as_axes("squeeze", axis, self.ndim)
        if self.shape[where] != 1:
            return cast("Tensor", self)
        return self.reshape(*self.shape[:where], *self.shape[where + 1 :])

    def broadcast_to(self, *shape: int | Sequence[int]) -> Tensor:
        """Repeat along axes of length 1 and new ones in front, without memory; the gradient is summed back.

        Shape:   X (1, m) -> (N, m); any shape to which that of X stretches
        Equals:  torch.broadcast_to
        """
        wanted = as_shape(shape)
        # equal unless the tensor has axes or lengths that the wanted shape lacks
        if check_broadcast("broadcast_to", self.shape, wanted) != wanted:
            raise ValueError(f"broadcast_to: shape {self.shape} does not stretch to {wanted}")
        out = np.broadcast_to(self.data, wanted)  # strides of 0: read-only
        # The sum over what was repeated is left to the walk back, the stretching to record()
        return record("broadcast_to", out, Edge(self, lambda G: G, push=lambda T: T), view_of=self)

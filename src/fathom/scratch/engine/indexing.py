"""Parts of a tensor, and writes into it in place.

A write gives the tensor another node: what was computed from it before keeps the old one. Rules that saved the old
values find out, since every write counts up the version of the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fathom.scratch.engine.autograd import Edge, Node, both_ways, is_grad_enabled, push_all
from fathom.scratch.engine.moving import Moving, as_entries, zeros_as
from fathom.scratch.engine.recorded import Recorded, record
from fathom.scratch.engine.shapes import Shapes
from fathom.scratch.engine.value import as_index, is_basic

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor


class Indexing(Shapes):
    """x[…], x[…] = …, and the operators that write."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Tensor:
        """Return a part of the tensor: a view for numbers and slices, a copy for lists of places and masks."""
        key, shape = as_index(index, self.shape), self.shape
        try:
            # With an ellipsis a single entry is a view too, and not a NumPy scalar
            out = self.data[(*key, ...) if is_basic(key) and ... not in key else key]
        except IndexError as error:
            raise IndexError(f"index into shape {shape}: {error}") from None

        def scatter(G: np.ndarray) -> np.ndarray:
            whole = zeros_as(G, shape)
            if is_basic(key):
                whole[key] = G  # no place twice: writing is enough
            else:
                np.add.at(whole, key, G)  # a place that was read twice gets both gradients
            return whole

        edge = Edge(self, scatter, push=lambda T: as_entries(T[key]))
        return record("index", as_entries(out), edge, view_of=self if is_basic(key) else None)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write into a part, in place. The gradient of what was there before becomes 0."""
        key, shape = as_index(index, self.shape), self.shape
        other = value if isinstance(value, Recorded) else self._plain(value, dtype=self.dtype)
        old = self._before_write(other, copy=False)
        try:
            self.data[key] = other.data
        except (IndexError, ValueError) as error:
            raise type(error)(f"write of shape {other.shape} into a part of shape {self.shape}: {error}") from None

        def erase(G: np.ndarray) -> np.ndarray:
            rest = G.copy()
            rest[key] = 0  # what was overwritten reaches the result no more
            return rest

        def place(T: np.ndarray) -> np.ndarray:
            whole = zeros_as(T, shape)
            whole[key] = T
            return whole.astype(self.dtype, copy=False)

        self._after_write("write", both_ways(old, erase), Edge(other, lambda G: G[key], push=place))

    def _write(self, result: Tensor, name: str) -> Tensor:
        """Put a result, computed from a copy of this tensor, into its memory."""
        if result.shape != self.shape:
            raise ValueError(f"in place, shape {self.shape} cannot become {result.shape}")
        if self.dtype.kind != "f" and result.dtype.kind == "f":
            raise TypeError(f"in place, {self.dtype} cannot hold the {result.dtype} that {name} gives")
        self.data[...] = result.data  # the memory stays, so views see it
        self._after_write(name, both_ways(result, lambda G: G))
        return cast("Tensor", self)

    def _before_write(self, other: Any, copy: bool = True) -> Tensor:
        """Return what stands in the graph for this tensor as it was, with a copy of the old values where rules need
        them."""
        second = other if isinstance(other, Recorded) else None
        if isinstance(self.data, Moving) or (second is not None and isinstance(second.data, Moving)):
            raise RuntimeError(
                "inside a derivative of a derivative nothing can be written in place; use where() or cat()"
            )
        recorded = is_grad_enabled() and (self._requires_grad or (second is not None and second._requires_grad))
        if recorded and self._requires_grad and self._node is None:
            raise RuntimeError("a leaf that requires a gradient cannot be written to; do it under no_grad()")
        moves = self._tangent is not None or (second is not None and second._tangent is not None)
        if moves and type(self) not in (self._plain, self._dual):
            raise TypeError(f"a Dual cannot be written into a {type(self).__name__}; write into a clone()")
        if (recorded or moves) and self._memory.is_shared():
            raise RuntimeError(
                f"a tensor of shape {self.shape} that shares its memory with a view cannot be written to while "
                f"{'gradients are recorded' if recorded else 'it has a tangent'}; write into a clone(), or "
                "x[i] = x[i] + … for x[i] += …"
            )
        values = self.data.copy() if copy else self.data
        old: Tensor = self._plain(values) if self._tangent is None else self._dual(values, self._tangent)
        old._node, old._requires_grad = self._node, self._requires_grad  # the past of this tensor, under another name
        return old

    def _after_write(self, name: str, *edges: Edge) -> None:
        self._memory.version += 1  # graphs that saved the old values find out
        if any(edge.tangent is not None for edge in edges):
            tangent = push_all(edges, self.shape).astype(self.dtype, copy=False)
            # A constant into which a Dual was written is none any more
            self.__class__ = self._dual
            self._tangent = tangent
        needed = [edge for edge in edges if edge.needed]  # as in record()
        if needed and is_grad_enabled():
            self._node, self._requires_grad = Node(name, self.data, needed, self._memory), True

    def __iadd__(self, other: Any) -> Tensor:
        return self._write(self._before_write(other) + other, "add_")

    def __isub__(self, other: Any) -> Tensor:
        return self._write(self._before_write(other) - other, "sub_")

    def __imul__(self, other: Any) -> Tensor:
        return self._write(self._before_write(other) * other, "mul_")

    def __itruediv__(self, other: Any) -> Tensor:
        return self._write(self._before_write(other) / other, "div_")

    def fill_(self, value: float) -> Tensor:
        """Write one number everywhere, in place.

        Shape:   X (…) -> (…)
        """
        self[...] = value
        return cast("Tensor", self)

    def zero_(self) -> Tensor:
        """Write 0 everywhere, in place.

        Shape:   X (…) -> (…)
        """
        return self.fill_(0)

    def copy_(self, other: Tensor) -> Tensor:
        """Write another tensor's values into this one, in place.

        Shape:   X (…), other (…) -> (…)
        """
        self[...] = other
        return cast("Tensor", self)

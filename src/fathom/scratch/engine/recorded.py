"""What a tensor remembers: how it was computed, for ``backward()``; and its tangent, for forward mode.

Every operation ends in ``record``: one line of value and one ``Edge`` for each operand.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from fathom.scratch.engine.autograd import (
    Edge,
    Memory,
    Node,
    both_ways,
    is_grad_enabled,
    level,
    push_all,
    refuse_inside,
    walk_back,
)
from fathom.scratch.engine.moving import Moving, as_entries, plain
from fathom.scratch.engine.value import Value, as_dtype, check_broadcast, rank

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Dual, Tensor


class Recorded(Value):
    """Numbers with the operation that made them, and with ``grad`` once ``backward()`` has come by.

    Attributes:
        grad: the derivative of what ``backward()`` started from by this tensor
        _tangent: the derivative of this tensor in the direction that forward mode looks; None for constants
        _level: of a Dual, which derivative its tangent belongs to
        _dual: the class of results with a tangent
    """

    __slots__ = ("__weakref__", "_level", "_memory", "_node", "_requires_grad", "_tangent", "grad")
    _dual: ClassVar[type[Dual]]

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None) -> None:
        super().__init__(data, dtype)
        self.grad: Tensor | None = None
        self._tangent: np.ndarray | None = None
        self._node: Node | None = None
        self._memory = Memory()  # shared with views once there are any
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    # What it is -----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.data.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can require gradients; data has dtype {self.data.dtype}")
        if not value and self._node is not None:
            raise RuntimeError("requires_grad of a computed tensor cannot be taken away; use detach()")
        if value and level() and self._tangent is not None and self._node is None:
            # A walk back begins here: its rules compute with the value and the tangent as one number
            moving: Any = Moving(self.data, self._tangent, level())
            self.data, self._tangent, self.__class__ = moving, None, self._plain
        self._requires_grad = value

    def requires_grad_(self, value: bool = True) -> Tensor:
        """Set ``requires_grad`` and return the tensor itself.

        Shape:   X (…) -> (…)
        """
        self.requires_grad = value
        return cast("Tensor", self)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._node is None

    def numpy(self) -> np.ndarray:
        """Return the array itself, in the same memory.

        Shape:   X (…) -> (…)
        Raises:  RuntimeError if a gradient or a tangent would be lost
        """
        if self._tangent is not None:
            raise RuntimeError("numpy() of a Dual would lose its tangent; call detach() first")
        if isinstance(self.data, Moving):
            raise RuntimeError("numpy() inside a derivative further out would lose its tangent; call detach() first")
        if self._requires_grad:
            raise RuntimeError("numpy() of a tensor that requires a gradient would escape it; call detach() first")
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype) if copy else np.asarray(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        body = np.array2string(plain(self.data), separator=", ", prefix="Tensor(")
        made = f", made by {self._node.name}" if self._node else ", requires_grad=True" if self._requires_grad else ""
        kind = "" if self.data.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.data.dtype}"
        return f"Tensor({body}{kind}{made})"

    # Differentiation ------------------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add to the ``grad`` of every leaf the derivative of this tensor by it.

        Args:
            gradient: what the derivative is multiplied by from the left, 1 for a scalar; of this tensor's shape
            retain_graph: keep the saved values, so that backward can run again

        Equals:  torch.Tensor.backward
        Raises:  RuntimeError if nothing was recorded, if values were freed by an earlier call or overwritten since, if
            the tensor is no scalar and no gradient is given, or in forward mode, whose tangents the gradients would
            lose; ValueError if the gradient's shape is not the tensor's
        """
        refuse_inside("backward", reverse_only=True)
        if self._tangent is not None or getattr(gradient, "_tangent", None) is not None:
            raise RuntimeError(
                "backward() of a Dual: the gradients would lose the tangent; inside jvp() use gradient(), or call "
                "detach() first"
            )
        if not self._requires_grad:
            raise RuntimeError("backward() needs a tensor that was computed from one with requires_grad=True")
        if gradient is None:
            if self.data.size != 1:
                raise RuntimeError(
                    f"backward() starts from a scalar, but this tensor has shape {self.shape}; sum it first, or "
                    "give the gradient that flows into it"
                )
            gradient = np.ones_like(self.data)  # dL/dL = 1
        G = gradient.data if isinstance(gradient, Value) else as_entries(gradient)
        if G.shape != self.shape:
            raise ValueError(f"gradient has shape {G.shape}, but the tensor it flows into has shape {self.shape}")
        for node, G_node in walk_back(self._node or self, G.astype(self.dtype, copy=False), retain_graph):
            leaf = node if isinstance(node, Recorded) else node.keeper() if node.keeper else None
            if leaf is not None:
                leaf._add_to_grad(G_node)  # adds up: two calls give the sum, as in torch

    def _add_to_grad(self, G: np.ndarray) -> None:
        if self.grad is None:
            # a copy: G may be the memory of another gradient
            self.grad = settle(G.astype(self.dtype))
        else:
            self.grad.data += G  # in place: whoever holds grad sees it

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in ``grad`` though it is no leaf.

        Equals:  torch.Tensor.retain_grad
        """
        if not self._requires_grad:
            raise RuntimeError("retain_grad() needs a tensor that requires a gradient")
        if self._node is not None:
            self._node.keeper = weakref.ref(self)  # weak: a tensor nobody holds needs no gradient

    def detach(self) -> Tensor:
        """Return the same memory as a constant: no gradient flows back through it, and it has no tangent.

        Shape:   X (…) -> (…)
        Equals:  torch.Tensor.detach
        """
        out: Tensor = self._plain(plain(self.data))
        out._memory = self._memory  # a write into either is seen by graphs that saved the other
        return out

    def clone(self) -> Tensor:
        """Return the same values in new memory; the gradient flows back.

        Shape:   X (…) -> (…)
        Equals:  torch.Tensor.clone
        """
        return record("clone", self.data.copy(), both_ways(self, lambda G: G))

    def astype(self, dtype: Any) -> Tensor:
        """Return the values in another type; the gradient flows back in the old one.

        Shape:   X (…) -> (…)
        Equals:  torch.Tensor.to
        """
        old, new = self.dtype, as_dtype(dtype)
        if new.kind != "f":
            return cast("Tensor", self._plain(self.data.astype(new)))  # whole numbers do not change little by little
        edge = Edge(self, lambda G: G.astype(old), push=lambda T: T.astype(new))
        return record("astype", self.data.astype(new), edge)

    def float(self) -> Tensor:
        """Return the values as float32.

        Shape:   X (…) -> float32 (…)
        """
        return self.astype(np.float32)

    def double(self) -> Tensor:
        """Return the values as float64.

        Shape:   X (…) -> float64 (…)
        """
        return self.astype(np.float64)


def record(name: str, value: np.ndarray, *edges: Edge, view_of: Recorded | None = None) -> Tensor:
    """Make the result of an operation, with the edges to those operands that need a gradient; a Dual if one is among
    the operands.

    Args:
        view_of: the tensor with which the result shares its memory, if it does

    Shape:   value (…) -> (…)
    """
    if isinstance(value, Moving):
        _check_level(name, value, edges)
    out: Tensor = Recorded._plain(value)
    for edge in edges:
        if edge.tangent is not None:
            out = Recorded._dual(value, push_all(edges, value.shape))
            break
    if view_of is not None and np.may_share_memory(value, view_of.data):
        out._memory = view_of._memory
        out._memory.add_view(out)
    if is_grad_enabled():  # tangents have no switch, as in torch
        needed = [edge for edge in edges if edge.needed]
        if needed:
            out._node, out._requires_grad = Node(name, out.data, needed, out._memory), True
    return out


def _check_level(name: str, value: Moving, edges: tuple[Edge, ...]) -> None:
    if value.level > level():
        raise RuntimeError(
            f"{name} of a tensor that was computed inside a derivative that has ended; return it instead"
        )
    if value.level == level() and any(edge.tangent is not None for edge in edges):
        # the saved values of one operand would lack the tangent that the other's have
        raise RuntimeError(f"{name} of a Dual and a tensor that backward() goes through inside jvp(); use gradient()")


def settle(values: Any) -> Tensor:
    """Make the tensor that the innermost derivative sees: a Dual if the numbers move in its direction.

    Shape:   values (…) -> (…)
    Raises:  RuntimeError if they move in that of a derivative that has ended
    """
    if isinstance(values, Moving) and values.level == level():
        return Recorded._dual(values.value, values.tangent)
    if isinstance(values, Moving):
        _check_level("a result", values, ())
    return Recorded._plain(values)


def kept(operand: Recorded, given: Any) -> tuple[Recorded, ...]:
    """Return the operand, unless it was given as a number, which nobody can overwrite."""
    return (operand,) if isinstance(given, Recorded) else ()


def pair(name: str, first: Recorded, other: Any, broadcast: bool = True) -> tuple[Tensor, Tensor]:
    """Bring both operands to tensors of one type, torch's: a number, or a tensor without axes, has no say beside one
    with axes unless its kind is higher (integer beside bool, floating-point beside both).

    Shape:   first (…), other (…) -> (…), (…); the shapes stay as they are
    Raises:  ValueError if the shapes do not stretch to one another's, unless that is not asked for
    """
    second: Any
    if isinstance(other, Recorded):
        second = other
    else:  # a number has its neighbour's type from the start: 0.1 beside float64 keeps all its digits
        is_number = isinstance(other, bool | int | float) and rank(np.asarray(other).dtype) <= rank(first.dtype)
        second = Recorded._plain(other, dtype=first.dtype if is_number else None)
    if broadcast and first.shape != second.shape:
        check_broadcast(name, first.shape, second.shape)
    a, b = first.dtype, second.dtype
    if a == b:
        return cast("Tensor", first), second
    if rank(a) != rank(b):  # a floating-point type wins over integers of any width
        common = a if rank(a) > rank(b) else b
    elif (first.ndim > 0) != (second.ndim > 0):
        common = a if first.ndim > 0 else b
    else:
        common = np.promote_types(a, b)  # float32 and float64: float64; uint8 and int8: int16
    return (
        cast("Tensor", first) if a == common else first.astype(common),
        second if b == common else second.astype(common),
    )

"""A tensor on NumPy that remembers how it was computed, so that ``backward()`` can differentiate it.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = 2 * (x @ x)
    >>> y.backward()
    >>> x.grad
    Tensor([ 4.,  8., 12.])

Names are torch's, ``axis`` and ``keepdims`` NumPy's. Each operation is one line of value and one ``Edge`` for each
operand: the rule of its derivative. At kinks, where there is none, the choice is torch's and stands beside the rule.
First derivatives only: gradients are not recorded themselves.

Source:  notes N1 §1.1, N2
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge, Memory, Node, is_grad_enabled, walk_back
from fathom.scratch.engine.value import (
    Axis,
    Value,
    as_axes,
    as_dtype,
    as_index,
    as_shape,
    check_broadcast,
    is_basic,
    rank,
)

Number = float  # inside the class, float is a method


class Tensor(Value):
    """Numbers in an array (``data``), and, once asked for by ``backward()``, the derivative by them (``grad``).

    Args:
        data: a number, nested lists, or an array. Python floats become float32, as in torch; an array keeps its type
            and its memory.
        requires_grad: record what is computed from this tensor, so that ``backward()`` fills its ``grad``
        dtype: a NumPy type to convert to

    Equals:  torch.tensor, but an array is not copied (torch.from_numpy)
    Raises:  TypeError if the data are not numbers, or need a gradient and are not floating-point
    """

    __slots__ = ("__weakref__", "_memory", "_node", "_requires_grad", "grad")

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None) -> None:
        super().__init__(data, dtype)
        self.grad: Tensor | None = None
        self._node: Node | None = None
        self._memory = Memory()
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
        self._requires_grad = value

    def requires_grad_(self, value: bool = True) -> Tensor:
        """Set ``requires_grad``, and give back the tensor itself."""
        self.requires_grad = value
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._node is None

    def numpy(self) -> np.ndarray:
        """The array itself, in the same memory."""
        if self._requires_grad:
            raise RuntimeError("numpy() of a tensor that requires a gradient would escape it; call detach() first")
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype) if copy else np.asarray(self.numpy(), dtype=dtype)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="Tensor(")
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
        Raises:  RuntimeError if nothing was recorded, if values were freed by an earlier call or overwritten since, or
            if the tensor is no scalar and no gradient is given; ValueError if the gradient's shape is not the tensor's
        """
        if not self._requires_grad:
            raise RuntimeError("backward() needs a tensor that was computed from one with requires_grad=True")
        if gradient is None:
            if self.data.size != 1:
                raise RuntimeError(
                    f"backward() starts from a scalar, but this tensor has shape {self.shape}; sum it first, or "
                    "give the gradient that flows into it"
                )
            gradient = np.ones_like(self.data)
        G = gradient.data if isinstance(gradient, Tensor) else np.asarray(gradient)
        if G.shape != self.shape:
            raise ValueError(f"gradient has shape {G.shape}, but the tensor it flows into has shape {self.shape}")
        for node, G_node in walk_back(self._node or self, G.astype(self.dtype, copy=False), retain_graph):
            leaf = node if isinstance(node, Tensor) else node.keeper() if node.keeper else None
            if leaf is not None:
                leaf._add_to_grad(G_node)

    def _add_to_grad(self, G: np.ndarray) -> None:
        if self.grad is None:
            self.grad = Tensor(np.array(G, dtype=self.dtype))  # a copy: G may be the memory of another gradient
        else:
            self.grad.data += G

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in ``grad`` though it is no leaf.

        Equals:  torch.Tensor.retain_grad
        """
        if not self._requires_grad:
            raise RuntimeError("retain_grad() needs a tensor that requires a gradient")
        if self._node is not None:
            self._node.keeper = weakref.ref(self)

    def detach(self) -> Tensor:
        """The same memory, outside the graph: no gradient flows back through it.

        Equals:  torch.Tensor.detach
        """
        out = Tensor(self.data)
        out._memory = self._memory
        return out

    def clone(self) -> Tensor:
        """The same values in new memory; the gradient flows back.

        Equals:  torch.Tensor.clone
        """
        return record("clone", self.data.copy(), Edge(self, lambda G: G))

    def astype(self, dtype: Any) -> Tensor:
        """The values in another type; the gradient flows back in the old one.

        Equals:  torch.Tensor.to
        """
        old = self.dtype
        return record("astype", self.data.astype(as_dtype(dtype)), Edge(self, lambda G: G.astype(old)))

    def float(self) -> Tensor:
        return self.astype(np.float32)

    def double(self) -> Tensor:
        return self.astype(np.float64)

    # Arithmetic -----------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        a, b = pair("add", self, other)
        return record("add", a.data + b.data, Edge(a, lambda G: G), Edge(b, lambda G: G))

    def __sub__(self, other: Any) -> Tensor:
        a, b = pair("sub", self, other)
        return record("sub", a.data - b.data, Edge(a, lambda G: G), Edge(b, lambda G: -G))

    def __mul__(self, other: Any) -> Tensor:
        a, b = pair("mul", self, other)
        A, B = a.data, b.data
        return record("mul", A * B, Edge(a, lambda G: G * B, *kept(b, other)), Edge(b, lambda G: G * A, a))

    def __truediv__(self, other: Any) -> Tensor:
        a, b = pair("div", self, other)
        if a.data.dtype.kind != "f":
            a, b = a.float(), b.float()
        A, B = a.data, b.data
        return record(
            "div", A / B, Edge(a, lambda G: G / B, *kept(b, other)), Edge(b, lambda G: -G * A / (B * B), a, b)
        )

    def __pow__(self, other: Any) -> Tensor:
        a, b = pair("pow", self, other)
        A, B = a.data, b.data
        Y = np.power(A, B)

        def by_base(G: np.ndarray) -> np.ndarray:
            # B = 0: a constant, though B·A^(B-1) would be 0·∞ at A = 0
            return G * np.where(B == 0, 0, B * np.power(A, np.where(B == 0, 1, B - 1)))

        def by_exponent(G: np.ndarray) -> np.ndarray:
            # A = 0: 0 for every B >= 0
            return G * np.where((A == 0) & (B >= 0), 0, Y * np.log(np.where(A == 0, 1, A)))

        return record("pow", Y, Edge(a, by_base, a, b), Edge(b, by_exponent, a, b, saves_result=True))

    def __neg__(self) -> Tensor:
        return record("neg", -self.data, Edge(self, lambda G: -G))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Tensor:
        return pair("sub", self, other)[1] - self

    def __rtruediv__(self, other: Any) -> Tensor:
        return pair("div", self, other)[1] / self

    def __rpow__(self, other: Any) -> Tensor:
        return pair("pow", self, other)[1] ** self

    def __matmul__(self, other: Any) -> Tensor:
        """Matrix product over the last axes; earlier ones broadcast. A vector counts as a row on the left, a column on
        the right.

        Shape:   (…, n, k) @ (…, k, m) -> (…, n, m)
        Equals:  torch.matmul
        """
        a, b = pair("matmul", self, other, broadcast=False)
        row, column = a.data, b.data
        if row.ndim == 0 or column.ndim == 0:
            raise ValueError(f"matmul needs at least one axis on each side; got shapes {a.shape} and {b.shape}")
        A = row[np.newaxis] if row.ndim == 1 else row
        B = column[:, np.newaxis] if column.ndim == 1 else column
        if A.shape[-1] != B.shape[-2]:
            raise ValueError(
                f"matmul of shapes {a.shape} and {b.shape}: the last axis of the left, {A.shape[-1]}, must equal "
                f"the {'only' if column.ndim == 1 else 'second to last'} axis of the right, {B.shape[-2]}"
            )
        Y = A @ B
        full = Y.shape
        out = Y.reshape(full[:-2] + ((full[-2],) if row.ndim > 1 else ()) + ((full[-1],) if column.ndim > 1 else ()))

        def by_left(G: np.ndarray) -> np.ndarray:
            part = G.reshape(full) @ B.swapaxes(-1, -2)
            return part[..., 0, :] if row.ndim == 1 else part

        def by_right(G: np.ndarray) -> np.ndarray:
            part = A.swapaxes(-1, -2) @ G.reshape(full)
            return part[..., 0] if column.ndim == 1 else part

        return record("matmul", out, Edge(a, by_left, b), Edge(b, by_right, a))

    def __rmatmul__(self, other: Any) -> Tensor:
        return pair("matmul", self, other, broadcast=False)[1] @ self

    # Functions of each entry ----------------------------------------------------------------------------------------

    def exp(self) -> Tensor:
        Y = np.exp(self.data)
        return record("exp", Y, Edge(self, lambda G: G * Y, saves_result=True))

    def log(self) -> Tensor:
        X = self.data
        return record("log", np.log(X), Edge(self, lambda G: G / X, self))

    def sqrt(self) -> Tensor:
        Y = np.sqrt(self.data)
        return record("sqrt", Y, Edge(self, lambda G: G / (2 * Y), saves_result=True))

    def square(self) -> Tensor:
        X = self.data
        return record("square", X * X, Edge(self, lambda G: 2 * G * X, self))

    def sin(self) -> Tensor:
        X = self.data
        return record("sin", np.sin(X), Edge(self, lambda G: G * np.cos(X), self))

    def cos(self) -> Tensor:
        X = self.data
        return record("cos", np.cos(X), Edge(self, lambda G: -G * np.sin(X), self))

    def tanh(self) -> Tensor:
        Y = np.tanh(self.data)
        return record("tanh", Y, Edge(self, lambda G: G * (1 - Y * Y), saves_result=True))

    def sigmoid(self) -> Tensor:
        """1/(1 + e^−x), by e^−|x| so that nothing overflows."""
        small = np.exp(-np.abs(self.data))
        Y = np.where(self.data >= 0, 1, small) / (1 + small)
        return record("sigmoid", Y, Edge(self, lambda G: G * Y * (1 - Y), saves_result=True))

    def relu(self) -> Tensor:
        """max(x, 0). Kink: the derivative at 0 is taken as 0."""
        Y = np.maximum(self.data, 0)
        return record("relu", Y, Edge(self, lambda G: G * (Y > 0), saves_result=True))

    def abs(self) -> Tensor:
        """|x|. Kink: the derivative at 0 is taken as 0, from the middle of [−1, 1]."""
        X = self.data
        return record("abs", np.abs(X), Edge(self, lambda G: G * np.sign(X), self))

    def clip(self, low: Number | None = None, high: Number | None = None) -> Tensor:
        """Bring into [low, high]. Kinks: the derivative on both bounds is taken as 0, as of relu, which is clip(low=0).

        Equals:  torch.clamp
        """
        X = self.data
        if low is None and high is None:
            raise ValueError("clip needs low, high or both")
        Y = np.clip(X, low, high).astype(X.dtype, copy=False)
        inside = (X == Y) & (low != X) & (high != X)
        return record("clip", Y, Edge(self, lambda G: G * inside, self))

    def maximum(self, other: Any) -> Tensor:
        """The larger of each pair. Kink: of two equal ones each gets half of the gradient.

        Equals:  torch.maximum
        """
        a, b = pair("maximum", self, other)
        share = ((a.data > b.data) + 0.5 * (a.data == b.data)).astype(a.dtype)  # integers get no gradient
        by_a, by_b = Edge(a, lambda G: G * share, a, b), Edge(b, lambda G: G * (1 - share), a, b)
        return record("maximum", np.maximum(a.data, b.data), by_a, by_b)

    def minimum(self, other: Any) -> Tensor:
        """The smaller of each pair. Kink: of two equal ones each gets half of the gradient."""
        a, b = pair("minimum", self, other)
        return -((-a).maximum(-b))

    # Sums and what is like them -------------------------------------------------------------------------------------

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over all entries, or along axes; ``keepdims`` leaves an axis of length 1 where one was summed."""
        axes, shape = as_axes("sum", axis, self.ndim), self.shape
        kept = tuple(1 if i in axes else size for i, size in enumerate(shape))
        return record(
            "sum",
            np.asarray(self.data.sum(axis=axes, keepdims=keepdims)),
            Edge(self, lambda G: np.broadcast_to(G.reshape(kept), shape)),
        )

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over the number of entries that were summed."""
        if self.dtype.kind != "f":
            raise TypeError(f"mean needs floating-point entries, not {self.dtype}; call float() first")
        count = int(np.prod([self.shape[i] for i in as_axes("mean", axis, self.ndim)]))
        if count == 0:
            raise ValueError(f"mean over no entries: the tensor has shape {self.shape}")
        return self.sum(axis, keepdims) / count

    def var(self, axis: Axis = None, keepdims: bool = False, correction: int = 1) -> Tensor:
        """Mean squared distance from the mean; the divisor is n − ``correction``, so n − 1 unless told otherwise.

        Equals:  torch.var
        """
        axes = as_axes("var", axis, self.ndim)
        count = int(np.prod([self.shape[i] for i in axes]))
        if count <= correction:
            raise ValueError(f"var with correction {correction} needs more than {correction} entries, not {count}")
        return (self - self.mean(axes, keepdims=True)).square().sum(axes, keepdims) / (count - correction)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest entry. Kink: equal largest ones share the gradient evenly.

        Equals:  torch.amax (torch.max along an axis gives the gradient to one of them)
        """
        axes, X = as_axes("max", axis, self.ndim), self.data
        if any(self.shape[i] == 0 for i in axes):
            raise ValueError(f"max over no entries: the tensor has shape {self.shape}")
        Y = X.max(axis=axes, keepdims=True)
        chosen = X == Y
        share = chosen / chosen.sum(axis=axes, keepdims=True, dtype=X.dtype if X.dtype.kind == "f" else None)
        out = Y if keepdims else np.asarray(np.squeeze(Y, axes))
        return record("max", out, Edge(self, lambda G: G.reshape(Y.shape) * share, self))

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The smallest entry. Kink: equal smallest ones share the gradient evenly."""
        return -((-self).max(axis, keepdims))

    def cumsum(self, axis: int) -> Tensor:
        """Sums of the entries so far along an axis; its gradient is the same from behind."""
        (where,) = as_axes("cumsum", axis, self.ndim)
        return record(
            "cumsum",
            np.cumsum(self.data, axis=where),
            Edge(self, lambda G: np.flip(np.cumsum(np.flip(G, where), axis=where), where)),
        )

    def norm(self, p: Number = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """(Σ|x|^p)^(1/p), the largest |x| for p = ∞. Kink: the derivative at 0 is taken as 0.

        Equals:  torch.linalg.vector_norm
        """
        if p == np.inf:
            return self.abs().max(axis, keepdims)
        if not p >= 1:
            raise ValueError(f"norm: p must be at least 1, not {p}")
        if p == 1:
            return self.abs().sum(axis, keepdims)
        axes, X = as_axes("norm", axis, self.ndim), self.data
        Y = (np.abs(X) ** p).sum(axis=axes, keepdims=True) ** (1 / p)
        safe = np.where(Y == 0, 1, Y)
        out = Y.copy() if keepdims else np.asarray(np.squeeze(Y.copy(), axes))

        def rule(G: np.ndarray) -> np.ndarray:
            return G.reshape(Y.shape) * np.sign(X) * (np.abs(X) / safe) ** (p - 1)

        return record("norm", out, Edge(self, rule, self))

    # Shape ----------------------------------------------------------------------------------------------------------

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """The entries in the same order under another shape; −1 stands for what fits. A view where memory allows it."""
        wanted, old = as_shape(shape), self.shape
        try:
            out = self.data.reshape(wanted)
        except ValueError:
            raise ValueError(f"reshape: {self.numel()} entries of shape {old} do not fit shape {wanted}") from None
        return record("reshape", out, Edge(self, lambda G: G.reshape(old)), view_of=self)

    def view(self, *shape: int | Sequence[int]) -> Tensor:
        """``reshape``, but an error where it would have to copy.

        Equals:  torch.Tensor.view
        """
        out = self.reshape(*shape)
        if out.numel() and not np.shares_memory(out.data, self.data):
            raise RuntimeError(f"view: shape {self.shape} is not in this order in memory; use reshape(), which copies")
        return out

    def flatten(self, start: int = 0) -> Tensor:
        """Join the axes from ``start`` on."""
        if self.ndim == 0:
            return self.reshape(1)
        (first,) = as_axes("flatten", start, self.ndim)
        return self.reshape(*self.shape[:first], int(np.prod(self.shape[first:])))

    def transpose(self, first: int, second: int) -> Tensor:
        """Swap two axes; a view."""
        order = list(range(self.ndim))
        (i,), (j,) = as_axes("transpose", first, self.ndim), as_axes("transpose", second, self.ndim)
        order[i], order[j] = j, i
        return self.permute(*order)

    def permute(self, *order: int) -> Tensor:
        """Put the axes into another order; a view."""
        axes = as_axes("permute", tuple(order), self.ndim)
        if len(axes) != self.ndim:
            raise ValueError(f"permute needs each of the {self.ndim} axes of shape {self.shape} once; got {order}")
        back = tuple(np.argsort(axes))
        return record("permute", self.data.transpose(axes), Edge(self, lambda G: G.transpose(back)), view_of=self)

    @property
    def T(self) -> Tensor:
        """All axes in reverse order; of a matrix, its transpose."""
        return self.permute(*reversed(range(self.ndim)))

    def unsqueeze(self, axis: int) -> Tensor:
        """Add an axis of length 1."""
        (where,) = as_axes("unsqueeze", axis, self.ndim + 1)
        return self.reshape(*self.shape[:where], 1, *self.shape[where:])

    def squeeze(self, axis: int) -> Tensor:
        """Take away an axis of length 1; any other stays."""
        (where,) = as_axes("squeeze", axis, self.ndim)
        return self if self.shape[where] != 1 else self.reshape(*self.shape[:where], *self.shape[where + 1 :])

    def broadcast_to(self, *shape: int | Sequence[int]) -> Tensor:
        """Repeat along axes of length 1 and new ones in front, without memory; the gradient is summed back.

        Equals:  torch.broadcast_to
        """
        wanted = as_shape(shape)
        if check_broadcast("broadcast_to", self.shape, wanted) != wanted:
            raise ValueError(f"broadcast_to: shape {self.shape} does not stretch to {wanted}")
        out = np.broadcast_to(self.data, wanted)
        return record("broadcast_to", out, Edge(self, lambda G: G), view_of=self)

    # Parts and writes -----------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        """A part of the tensor: a view for numbers and slices, a copy for lists of places and masks."""
        key, shape = as_index(index, self.shape), self.shape
        try:
            # With an ellipsis a single entry is a view too, and not a NumPy scalar
            out = self.data[(*key, ...) if is_basic(key) and ... not in key else key]
        except IndexError as error:
            raise IndexError(f"index into shape {shape}: {error}") from None

        def scatter(G: np.ndarray) -> np.ndarray:
            whole = np.zeros(shape, G.dtype)
            if is_basic(key):
                whole[key] = G
            else:
                np.add.at(whole, key, G)  # a place that was read twice gets both gradients
            return whole

        return record("index", np.asarray(out), Edge(self, scatter), view_of=self if is_basic(key) else None)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write into a part, in place. The gradient of what was there before becomes 0."""
        key = as_index(index, self.shape)
        other = value if isinstance(value, Tensor) else Tensor(value, dtype=self.dtype)
        old = self._before_write(other, copy=False)
        try:
            self.data[key] = other.data
        except (IndexError, ValueError) as error:
            raise type(error)(f"write of shape {other.shape} into a part of shape {self.shape}: {error}") from None

        def erase(G: np.ndarray) -> np.ndarray:
            rest = G.copy()
            rest[key] = 0
            return rest

        self._after_write("write", Edge(old, erase), Edge(other, lambda G: G[key]))

    def _write(self, result: Tensor, name: str) -> Tensor:
        """Put a result, computed from a copy of this tensor, into its memory."""
        if result.shape != self.shape:
            raise ValueError(f"in place, shape {self.shape} cannot become {result.shape}")
        if self.dtype.kind != "f" and result.dtype.kind == "f":
            raise TypeError(f"in place, {self.dtype} cannot hold the {result.dtype} that {name} gives")
        self.data[...] = result.data
        self._after_write(name, Edge(result, lambda G: G))
        return self

    def _before_write(self, other: Any, copy: bool = True) -> Tensor:
        """What stands in the graph for this tensor as it was, with a copy of the old values where rules need them."""
        if is_grad_enabled() and (self._requires_grad or (isinstance(other, Tensor) and other._requires_grad)):
            if self._requires_grad and self._node is None:
                raise RuntimeError("a leaf that requires a gradient cannot be written to; do it under no_grad()")
            if self._memory.is_shared():
                raise RuntimeError(
                    f"a tensor of shape {self.shape} that shares its memory with a view cannot be written to while "
                    "gradients are recorded; write into a clone(), or x[i] = x[i] + … for x[i] += …"
                )
        old = Tensor(self.data.copy() if copy else self.data)
        old._node, old._requires_grad = self._node, self._requires_grad
        return old

    def _after_write(self, name: str, *edges: Edge) -> None:
        self._memory.version += 1
        needed = [edge for edge in edges if edge.needed]
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

    def fill_(self, value: Number) -> Tensor:
        """Write one number everywhere, in place."""
        self[...] = value
        return self

    def zero_(self) -> Tensor:
        """Write 0 everywhere, in place."""
        return self.fill_(0)

    def copy_(self, other: Tensor) -> Tensor:
        """Write another tensor's values into this one, in place."""
        self[...] = other
        return self


def record(name: str, value: np.ndarray, *edges: Edge, view_of: Tensor | None = None) -> Tensor:
    """Make the result of an operation, with the edges to those operands that need a gradient.

    Args:
        view_of: the tensor with which the result shares its memory, if it does
    """
    out = Tensor(value)
    if view_of is not None and np.may_share_memory(value, view_of.data):
        out._memory = view_of._memory
        out._memory.add_view(out)
    if is_grad_enabled():
        needed = [edge for edge in edges if edge.needed]
        if needed:
            out._node, out._requires_grad = Node(name, out.data, needed, out._memory), True
    return out


def kept(operand: Tensor, given: Any) -> tuple[Tensor, ...]:
    """The operand, unless it was given as a number, which nobody can overwrite."""
    return (operand,) if isinstance(given, Tensor) else ()


def pair(name: str, first: Tensor, other: Any, broadcast: bool = True) -> tuple[Tensor, Tensor]:
    """Bring both operands to tensors of one type, torch's: a number, or a tensor without axes, has no say beside one
    with axes unless its kind is higher (integer beside bool, floating-point beside both)."""
    if isinstance(other, Tensor):
        second = other
    else:  # a number has its neighbour's type from the start: 0.1 beside float64 keeps all its digits
        is_number = isinstance(other, bool | int | float) and rank(np.asarray(other).dtype) <= rank(first.dtype)
        second = Tensor(other, dtype=first.dtype if is_number else None)
    if broadcast and first.shape != second.shape:
        check_broadcast(name, first.shape, second.shape)
    a, b = first.dtype, second.dtype
    if a == b:
        return first, second
    if rank(a) != rank(b):
        common = a if rank(a) > rank(b) else b
    elif (first.ndim > 0) != (second.ndim > 0):
        common = a if first.ndim > 0 else b
    else:
        common = np.promote_types(a, b)
    return first if a == common else first.astype(common), second if b == common else second.astype(common)

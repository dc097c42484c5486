"""Forward accumulation: every value carries its derivative along, from the inputs to the result.

A ``Dual`` is a value and a tangent, the derivative of the value in one direction. It has the operators and methods of
``Tensor``, so a function written with them takes either. One pass gives the derivative in one direction, so the
gradient by n inputs costs n passes, where reverse accumulation needs one; in return nothing has to be kept.

Source:  notes N1 §1.1.5; Baydin et al. 2018, arXiv:1502.05767, §3.1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.engine.value import Axis, Value, as_array, as_index

Function = Callable[..., Any]


class Dual(Value):
    """A value v and its tangent v': v + v'ε with ε² = 0.

    Kinks are decided as in ``Tensor``.

    Args:
        data: the value, a number, an array or a tensor
        tangent: of the same shape; zeros for a constant
    """

    __slots__ = ("tangent",)

    def __init__(self, data: Any, tangent: Any = None) -> None:
        super().__init__(data)
        self.tangent: np.ndarray = np.zeros_like(self.data) if tangent is None else as_array(tangent)
        if self.tangent.shape != self.data.shape:
            raise ValueError(
                f"Dual: tangent has shape {self.tangent.shape}, expected that of the value, {self.data.shape}"
            )

    def __repr__(self) -> str:
        return f"Dual({self.data}, tangent={self.tangent})"

    def constant(self, other: Any) -> Dual:
        """The other operand: a number takes this one's type, as beside a Tensor."""
        if isinstance(other, bool | int | float) and self.data.dtype.kind == "f":
            return Dual(np.asarray(other, self.data.dtype))
        return other if isinstance(other, Dual) else Dual(other)

    def detach(self) -> Dual:
        """The value as a constant."""
        return Dual(self.data)

    # Arithmetic -----------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Dual:
        b = self.constant(other)
        value = self.data + b.data
        return Dual(value, np.broadcast_to(self.tangent + b.tangent, value.shape))

    def __sub__(self, other: Any) -> Dual:
        return self + (-self.constant(other))

    def __mul__(self, other: Any) -> Dual:
        b = self.constant(other)
        return Dual(self.data * b.data, self.tangent * b.data + self.data * b.tangent)

    def __truediv__(self, other: Any) -> Dual:
        b = self.constant(other)
        return Dual(self.data / b.data, (self.tangent - self.data / b.data * b.tangent) / b.data)

    def __pow__(self, other: Any) -> Dual:
        b = self.constant(other)
        value = self.data**b.data
        # As in Tensor: a constant for exponent 0, and 0^b does not change with b >= 0
        by_base = np.where(b.data == 0, 0, b.data * self.data ** np.where(b.data == 0, 1, b.data - 1))
        tangent = self.tangent * by_base
        if np.any(b.tangent):
            log = np.log(np.where(self.data == 0, 1, self.data))
            tangent = tangent + b.tangent * np.where((self.data == 0) & (b.data >= 0), 0, value * log)
        return Dual(value, tangent)

    def __neg__(self) -> Dual:
        return Dual(-self.data, -self.tangent)

    def __radd__(self, other: Any) -> Dual:
        return self + other

    def __rsub__(self, other: Any) -> Dual:
        return self.constant(other) - self

    def __rmul__(self, other: Any) -> Dual:
        return self * other

    def __rtruediv__(self, other: Any) -> Dual:
        return self.constant(other) / self

    def __rpow__(self, other: Any) -> Dual:
        return self.constant(other) ** self

    def __matmul__(self, other: Any) -> Dual:
        b = self.constant(other)
        return Dual(self.data @ b.data, self.tangent @ b.data + self.data @ b.tangent)

    def __rmatmul__(self, other: Any) -> Dual:
        return self.constant(other) @ self

    # Functions of each entry ----------------------------------------------------------------------------------------

    def exp(self) -> Dual:
        value = np.exp(self.data)
        return Dual(value, self.tangent * value)

    def log(self) -> Dual:
        return Dual(np.log(self.data), self.tangent / self.data)

    def sqrt(self) -> Dual:
        value = np.sqrt(self.data)
        return Dual(value, self.tangent / (2 * value))

    def square(self) -> Dual:
        return self * self

    def sin(self) -> Dual:
        return Dual(np.sin(self.data), self.tangent * np.cos(self.data))

    def cos(self) -> Dual:
        return Dual(np.cos(self.data), -self.tangent * np.sin(self.data))

    def tanh(self) -> Dual:
        value = np.tanh(self.data)
        return Dual(value, self.tangent * (1 - value * value))

    def sigmoid(self) -> Dual:
        value = Tensor(self.data).sigmoid().data
        return Dual(value, self.tangent * value * (1 - value))

    def relu(self) -> Dual:
        return Dual(np.maximum(self.data, 0), self.tangent * (self.data > 0))

    def abs(self) -> Dual:
        return Dual(np.abs(self.data), self.tangent * np.sign(self.data))

    def clip(self, low: float | None = None, high: float | None = None) -> Dual:
        value = Tensor(self.data).clip(low, high).data
        return Dual(value, self.tangent * ((value == self.data) & (value != low) & (value != high)))

    def maximum(self, other: Any) -> Dual:
        b = self.constant(other)
        share = (self.data > b.data) + 0.5 * (self.data == b.data)
        return Dual(np.maximum(self.data, b.data), self.tangent * share + b.tangent * (1 - share))

    def minimum(self, other: Any) -> Dual:
        return -((-self).maximum(-self.constant(other)))

    # Sums and shape: linear, so the tangent goes the way of the value -----------------------------------------------

    def _both(self, method: str, *arguments: Any) -> Dual:
        value, tangent = (getattr(Tensor(part), method)(*arguments).data for part in (self.data, self.tangent))
        return Dual(value, tangent)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Dual:
        return self._both("sum", axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Dual:
        return self._both("mean", axis, keepdims)

    def cumsum(self, axis: int) -> Dual:
        return self._both("cumsum", axis)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Dual:
        value = Tensor(self.data).max(axis, keepdims=True).data
        chosen = Tensor((self.data == value).astype(self.data.dtype))
        share = chosen / chosen.sum(axis, keepdims=True)
        return Dual(Tensor(self.data).max(axis, keepdims), (Tensor(self.tangent) * share).sum(axis, keepdims))

    def reshape(self, *shape: int | Sequence[int]) -> Dual:
        return self._both("reshape", *shape)

    def permute(self, *order: int) -> Dual:
        return self._both("permute", *order)

    def transpose(self, first: int, second: int) -> Dual:
        return self._both("transpose", first, second)

    @property
    def T(self) -> Dual:
        return Dual(self.data.T, self.tangent.T)

    def __getitem__(self, index: Any) -> Dual:
        key = as_index(index, self.shape)
        return Dual(np.asarray(self.data[key]), np.asarray(self.tangent[key]))


def jvp(function: Function, x: Any, direction: Any) -> tuple[Tensor, Tensor]:
    """The value of a function and its derivative in one direction, J v, in one pass.

    Shape:   x (…), direction the same -> value (…'), derivative (…')
    Equals:  torch.func.jvp
    """
    result = function(Dual(x, direction))
    result = result if isinstance(result, Dual) else Dual(result)  # a function that is constant
    return Tensor(result.data), Tensor(result.tangent)


def forward_gradient(function: Function, x: Any) -> Tensor:
    """The gradient of a scalar function by forward accumulation: one pass for each entry of x.

    Shape:   x (…), function -> () -> as x
    Equals:  the ``grad`` that one ``backward()`` fills
    Raises:  ValueError if the result is no scalar
    """
    point = Tensor(x).data
    gradient = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        direction = np.zeros_like(point)
        direction[place] = 1
        value, slope = jvp(function, point, direction)
        if value.numel() != 1:
            raise ValueError(
                f"forward_gradient: the function must give a scalar, not shape {value.shape}; see jacobian"
            )
        gradient[place] = slope.item()
    return Tensor(gradient)

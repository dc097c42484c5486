"""Arrays whose numbers move: v + v'ε, as the numbers that another derivative computes with.

Inside a derivative, a ``Dual`` of a derivative around it is no tensor with a tangent but an array of such numbers: the
engine runs on them as on any others, rules of the way back and all, since NumPy asks the array what an operation is.
What comes out is a derivative that moves: the derivative of the derivative.

Each array bears the level of the derivative it belongs to. Of two levels the inner one comes first; the other is then
part of its value and its tangent, so that two ε are never taken for one (perturbation confusion).

Source:  Siskind & Pearlmutter 2005, "Perturbation confusion and referential transparency"; NumPy's NEP 13 and 18
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Moving(NDArrayOperatorsMixin):
    """An array with a tangent, both of one shape; either may be a Moving of a derivative further out.

    Raises:  TypeError if NumPy is asked for what has no rule here, or to forget the tangent
    """

    __slots__ = ("level", "tangent", "value")

    def __init__(self, value: Any, tangent: Any, level: int) -> None:
        self.value, self.tangent, self.level = value, tangent, level

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: self.transpose())

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"Moving({self.value}, tangent={self.tangent})"

    def item(self) -> Any:
        return self.value.item()

    def tolist(self) -> Any:
        return self.value.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("an array of a derivative further out would lose its tangent here; call detach() first")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if method == "at" and ufunc is np.add and isinstance(inputs[0], Moving):
            return _add_at(*inputs)
        if method != "__call__" or options:
            raise TypeError(f"a derivative of a derivative has no rule for np.{ufunc.__name__}.{method}")
        if ufunc in CONSTANT:  # steps: no tangent
            return ufunc(*(plain(each) for each in inputs))
        if ufunc not in PARTIALS:
            raise TypeError(f"a derivative of a derivative has no rule for np.{ufunc.__name__}")
        level = max(each.level for each in inputs if isinstance(each, Moving))
        values, tangents = zip(*(_parts(each, level) for each in inputs), strict=True)
        value, total = ufunc(*values), None
        for partial, tangent in zip(PARTIALS[ufunc], tangents, strict=True):
            if tangent is not None:  # the chain rule, operand by operand
                part = partial(tangent, *values)
                total = part if total is None else total + part
        result = Moving(as_entries(value), _stretch(total, value), level)
        if out is None:
            return result
        (target,) = out  # a += b: the array takes the numbers of the result
        if not isinstance(target, Moving) or target.level != level:
            raise TypeError("an array without a tangent of this derivative cannot be written to in place; use a clone")
        target.value, target.tangent = result.value, result.tangent
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in FUNCTIONS:
            raise TypeError(f"a derivative of a derivative has no rule for np.{function.__name__}")
        return FUNCTIONS[function](*args, **options)

    # Linear: what happens to the value happens to the tangent -------------------------------------------------------

    def _both(self, name: str, *args: Any, **options: Any) -> Moving:
        value, tangent = (as_entries(getattr(each, name)(*args, **options)) for each in (self.value, self.tangent))
        return Moving(value, tangent, self.level)

    def reshape(self, *shape: Any) -> Moving:
        return self._both("reshape", *shape)

    def transpose(self, *axes: Any) -> Moving:
        return self._both("transpose", *axes)

    def swapaxes(self, first: int, second: int) -> Moving:
        return self._both("swapaxes", first, second)

    def ravel(self) -> Moving:
        return self._both("ravel")

    def copy(self) -> Moving:
        return self._both("copy")

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Moving:
        return self._both("sum", axis=axis, keepdims=keepdims, dtype=dtype)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Moving:
        return self._both("mean", axis=axis, keepdims=keepdims)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        if np.dtype(dtype).kind != "f":
            return plain(self).astype(dtype)  # whole numbers do not change little by little
        return self._both("astype", dtype, copy=copy)

    def __getitem__(self, key: Any) -> Moving:
        return Moving(as_entries(self.value[key]), as_entries(self.tangent[key]), self.level)

    def __setitem__(self, key: Any, given: Any) -> None:
        value, tangent = _parts(given, self.level)
        self.value[key] = value
        self.tangent[key] = 0 if tangent is None else tangent

    # Not linear -----------------------------------------------------------------------------------------------------

    def max(self, axis: Any = None, keepdims: bool = False) -> Moving:
        return self._extreme("max", axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Moving:
        return self._extreme("min", axis, keepdims)

    def _extreme(self, name: str, axis: Any, keepdims: bool) -> Moving:
        chosen = plain(self) == getattr(plain(self), name)(axis=axis, keepdims=True)
        share = chosen / chosen.sum(axis=axis, keepdims=True)  # equal ones share, as in the engine
        tangent = (self.tangent * share).sum(axis=axis, keepdims=keepdims)
        value = getattr(self.value, name)(axis=axis, keepdims=keepdims)
        return Moving(as_entries(value), as_entries(tangent).astype(self.dtype), self.level)

    def argmax(self, axis: Any = None) -> Any:
        return plain(self).argmax(axis=axis)

    def argmin(self, axis: Any = None) -> Any:
        return plain(self).argmin(axis=axis)


def as_entries(values: Any) -> Any:
    """Return np.asarray of the values, or what moves as it is."""
    return values if isinstance(values, Moving) else np.asarray(values)


def zeros_as(like: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of another shape, into which what moves as ``like`` does can be written.

    Shape:   like (…) -> (n, m)
    """
    if isinstance(like, Moving):
        return Moving(zeros_as(like.value, shape), zeros_as(like.tangent, shape), like.level)
    return np.zeros(shape, like.dtype)


def plain(values: Any) -> Any:
    """Return the numbers alone, without any ε."""
    while isinstance(values, Moving):
        values = values.value
    return values


def _parts(values: Any, level: int) -> tuple[Any, Any]:
    """Value and tangent at a level; what belongs to a derivative further out, or to none, is constant there."""
    return (values.value, values.tangent) if isinstance(values, Moving) and values.level == level else (values, None)


def _stretch(tangent: Any, value: Any) -> Any:
    whole = tangent if np.shape(tangent) == np.shape(value) else np.broadcast_to(tangent, np.shape(value)).copy()
    return as_entries(whole).astype(value.dtype, copy=False)  # a float64 constant must not widen float32


def _add_at(target: Moving, key: Any, given: Any) -> None:
    value, tangent = _parts(given, target.level)
    np.add.at(target.value, key, value)
    if tangent is not None:
        np.add.at(target.tangent, key, tangent)


def _by_parts(function: Callable[..., Any]) -> Callable[..., Any]:
    """A linear function of its first argument."""
    return lambda X, *args, **options: Moving(
        as_entries(function(X.value, *args, **options)), as_entries(function(X.tangent, *args, **options)), X.level
    )


def _joined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A linear function of a list of arrays."""

    def join(arrays: Any, axis: int = 0) -> Moving:
        level = max(each.level for each in arrays if isinstance(each, Moving))
        parts = [_parts(each, level) for each in arrays]
        tangents = [np.zeros(value.shape, value.dtype) if tangent is None else tangent for value, tangent in parts]
        return Moving(function([value for value, _ in parts], axis), function(tangents, axis), level)

    return join


def _where(condition: Any, first: Any, second: Any) -> Moving:
    level = max(each.level for each in (first, second) if isinstance(each, Moving))
    (a, a_tangent), (b, b_tangent) = _parts(first, level), _parts(second, level)
    chosen = [0 if tangent is None else tangent for tangent in (a_tangent, b_tangent)]
    value = np.where(condition, a, b)
    return Moving(value, _stretch(np.where(condition, *chosen), value), level)


def _copyto(target: Moving, given: Any, where: Any = True) -> None:
    value, tangent = _parts(given, target.level)
    np.copyto(target.value, value, where=where)
    np.copyto(target.tangent, 0 if tangent is None else tangent, where=where)


def _clip(X: Any, low: Any, high: Any) -> Any:
    inside = np.ones(X.shape, bool)
    for bound, beyond in ((low, np.less), (high, np.greater)):
        if bound is not None:  # on a bound itself the derivative is 0, as in the engine
            inside &= ~(beyond(X, bound) | (plain(X) == bound))
    return Moving(np.clip(X.value, low, high), np.where(inside, X.tangent, 0), X.level)


def _pad(X: Moving, sides: Any, constant_values: float = 0.0) -> Moving:
    return Moving(np.pad(X.value, sides, constant_values=constant_values), np.pad(X.tangent, sides), X.level)


def _by_base(T: Any, a: Any, b: Any) -> Any:
    return T * np.where(
        b == 0, 0, b * np.power(a, np.where(b == 0, 1, b - 1))
    )  # a constant for b = 0, as in the engine


def _by_exponent(T: Any, a: Any, b: Any) -> Any:
    return T * np.where((a == 0) & (b >= 0), 0, np.power(a, b) * np.log(np.where(a == 0, 1, a)))


# Tangent of the result from that of each operand, given the values; half of it where two are equal
PARTIALS: dict[np.ufunc, tuple[Callable[..., Any], ...]] = {
    np.add: (lambda T, a, b: T, lambda T, a, b: T),
    np.subtract: (lambda T, a, b: T, lambda T, a, b: -T),
    np.multiply: (lambda T, a, b: T * b, lambda T, a, b: T * a),
    np.divide: (lambda T, a, b: T / b, lambda T, a, b: -T * a / (b * b)),
    np.matmul: (lambda T, a, b: T @ b, lambda T, a, b: a @ T),
    np.power: (_by_base, _by_exponent),
    np.maximum: (
        lambda T, a, b: np.where(a > b, T, np.where(a == b, 0.5 * T, 0)),
        lambda T, a, b: np.where(b > a, T, np.where(a == b, 0.5 * T, 0)),
    ),
    np.minimum: (
        lambda T, a, b: np.where(a < b, T, np.where(a == b, 0.5 * T, 0)),
        lambda T, a, b: np.where(b < a, T, np.where(a == b, 0.5 * T, 0)),
    ),
    np.negative: (lambda T, a: -T,),
    np.exp: (lambda T, a: T * np.exp(a),),
    np.log: (lambda T, a: T / a,),
    np.log1p: (lambda T, a: T / (1 + a),),
    np.sqrt: (lambda T, a: T / (2 * np.sqrt(a)),),
    np.square: (lambda T, a: 2 * T * a,),
    np.sin: (lambda T, a: T * np.cos(a),),
    np.cos: (lambda T, a: -T * np.sin(a),),
    np.tanh: (lambda T, a: T * (1 - np.tanh(a) ** 2),),
    np.absolute: (lambda T, a: T * np.sign(a),),
}
# Steps and questions: their derivative is 0 wherever there is one
CONSTANT = {
    np.sign,
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.isnan,
    np.isfinite,
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{each: _by_parts(each) for each in (np.broadcast_to, np.squeeze, np.flip, np.cumsum)},
    **{each: _joined(each) for each in (np.concatenate, np.stack)},
    np.lib.stride_tricks.sliding_window_view: _by_parts(np.lib.stride_tricks.sliding_window_view),
    np.where: _where,
    np.clip: _clip,
    np.pad: _pad,
    np.copyto: _copyto,
    np.shape: lambda X: X.shape,
    np.zeros_like: lambda X: zeros_as(X, X.shape),
    np.ones_like: lambda X: np.ones_like(plain(X)),
    np.may_share_memory: lambda X, Y: np.may_share_memory(plain(X), plain(Y)),
    np.shares_memory: lambda X, Y: np.shares_memory(plain(X), plain(Y)),
}

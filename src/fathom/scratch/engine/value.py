"""Numbers in an array, what a tensor is before it can be differentiated; and checks of data, axes and indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fathom.scratch.engine.moving import Moving, plain

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor

Axis = int | Sequence[int] | None


class Value:
    """Numbers in an array, called ``data``. Comparisons give a value of bools and have no derivative.

    Attributes:
        _plain: the class of results; ``Tensor``, which is defined last, from all that it can do
    """

    __slots__ = ("data",)
    __array_ufunc__ = None  # array + value is left to the value
    _plain: ClassVar[type[Any]]

    def __init__(self, data: Any, dtype: Any = None) -> None:
        self.data: np.ndarray = as_array(data, dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def numel(self) -> int:
        """Return the number of entries."""
        return self.data.size

    def item(self) -> Any:
        """Return the one entry as a Python number.

        Raises:  ValueError if there are more, or none
        """
        if self.data.size != 1:
            raise ValueError(f"item() needs a tensor with one entry, not one of shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        return self.data.tolist()

    def __len__(self) -> int:
        if self.data.ndim == 0:
            raise TypeError("a tensor with no axes has no length")
        return len(self.data)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def argmax(self, axis: int | None = None) -> Tensor:
        """Return where the largest entry is; the first of equal ones.

        Shape:   X (…) -> int64 (); without the axis if one is given
        Equals:  torch.argmax
        """
        return self._place("argmax", axis)

    def argmin(self, axis: int | None = None) -> Tensor:
        """Return where the smallest entry is; the first of equal ones.

        Shape:   X (…) -> int64 (); without the axis if one is given
        Equals:  torch.argmin
        """
        return self._place("argmin", axis)

    def _place(self, name: str, axis: int | None) -> Tensor:
        if self.data.size == 0:
            raise ValueError(f"{name} over no entries: the tensor has shape {self.shape}")
        if axis is not None:
            as_axes(name, axis, self.ndim)  # only to check it: NumPy counts from behind too
        return self._plain(np.asarray(getattr(self.data, name)(axis=axis)))

    def long(self) -> Tensor:
        """Return the entries as int64, cut towards 0.

        Shape:   X (…) -> int64 (…)
        """
        return self._plain(self.data.astype(np.int64))

    def _compare(self, name: str, function: Any, other: Any) -> Tensor:
        # A number stays one: it is compared in the type of the entries
        second = other.data if isinstance(other, Value) else other
        check_broadcast(name, self.shape, np.shape(second))
        return self._plain(np.asarray(function(self.data, second)))

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._compare("==", np.equal, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._compare("!=", np.not_equal, other)

    def __lt__(self, other: Any) -> Tensor:
        return self._compare("<", np.less, other)

    def __le__(self, other: Any) -> Tensor:
        return self._compare("<=", np.less_equal, other)

    def __gt__(self, other: Any) -> Tensor:
        return self._compare(">", np.greater, other)

    def __ge__(self, other: Any) -> Tensor:
        return self._compare(">=", np.greater_equal, other)

    def __and__(self, other: Any) -> Tensor:
        return self._compare("&", np.bitwise_and, other)

    def __or__(self, other: Any) -> Tensor:
        return self._compare("|", np.bitwise_or, other)

    def __xor__(self, other: Any) -> Tensor:
        return self._compare("^", np.bitwise_xor, other)

    def __invert__(self) -> Tensor:
        return self._plain(~self.data)

    def any(self) -> Tensor:
        """Return whether one entry is not 0.

        Shape:   X (…) -> bool ()
        """
        return self._plain(np.asarray(plain(self.data).any()))

    def all(self) -> Tensor:
        """Return whether no entry is 0.

        Shape:   X (…) -> bool ()
        """
        return self._plain(np.asarray(plain(self.data).all()))

    __hash__ = object.__hash__  # by identity: == compares entries


def as_array(data: Any, dtype: Any = None) -> Any:
    """Make an array of numbers from a number, nested lists, an array or a tensor.
    Shape:   data (…) -> (…)

    Raises:  TypeError if they are not numbers, or if a tangent would be lost
    """
    if type(data) is np.ndarray and dtype is None and data.dtype.kind in "fiub":
        return data  # the result of every operation comes this way
    if isinstance(data, Value):
        if getattr(data, "_tangent", None) is not None:
            raise TypeError("a Dual would lose its tangent here; compute with it as it is, or call detach() first")
        data = data.data
    if isinstance(data, Moving):
        return data if dtype is None else data.astype(as_dtype(dtype))
    if isinstance(data, list | tuple) and any(isinstance(each, Value) for each in data):
        raise TypeError("data must be numbers; to join tensors use stack() or cat()")
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError("data must be a number, an array or lists of equal length") from None
    if array.dtype.kind not in "fiub":  # floating-point, integer, unsigned, bool
        raise TypeError(f"data must be numbers; got dtype {array.dtype}")  # text, objects, complex numbers
    if dtype is not None:
        return array.astype(as_dtype(dtype), copy=False)
    # Python's floats are float64; as in torch they count as float32, unless NumPy made them
    is_python = not isinstance(data, np.ndarray | np.generic)  # np.float64(…) keeps its type
    return array.astype(np.float32) if is_python and array.dtype == np.float64 else array


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """Return a type as NumPy's, once it is seen to be floating-point, integer or bool.

    Raises:  TypeError if it is not
    """
    try:
        checked = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be a NumPy type such as np.float32, not {dtype!r}") from None
    if checked.kind not in "fiub":
        raise TypeError(f"dtype must be floating-point, integer or bool, not {checked}")
    return checked


def rank(dtype: np.dtype[Any]) -> int:
    """Return the place of a type's kind: bool below integers below floating-point numbers."""
    return {"b": 0, "u": 1, "i": 1, "f": 2}[dtype.kind]


def check_broadcast(name: str, first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which both stretch: axes that are 1, or missing in front, are repeated.

    Raises:  ValueError if there is none
    """
    try:
        return np.broadcast_shapes(first, second)
    except ValueError:
        raise ValueError(f"{name} of shapes {first} and {second}: axes must be equal or 1, from the last on") from None


def as_axes(name: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return axes counted from the front; None means all of them.

    Raises:  TypeError or ValueError if one is no axis of the tensor, or occurs twice
    """
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    for one in axes:
        if isinstance(one, bool) or not isinstance(one, int | np.integer):
            raise TypeError(f"{name}: axis must be a whole number, a tuple of them or None, not {one!r}")
        if not -ndim <= one < ndim:
            raise ValueError(f"{name}: axis {one} is not among the {ndim} axes of the tensor")
    counted = tuple(int(one) % ndim for one in axes)  # −1 is the last
    if len(set(counted)) < len(counted):
        raise ValueError(f"{name}: axis {axis} names an axis twice")
    return counted


def as_shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Return (2, 3) from reshape(2, 3) and from reshape((2, 3))."""
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else tuple(shape)


def as_index(index: Any, shape: tuple[int, ...]) -> Any:
    """Return an index that NumPy understands: tensors become arrays.

    Raises:  IndexError for floats
    """
    parts = index if isinstance(index, tuple) else (index,)
    # Lists and arrays are copied: the way back must find the same places
    key = tuple(
        np.array(part.data if isinstance(part, Value) else part)
        if isinstance(part, Value | np.ndarray | list)
        else part
        for part in parts
    )
    for part in key:
        if isinstance(part, float) or (isinstance(part, np.ndarray) and part.dtype.kind == "f"):
            raise IndexError(f"index into shape {shape}: places must be whole numbers, slices or masks, not floats")
    return key


def is_basic(key: tuple[Any, ...]) -> bool:
    """Return whether an index gives a view: numbers and slices only."""
    return all(part is None or part is ... or isinstance(part, int | np.integer | slice) for part in key)

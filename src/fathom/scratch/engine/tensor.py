"""A tensor on NumPy that remembers how it was computed, so that ``backward()`` can differentiate it.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = 2 * (x @ x)
    >>> y.backward()
    >>> x.grad
    Tensor([ 4.,  8., 12.])

Names are torch's, ``axis`` and ``keepdims`` NumPy's. What a tensor can do stands in seven files, each a class that adds
to the one before; this is their order: ``value`` (numbers), ``recorded`` (how they were computed, backward),
``arithmetic``, ``functions``, ``reductions``, ``shapes``, ``indexing``. Gradients are not recorded themselves; second
derivatives come from a tangent that is carried through the walk back, see ``moving``.

Source:  notes N1 §1.1, N2
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import level
from fathom.scratch.engine.indexing import Indexing
from fathom.scratch.engine.moving import Moving, zeros_as
from fathom.scratch.engine.recorded import Recorded, record
from fathom.scratch.engine.value import Value, as_array

__all__ = ["Dual", "Tensor", "record"]


class Tensor(Indexing):
    """Numbers in an array (``data``), and, once asked for by ``backward()``, the derivative by them (``grad``).

    Args:
        data: a number, nested lists, or an array. Python floats become float32, as in torch; an array keeps its type
            and its memory.
        requires_grad: record what is computed from this tensor, so that ``backward()`` fills its ``grad``
        dtype: a NumPy type to convert to

    Equals:  torch.tensor, but an array is not copied (torch.from_numpy)
    Raises:  TypeError if the data are not numbers, need a gradient and are not floating-point, or are a Dual
    """

    __slots__ = ()


class Dual(Tensor):
    """A tensor with its derivative in one direction, the ``tangent``: v + v'ε with ε² = 0.

    Whatever is computed from a Dual is one, whatever stands on its other side: it has all operations of ``Tensor``,
    because it is one, and each ends in ``record``, which pushes the tangents of the operands through.

    Args:
        data: the value, a number, an array or a tensor
        tangent: of the same shape; zeros for a constant

    Equals:  torch.autograd.forward_ad.make_dual
    Raises:  TypeError if the data are not floating-point; ValueError if the shapes differ
    """

    __slots__ = ()  # the tangent's slot is Recorded's

    def __init__(self, data: Any, tangent: Any = None) -> None:
        self._level = level()
        super().__init__(data)
        if self.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can have a tangent; data has dtype {self.dtype}")
        # no direction given: a constant, whose derivative is 0
        given = zeros_as(self.data, self.shape) if tangent is None else as_array(tangent)
        if given.shape != self.shape:
            raise ValueError(f"Dual: tangent has shape {given.shape}, expected that of the value, {self.shape}")
        self._tangent = given.astype(self.dtype, copy=False)  # a tangent of another type would promote every result

    @property
    def tangent(self) -> np.ndarray:
        """The derivative in the direction that was begun with, of this value's shape."""
        return _slots["_tangent"].__get__(self)

    # Inside a further derivative this one's ε is part of the numbers, and no tangent

    def _see(self) -> Any:
        values = _slots["data"].__get__(self)
        return values if self._level == level() else Moving(values, self.tangent, self._level)

    def _see_tangent(self) -> Any:
        return self.tangent if self._level == level() else None

    def _put_tangent(self, values: Any) -> None:
        self._level = level()
        _slots["_tangent"].__set__(self, values)

    data = property(_see, lambda self, values: _slots["data"].__set__(self, values))
    _tangent = property(_see_tangent, _put_tangent)

    def __repr__(self) -> str:
        return f"Dual({self.data}, tangent={self.tangent})"


# Where data and tangent lie: a Dual has properties of the same names
_slots: dict[str, Any] = {"data": vars(Value)["data"], "_tangent": vars(Recorded)["_tangent"]}

# The results of all operations: they are defined before there is a Tensor
Recorded._plain, Recorded._dual = Tensor, Dual

"""Functions of each entry: exp, log, tanh … Their derivative is diagonal, so that one rule serves both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fathom.scratch.engine.arithmetic import Arithmetic
from fathom.scratch.engine.autograd import both_ways
from fathom.scratch.engine.recorded import record

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor


class Functions(Arithmetic):
    """Functions of each entry. Those whose values are no whole numbers turn integers into float32 first, as torch does:
    NumPy would take float16 for bytes."""

    __slots__ = ()

    def _floating(self) -> Functions:
        return self if self.dtype.kind == "f" else self.float()

    def exp(self) -> Tensor:
        """Return e^x.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        Y = np.exp(x.data)  # its own derivative
        # the rule holds Y itself: a later write into it must be noticed
        return record("exp", Y, both_ways(x, lambda G: G * Y, saves_result=True))

    def log(self) -> Tensor:
        """Return the natural logarithm; −∞ at 0, nan below.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        X = x.data
        return record("log", np.log(X), both_ways(x, lambda G: G / X, self))  # d log = 1/x

    def _log1p(self) -> Tensor:
        """Return log(1 + x), with all digits of a small x."""
        x = self._floating()
        X = x.data
        return record("log1p", np.log1p(X), both_ways(x, lambda G: G / (1 + X), x))

    def sqrt(self) -> Tensor:
        """Return the square root; nan below 0. Its derivative at 0 is infinite.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        Y = np.sqrt(x.data)  # d√x = 1/(2√x)
        return record("sqrt", Y, both_ways(x, lambda G: G / (2 * Y), saves_result=True))

    def square(self) -> Tensor:
        """Return x².

        Shape:   X (…) -> (…)
        """
        X = self.data
        return record("square", X * X, both_ways(self, lambda G: 2 * G * X, self))  # d x² = 2x

    def sin(self) -> Tensor:
        """Return the sine of an angle in radians.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        X = x.data
        return record("sin", np.sin(X), both_ways(x, lambda G: G * np.cos(X), self))

    def cos(self) -> Tensor:
        """Return the cosine of an angle in radians.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        X = x.data
        return record("cos", np.cos(X), both_ways(x, lambda G: -G * np.sin(X), self))

    def tanh(self) -> Tensor:
        """Return (1 − e^−2x)/(1 + e^−2x), between −1 and 1.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        Y = np.tanh(x.data)  # d tanh = 1 − tanh²
        return record("tanh", Y, both_ways(x, lambda G: G * (1 - Y * Y), saves_result=True))

    def sigmoid(self) -> Tensor:
        """Return 1/(1 + e^−x), by e^−|x| so that nothing overflows.

        Shape:   X (…) -> (…)
        """
        x = self._floating()
        small = np.exp(-np.abs(x.data))  # in (0, 1]: never overflows
        Y = np.where(x.data >= 0, 1, small) / (1 + small)  # σ(x) = 1/(1 + e^−x) above 0, e^x/(1 + e^x) below
        return record("sigmoid", Y, both_ways(x, lambda G: G * Y * (1 - Y), saves_result=True))  # dσ = σ(1 − σ)

    def relu(self) -> Tensor:
        """Return max(x, 0). Kink: the derivative at 0 is taken as 0.

        Shape:   X (…) -> (…)
        """
        Y = np.maximum(self.data, 0)
        # Chosen, not multiplied by 0 or 1: what comes may be infinite, and 0·∞ is nan
        return record("relu", Y, both_ways(self, lambda G: np.where(Y <= 0, 0, G), saves_result=True))

    def abs(self) -> Tensor:
        """Return |x|. Kink: the derivative at 0 is taken as 0, from the middle of [−1, 1].

        Shape:   X (…) -> (…)
        """
        X = self.data
        return record("abs", np.abs(X), both_ways(self, lambda G: G * np.sign(X), self))  # sign(0) = 0: the middle

    __abs__ = abs

    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """Bring into [low, high]. Kinks: the derivative on both bounds is taken as 0, as of relu, which is clip(low=0).

        Shape:   X (…) -> (…)
        Equals:  torch.clamp
        """
        X = self.data
        if low is None and high is None:
            raise ValueError("clip needs low, high or both")
        Y = np.clip(X, low, high).astype(X.dtype, copy=False)  # NumPy may widen the type
        inside = (X == Y) & (low != X) & (high != X)  # on the bounds themselves 0
        return record("clip", Y, both_ways(self, lambda G: np.where(inside, G, 0), self))

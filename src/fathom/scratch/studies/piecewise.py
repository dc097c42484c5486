"""Networks of ReLUs and PReLUs are piecewise linear: their pieces counted, and a network made of pieces.

``pieces`` follows one number through a network in rational arithmetic, so that every kink is where it is and equal
slopes are equal. One hidden layer of n units has at most n + 1 pieces; L layers of two units can have 2^L
(``sawtooth``). The other way round, ``interpolant`` is a hidden layer that goes through given points: with enough of
them it comes as near to a continuous function on an interval as you like, which is the universal approximation theorem
for one input.

    f(x) = y₀ + Σᵢ cᵢ max(0, x − xᵢ), with c₀ the first slope and cᵢ the change of slope at xᵢ

Source:  notes N0, N3 ch. 5; Cybenko 1989; Montúfar et al. 2014, arXiv:1402.1869; Telgarsky 2015, arXiv:1509.08101
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fathom.scratch.layers.activations import PReLU, ReLU
from fathom.scratch.layers.linear import Linear
from fathom.scratch.layers.module import Module, Sequential

Line = tuple[Fraction, Fraction]
"""Slope and intercept."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the input on which the output is slope·x + intercept; ``start`` and ``end`` may be infinite."""

    start: float | Fraction
    end: float | Fraction
    slope: Fraction
    intercept: Fraction

    def __call__(self, x: float | Fraction) -> Fraction:
        return self.slope * Fraction(x) + self.intercept


def pieces(net: Sequential) -> list[Piece]:
    """Return the linear pieces of a network with one input and one output, from left to right, exactly.

    Args:
        net: of ``Linear``, ``ReLU`` and ``PReLU`` with one slope.
    Raises:  ValueError for another layer, or more than one input or output
    """
    modules = list(net)
    linear = [module for module in modules if isinstance(module, Linear)]  # activations stand between them
    # one number in, one out: a curve in the plane
    if not linear or linear[0].weight.shape[1] != 1 or linear[-1].weight.shape[0] != 1:
        raise ValueError("pieces: the network must have one input and one output, each of a Linear layer")
    # of every stretch of the input: where it ends, and the line that each unit is on it
    # the input itself: slope 1, intercept 0
    stretches: list[tuple[float | Fraction, list[Line]]] = [(math.inf, [(Fraction(1), Fraction(0))])]
    for module in modules:
        if isinstance(module, Linear):
            stretches = [(end, _combine(module, lines)) for end, lines in stretches]
        else:
            stretches = _bend(stretches, _slope_below(module))
    return _merge(stretches)


def interpolant(x: Sequence[float], y: Sequence[float]) -> Sequential:
    """Return one hidden layer of n − 1 ReLUs that goes through n points, straight between them and beyond the last.

    Left of the first point it is constant.

    Args:
        x, y: the points; x ascends.
    Shape:   X (N, 1) -> (N, 1)
    Raises:  ValueError for fewer than two points, or an x that does not ascend
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape or len(xs) < 2:  # each axis a list of numbers
        raise ValueError(f"interpolant: x has shape {xs.shape} and y {ys.shape}, expected (n,) both, n at least 2")
    if not (np.diff(xs) > 0).all():
        raise ValueError("interpolant: x must ascend")
    # of the straight lines between neighbours
    slopes = np.diff(ys) / np.diff(xs)  # (n − 1,)
    hidden, output = Linear(1, len(slopes), dtype=np.float64), Linear(len(slopes), 1, dtype=np.float64)
    _set(hidden, np.ones((len(slopes), 1)), -xs[:-1])  # the unit xᵢ wakes at xᵢ
    _set(output, np.diff(slopes, prepend=0.0)[None, :], ys[:1])  # and changes the slope there
    return Sequential(hidden, ReLU(), output)


def sawtooth(depth: int) -> Sequential:
    """Return ``depth`` layers of two ReLUs whose output goes up and down between 0 and 1 in 2^depth pieces on 0…1.

    Each layer is the tent 2x up to ½ and 2 − 2x from there, of the one before: it doubles the number of pieces.

    Shape:   X (N, 1) -> (N, 1)
    Source:  Telgarsky 2015
    """
    if depth < 1:
        raise ValueError(f"sawtooth: depth must be at least 1, not {depth}")
    modules: list[Module] = []
    for layer in range(depth):
        inner = Linear(1 if layer == 0 else 2, 2, dtype=np.float64)
        # x, or the tent 2·max(0, x) − 4·max(0, x − ½) of the layer before
        rows = np.array([[1.0]] if layer == 0 else [[2.0, -4.0]])
        _set(inner, np.concatenate([rows, rows]), np.array([0.0, -0.5]))
        modules += [inner, ReLU()]
    output = Linear(2, 1, dtype=np.float64)
    _set(output, np.array([[2.0, -4.0]]), np.zeros(1))
    return Sequential(*modules, output)


def _set(layer: Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    layer.weight.data[...] = weight
    assert layer.bias is not None
    layer.bias.data[...] = bias


def _slope_below(module: Module) -> Fraction:
    """Return the slope of an activation below 0."""
    if isinstance(module, ReLU):
        return Fraction(0)
    if isinstance(module, PReLU) and module.weight.shape == (1,):
        return Fraction(float(module.weight.data[0]))
    raise ValueError(f"pieces: {type(module).__name__} is not piecewise linear as ReLU and PReLU of one slope are")


def _combine(layer: Linear, lines: Sequence[Line]) -> list[Line]:
    """Return the lines after a linear layer."""
    biases = np.zeros(len(layer.weight.data)) if layer.bias is None else layer.bias.data
    out = []
    for row, bias in zip(layer.weight.data.tolist(), biases.tolist(), strict=True):
        weights = [Fraction(weight) for weight in row]  # a float is a fraction: nothing is rounded
        # a weighted sum of lines is a line
        slope = sum((w * line[0] for w, line in zip(weights, lines, strict=True)), Fraction(0))
        intercept = sum((w * line[1] for w, line in zip(weights, lines, strict=True)), Fraction(bias))
        out.append((slope, intercept))
    return out


def _bend(
    stretches: Sequence[tuple[float | Fraction, list[Line]]], below: Fraction
) -> list[tuple[float | Fraction, list[Line]]]:
    """Cut every stretch where a line crosses 0, and bend the lines below it."""
    out = []
    start: float | Fraction = -math.inf
    for end, lines in stretches:
        zeros = {-intercept / slope for slope, intercept in lines if slope}  # where a unit changes sides
        ends = [*sorted(zero for zero in zeros if start < zero < end), end]  # each kink once, in order
        for stop in ends:
            inner = _between(start, stop)  # one sample decides: no line changes sign within
            out.append((stop, [_bent(line, inner, below) for line in lines]))
            start = stop
    return out


def _bent(line: Line, inner: Fraction, below: Fraction) -> Line:
    slope, intercept = line
    return line if slope * inner + intercept > 0 else (below * slope, below * intercept)  # ReLU: 0; PReLU: its slope


def _between(start: float | Fraction, end: float | Fraction) -> Fraction:
    """Return a number inside a stretch."""
    if start == -math.inf:
        return Fraction(0) if end == math.inf else Fraction(end) - 1  # any number left of the end
    # the middle, exact as a fraction
    return Fraction(start) + 1 if end == math.inf else (Fraction(start) + Fraction(end)) / 2


def _merge(stretches: Sequence[tuple[float | Fraction, list[Line]]]) -> list[Piece]:
    """Join neighbours on the same line: a kink of a hidden unit that the output does not see is none."""
    found: list[Piece] = []
    start: float | Fraction = -math.inf
    for end, ((slope, intercept),) in stretches:
        # exact: fractions are equal or not
        if found and (found[-1].slope, found[-1].intercept) == (slope, intercept):
            found[-1] = Piece(found[-1].start, end, slope, intercept)
        else:
            found.append(Piece(start, end, slope, intercept))
        start = end
    return found

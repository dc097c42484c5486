"""How many straight pieces networks have, by width and depth, and how near a hidden layer comes to a sine."""

from __future__ import annotations

import math

import numpy as np

from fathom.lab.tours.tables import TourTable
from fathom.scratch.engine.autograd import no_grad
from fathom.scratch.engine.creation import manual_seed
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.activations import ReLU
from fathom.scratch.layers.linear import Linear
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.studies.piecewise import interpolant, pieces, sawtooth

_SHAPES = ((4,), (16,), (8, 8), (4, 4, 4, 4))  # units of each hidden layer; 16 in all, but for the first
_DEPTHS = (1, 2, 4, 8)
_UNITS = (4, 16, 64, 256)


def tour_pieces(seed: int) -> list[TourTable]:
    """Count the pieces of random networks and of the sawtooth; measure the error of interpolants."""
    return [_random(seed), _deep(), _approximation()]


def _random(seed: int) -> TourTable:
    header = ("hidden layers", "units", "pieces", "one hidden layer could have")
    table = TourTable("A network of ReLUs is piecewise linear: random networks of one input", header)
    manual_seed(seed)
    for widths in _SHAPES:
        modules: list[Module] = []
        for before, width in zip([1, *widths], [*widths, 1], strict=True):  # from 1 input to 1 output
            modules += [Linear(before, width), ReLU()]
        units = sum(widths)
        shown = " ".join(map(str, widths))
        # each unit bends the line once at most
        # [:-1]: no ReLU behind the output
        table.rows.append((shown, f"{units}", f"{len(pieces(Sequential(*modules[:-1])))}", f"{units + 1}"))
    return table


def _deep() -> TourTable:
    table = TourTable("Depth folds: the sawtooth has two units in each layer", ("layers", "units", "pieces in 0…1"))
    for depth in _DEPTHS:
        # pieces left of 0 and right of 1 go on for ever
        inside = sum(0 <= piece.start < 1 for piece in pieces(sawtooth(depth)))
        table.rows.append((f"{depth}", f"{2 * depth}", f"{inside}"))
    return table


def _approximation() -> TourTable:
    header = ("units", "largest error", "bound h²/8")
    table = TourTable("One hidden layer comes near to sin x on 0…2π, through points h apart", header)
    grid = np.linspace(0, 2 * math.pi, 4001)  # much finer than the pieces of the widest network
    for units in _UNITS:  # units + 1 points, between which units pieces lie
        x = np.linspace(0, 2 * math.pi, units + 1)
        with no_grad():
            found = interpolant(x.tolist(), np.sin(x).tolist())(Tensor(grid[:, None])).data[:, 0]  # (4001,)
        error = np.abs(found - np.sin(grid)).max()
        # linear interpolation: h²/8 · max |f″|, and |sin″| ≤ 1
        table.rows.append((f"{units}", f"{error:.2e}", f"{(2 * math.pi / units) ** 2 / 8:.2e}"))
    return table

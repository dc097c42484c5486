"""Pieces of networks: counted exactly, against known counts, the network itself and a fine grid."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fathom.scratch as s
from fathom.scratch.studies.piecewise import interpolant, pieces, sawtooth


def make_net(widths: list[int], seed: int, activation: type[s.Module] = s.ReLU) -> s.Sequential:
    """Numbers of eighths: kinks may coincide, and sums on the side of NumPy are exact."""
    rng = np.random.default_rng(seed)
    modules: list[s.Module] = []
    for before, width in zip([1, *widths], [*widths, 1], strict=True):
        layer = s.Linear(before, width, dtype=np.float64)
        layer.weight.data[...] = rng.integers(-16, 17, (width, before)) / 8
        layer.bias.data[...] = rng.integers(-16, 17, width) / 8
        modules += [layer, activation()]
    return s.Sequential(*modules[:-1])


def values(net: s.Sequential, x: np.ndarray) -> np.ndarray:
    with s.no_grad():
        return net(s.Tensor(x[:, None])).data[:, 0]


@pytest.mark.parametrize("activation", [s.ReLU, s.PReLU])
@settings(max_examples=25, deadline=None)
@given(widths=st.lists(st.integers(1, 5), min_size=1, max_size=3), seed=st.integers(0, 1 << 20))
def test_pieces_are_the_network(activation: type[s.Module], widths: list[int], seed: int) -> None:
    net = make_net(widths, seed, activation)
    found = pieces(net)
    assert (found[0].start, found[-1].end) == (-math.inf, math.inf)
    for left, right in itertools.pairwise(found):
        assert left.end == right.start
        assert left(left.end) == right(right.start)  # continuous
        assert left.slope != right.slope  # a kink
    inner = [float(p.end) for p in found[:-1]]
    grid = np.sort(np.concatenate([inner, np.linspace(min([-9.0, *inner]) - 1, max([9.0, *inner]) + 1, 301)]))
    expected = [float(next(p for p in found if x <= p.end)(x)) for x in grid]
    np.testing.assert_allclose(values(net, grid), expected, rtol=1e-9, atol=1e-9)


def test_a_fine_grid_sees_as_many_kinks() -> None:
    """Where the second difference is not 0 there is a kink, at least one step apart from the next."""
    net = make_net([6, 4], seed=3)
    found = pieces(net)
    step = 2**-12  # dividing exactly, so that straight pieces have second differences of rounding alone
    x = np.arange(-8, 8, step)
    bends = np.abs(np.diff(values(net, x), 2)) > 1e-9
    kinks = np.count_nonzero(bends[1:] & ~bends[:-1]) + int(bends[0])
    assert kinks == sum(-8 < p.end < 8 for p in found)
    assert kinks > 3


def test_one_hidden_layer_has_a_piece_more_than_units() -> None:
    hidden, output = s.Linear(1, 5, dtype=np.float64), s.Linear(5, 1, dtype=np.float64)
    hidden.weight.data[...], hidden.bias.data[...] = 1.0, -np.arange(5.0)
    net = s.Sequential(hidden, s.ReLU(), output)
    assert [p.end for p in pieces(net)] == [0, 1, 2, 3, 4, math.inf]
    output.weight.data[0, 2] = 0.0  # a unit that nobody listens to makes no kink
    assert len(pieces(net)) == 5
    hidden.bias.data[...] = -1.0  # all kinks in one place
    assert [p.end for p in pieces(net)] == [1, math.inf]
    assert len(pieces(s.Sequential(s.Linear(1, 3), s.Linear(3, 1)))) == 1


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_depth_doubles_the_pieces(depth: int) -> None:
    found = pieces(sawtooth(depth))
    inside = [p for p in found if 0 <= p.start < 1]
    assert len(inside) == 2**depth
    assert {abs(p.slope) for p in inside} == {2**depth}
    x = np.linspace(0, 1, 2**depth + 1)
    assert values(sawtooth(depth), x).tolist() == [i % 2 for i in range(2**depth + 1)]


def test_a_network_through_given_points() -> None:
    x, y = [-2.0, -0.5, 0.0, 1.0, 4.0], [3.0, 1.0, -2.0, -2.0, 5.0]
    net = interpolant(x, y)
    assert values(net, np.array(x)).tolist() == y  # to the last bit
    grid = np.linspace(-2, 4, 61)
    np.testing.assert_allclose(values(net, grid), np.interp(grid, x, y), atol=1e-12)
    assert [float(p.end) for p in pieces(net)[:-1]] == x[:-1]
    assert len(net[0].bias) == len(x) - 1
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.standard_normal(50)), rng.standard_normal(50)
    np.testing.assert_allclose(values(interpolant(x, y), x), y, atol=1e-9)
    for bad in (([1.0], [1.0]), ([1.0, 1.0], [0.0, 1.0]), ([0.0, 1.0], [0.0])):
        with pytest.raises(ValueError, match="interpolant: x"):
            interpolant(*bad)


def test_enough_units_come_as_near_as_you_like() -> None:
    """The error of straight lines between points h apart is at most h²/8 · max |f''|: 1 for the sine."""
    grid = np.linspace(0, 2 * np.pi, 2001)
    for units in (4, 16, 64):
        x = np.linspace(0, 2 * np.pi, units + 1)
        error = np.abs(values(interpolant(x, np.sin(x)), grid) - np.sin(grid)).max()
        assert 0.6 < error / ((2 * np.pi / units) ** 2 / 8) <= 1


def test_other_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="Sigmoid is not piecewise linear"):
        pieces(s.Sequential(s.Linear(1, 2), s.Sigmoid(), s.Linear(2, 1)))
    with pytest.raises(ValueError, match="one input and one output"):
        pieces(s.Sequential(s.Linear(2, 1)))

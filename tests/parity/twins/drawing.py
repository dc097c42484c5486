"""How to draw what both sides are given: arrays whose shapes fit together, and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from twins.rows import Case

sides = st.integers(1, 4)


seeds = st.integers(0, 2**32 - 1)


reductions = st.sampled_from(["mean", "sum", "none"])


def positive(X: np.ndarray) -> np.ndarray:
    return np.abs(X) + 0.1


def probability(X: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-X))


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def any_shape(draw: Any, num: int = 1, min_axes: int = 0, prepare: Callable = lambda X: X, **options: Any) -> Case:
    """Arrays of one shape of up to four axes; options are strategies."""
    shape = draw(st.lists(sides, min_size=min_axes, max_size=4))
    arrays = [prepare(normal(draw(seeds), *shape)) for _ in range(num)]
    return Case(arrays, {key: draw(value) for key, value in options.items()})


@st.composite
def broadcasting(draw: Any, prepare: Callable = lambda X: X) -> Case:
    """Two arrays whose shapes stretch to one another's."""
    shape = draw(st.lists(sides, max_size=4))
    pair = []
    for _ in range(2):
        kept = shape[draw(st.integers(0, len(shape))) :]
        pair.append([1 if draw(st.booleans()) else size for size in kept])
    return Case([prepare(normal(draw(seeds), *each)) for each in pair])


@st.composite
def with_axis(draw: Any, prepare: Callable = lambda X: X, several: bool = False, keep: bool = False) -> Case:
    """An array and an axis of it, counted from the front or the back."""
    shape = draw(st.lists(sides, min_size=1, max_size=4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    options: dict[str, Any] = {"axis": axis}
    if several and draw(st.booleans()):
        options["axis"] = tuple(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    if keep:
        options["keepdims"] = draw(st.booleans())
    return Case([prepare(normal(draw(seeds), *shape))], options)


@st.composite
def shaped(draw: Any, *shapes: str, prepare: Callable = lambda X: X, **options: Any) -> Case:
    """Arrays of shapes given by letters, equal letters being equal sizes: "nk", "km"."""
    size = {letter: draw(sides) for letter in sorted(set("".join(shapes)))}
    arrays = [prepare(normal(draw(seeds), *(size[letter] for letter in shape))) for shape in shapes]
    return Case(arrays, {key: draw(value) for key, value in options.items()})


@st.composite
def products(draw: Any) -> Case:
    """Shapes that matmul takes: vectors, matrices, batches that broadcast."""
    n, k, m, batch = (draw(sides) for _ in range(4))
    left = draw(st.sampled_from([(k,), (n, k), (batch, n, k), (2, 1, n, k)]))
    right = draw(st.sampled_from([(k,), (k, m), (batch, k, m), (1, batch, k, m)]))
    return Case([normal(draw(seeds), *left), normal(draw(seeds), *right)])


@st.composite
def windows(draw: Any, num_axes: int, kernel: bool = True, transposed: bool = False) -> Case:
    """Input, kernels, bias and options of a convolution; or, without kernel, input and options of a pooling."""
    sizes = [draw(st.integers(3, 7 if num_axes < 3 else 4)) for _ in range(num_axes)]
    ks = [draw(st.integers(1, 3)) for _ in range(num_axes)]
    strides = tuple(draw(st.integers(1, 3)) for _ in range(num_axes))
    n, c_in, c_out = (draw(st.integers(1, 3)) for _ in range(3))
    X = normal(draw(seeds), n, c_in, *sizes)
    if not kernel:
        pads = tuple(draw(st.integers(0, k // 2)) for k in ks)
        return Case([X], {"kernel": tuple(ks), "stride": strides, "padding": pads})
    highest = [(k - 1) // 2 if transposed else 2 for k in ks]
    pads = tuple(draw(st.integers(0, most)) for most in highest)
    shape = (c_in, c_out, *ks) if transposed else (c_out, c_in, *ks)
    W, b = normal(draw(seeds), *shape), normal(draw(seeds), c_out)
    return Case([X, W, b], {"stride": strides, "padding": pads})


@st.composite
def classified(draw: Any, **options: Any) -> Case:
    """Scores and labels."""
    n, c = draw(sides), draw(st.integers(2, 5))
    seed = draw(seeds)
    labels = np.random.default_rng(seed).integers(0, c, n)
    return Case([3 * normal(seed, n, c), labels], {key: draw(value) for key, value in options.items()})


@st.composite
def images(draw: Any, num_axes: int = 2, smallest: int = 3, channels: int | None = None, **options: Any) -> Case:
    """One input of a layer, and options."""
    n, c = draw(st.integers(2, 3)), channels or draw(st.integers(1, 3))
    sizes = [draw(st.integers(smallest, smallest + 3)) for _ in range(num_axes)]
    drawn = {key: draw(value) if isinstance(value, st.SearchStrategy) else value for key, value in options.items()}
    return Case([normal(draw(seeds), n, c, *sizes)], {"channels": c, **drawn})


@st.composite
def normalised(draw: Any) -> Case:
    c = draw(sides)
    shape = draw(st.sampled_from([(4, c), (3, c, 5), (2, c, 3, 2), (2, c, 2, 1, 3)]))
    return Case([normal(draw(seeds), *shape), normal(draw(seeds), c), normal(draw(seeds), c)])

"""Memory in order, loops in one call, widths that are powers of two: which of these is fast?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.inference.latency import measure_latency
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Expected, Plot, Reading

_FAR = 16  # float32 of one cache line of 64 bytes
_WIDTHS = (255, 256, 257)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time pairs of operations in turns; yield milliseconds, of products those of a multiply-add."""
    for seed in seeds:
        rng, seconds = np.random.default_rng(seed), conditions["seconds"]
        yield _order(rng, conditions["elements"], seconds) | _loop(rng, seconds) | _widths(rng, seconds)


def _order(rng: np.random.Generator, count: int, seconds: float) -> dict[str, float]:
    large = rng.random(count * _FAR, dtype=np.float32)
    few, many = large[:count], large[::_FAR]  # as many elements, sixteen times the lines
    return measure_latency({"near": lambda _: few.sum(), "far": lambda _: many.sum()}, None, seconds=seconds)


def _loop(rng: np.random.Generator, seconds: float) -> dict[str, float]:
    x = rng.random(2000)
    listed = x.tolist()
    return measure_latency(
        {"loop": lambda _: sum(a * a for a in listed), "call": lambda _: x @ x}, None, seconds=seconds
    )


def _widths(rng: np.random.Generator, seconds: float) -> dict[str, float]:
    a, b, c = (rng.random((width, width), dtype=np.float32) for width in _WIDTHS)
    found = measure_latency(
        {"width255": lambda _: a @ a, "width256": lambda _: b @ b, "width257": lambda _: c @ c}, None, seconds=seconds
    )
    # by multiply-add, since a wider product has more of them
    return {name: ms / width**3 for (name, ms), width in zip(found.items(), _WIDTHS, strict=True)}


def _compare(title: str, first: str, second: str, expected: Expected, margin: float) -> Comparison:
    return Comparison(title, "pairs", "pairs", expected, margin, first, second, is_ratio=True)


CLAIM = Claim(
    number=49,
    title="Caches, vectors and powers of two",
    statement="Memory read in order and vectorised code are faster, and so are widths that are powers of two.",
    place="N1 §3.1.1; N3 ch. 3, ch. 5",
    paper="",
    design=Design(
        factor="order of memory (neighbours or one in 16), a Python loop or one call, width 255, 256 or 257",
        fixed="float32 sums of as many elements; products of 2,000 numbers; square matrices, time a multiply-add",
        budget="every pair is timed in turns within milliseconds, so that other load meets both; medians",
        arms={"pairs": "timed in turns"},
        seeds=15,
    ),
    comparisons=[
        _compare("one in 16 / neighbours, an element", "far", "near", "more", 1.5),
        _compare("Python loop / one call", "loop", "call", "more", 5),
        _compare("width 256 / 257, a multiply-add", "width256", "width257", "less", 1.1),
        _compare("width 256 / 255, a multiply-add", "width256", "width255", "less", 1.1),
    ],
    measure=measure,
    plot=Plot(),
    settings={"elements": 1_000_000, "seconds": 0.1},
    quick={"elements": 300_000, "seconds": 0.03},
    reading=Reading(
        sentences=(
            "Memory comes in lines of 64 bytes, a call into a library runs compiled loops over vectors, and BLAS cuts "
            "matrices into blocks of its own size.",
            "An element of every sixteenth costs {c1} as one of its neighbours'; a Python loop {c2} one call; a "
            "multiply-add at width 256 {c3} one at 257 and {c4} one at 255.",
            "Lay out data in the order in which it is read, and leave loops to libraries; choose widths by accuracy.",
        ),
        would_change="Data that fits the cache, GPUs with units of fixed size, other BLAS libraries.",
        depends_on="which of the three is meant",
        chinese=(
            "按序访问内存、向量化更快；宽度取 2 的幂更快",
            "跨步访问 {c1}；Python 循环 {c2}；宽度 256 对 257 {c3}",
        ),
    ),
)

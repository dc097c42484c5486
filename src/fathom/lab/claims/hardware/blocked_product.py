"""A product of matrices in blocks: what reuse of the cache is worth, from loops to the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fathom.inference.latency import measure_latency
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time the product by rows and columns, in blocks, and by the library, in turns."""
    n = conditions["size"]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        yield _time(rng.random((n, n), dtype=np.float32), rng.random((n, n), dtype=np.float32), conditions)


def _time(A: np.ndarray, B: np.ndarray, conditions: Conditions) -> dict[str, float]:
    ways: dict[str, Callable[[None], object]] = {
        "outer": lambda _: by_outer_products(A, B),
        "blocks": lambda _: by_blocks(A, B, conditions["block"]),
        "library": lambda _: A @ B,
    }
    return measure_latency(ways, None, seconds=conditions["seconds"])


def by_outer_products(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Add up a column times a row, n times: the whole result passes through the cache in every step."""
    C = np.zeros((len(A), B.shape[1]), A.dtype)
    for k in range(A.shape[1]):
        C += np.multiply.outer(A[:, k], B[k])
    return C


def by_blocks(A: np.ndarray, B: np.ndarray, block: int) -> np.ndarray:
    """Multiply block by block: each stays in the cache while it is used ``block`` times.

    Equals:  A @ B
    """
    n = len(A)
    C = np.zeros((n, B.shape[1]), A.dtype)
    for i in range(0, n, block):
        for k in range(0, A.shape[1], block):
            part = A[i : i + block, k : k + block]
            for j in range(0, B.shape[1], block):
                C[i : i + block, j : j + block] += part @ B[k : k + block, j : j + block]
    return C


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare the results, and count how often memory is read."""
    rng = np.random.default_rng(0)
    A, B = rng.random((70, 70)), rng.random((70, 70))
    gap = max(float(np.abs(f - A @ B).max()) for f in (by_outer_products(A, B), by_blocks(A, B, 16)))
    n, block = conditions["size"], conditions["block"]
    # outer products: C read and written n times; blocks: A and B read n/block times, C too
    outer, blocks = 2 * n**3, 4 * n**3 / block
    return [
        Fact("all ways give the same product", gap < 1e-10, f"gap {gap:.0e}"),
        Fact("blocks move fewer numbers", blocks < outer, f"{outer / blocks:.0f} times fewer"),
    ]


CLAIM = Claim(
    number=61,
    title="Matrix products in blocks",
    statement="Reusing what lies in the cache makes a product of matrices many times faster.",
    place="N1 §3.1.1",
    paper="Goto & van de Geijn 2008",
    design=Design(
        factor="outer products, blocks of 64, the library",
        fixed="384×384 matrices in float32, one thread; the same multiplications in all three",
        budget="timed in turns; medians",
        arms={"pairs": "timed in turns"},
        seeds=12,
    ),
    comparisons=[
        Comparison("outer products / blocks", "pairs", "pairs", "more", 2, "outer", "blocks", is_ratio=True),
        Comparison(
            "blocks / library", "pairs", "pairs", "more", 1.1, "blocks", "library", is_ratio=True, is_judged=False
        ),
    ],
    measure=measure,
    facts=check,
    plot=Plot(),
    settings={"size": 384, "block": 64, "seconds": 0.3},
    quick={"size": 256, "seconds": 0.1},
    reading=Reading(
        sentences=(
            "n³ multiplications need only n² numbers; whether each is fetched once or n times is up to the order.",
            "Outer products take {c1} the time of blocks, and blocks {c2} that of the library, which chooses its own.",
            "Do not write matrix products; write your operation so that it becomes one.",
        ),
        would_change="Matrices that fit the cache whole, or with one side of a few numbers.",
        chinese=(
            "分块复用缓存可使矩阵乘法快许多倍",
            "外积 / 分块 {c1}；分块 / 库函数 {c2}",
        ),
    ),
)

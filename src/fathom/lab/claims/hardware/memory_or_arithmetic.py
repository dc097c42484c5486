"""Arithmetic is free while memory is what one waits for, and not once the data lies in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.inference.latency import measure_latency
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Expected, Plot, Reading


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time copying and adding, far outside the cache and inside it, in turns; yield nanoseconds an element."""
    for seed in seeds:
        torch.manual_seed(seed)
        yield _far(conditions["large"], conditions["seconds"]) | _near(conditions["small"], conditions["seconds"])


def _far(size: int, seconds: float) -> dict[str, float]:
    a, b, out = (torch.rand(size) for _ in range(3))
    found = measure_latency(
        {
            "copy_far": lambda _: out.copy_(a),
            "multiply_far": lambda _: torch.addcmul(a, a, a, out=out),  # two operations an element
            "add_far": lambda _: torch.add(a, b, out=out),
        },
        None,
        seconds=seconds,
    )
    return {name: 1e6 * ms / size for name, ms in found.items()}


def _near(size: int, seconds: float) -> dict[str, float]:
    a, b, out = (torch.rand(size) for _ in range(3))
    repeats = max(1, 200_000 // size)  # so that a call into the library is not what is timed
    found = measure_latency(
        {"add_near": lambda _: [torch.add(a, b, out=out) for _ in range(repeats)]}, None, seconds=seconds
    )
    return {name: 1e6 * ms / (size * repeats) for name, ms in found.items()}


def _compare(title: str, first: str, second: str, expected: Expected) -> Comparison:
    return Comparison(title, "pairs", "pairs", expected, 1.4, first, second, is_ratio=True)


CLAIM = Claim(
    number=60,
    title="Waiting for memory",
    statement="What an operation on long vectors costs is the memory it moves, not its arithmetic.",
    place="N1 §3.1.1",
    paper="Williams et al. 2009, doi:10.1145/1498765.1498785",
    design=Design(
        factor="copying, and two operations an element of the same memory; adding outside and inside the cache",
        fixed="float32, one thread, vectors of 64 MB and of 64 kB",
        budget="timed in turns within milliseconds; medians",
        arms={"pairs": "timed in turns"},
        seeds=15,
    ),
    comparisons=[
        _compare("multiply and add / copy, an element", "multiply_far", "copy_far", "same"),
        _compare("add: memory / cache, an element", "add_far", "add_near", "more"),
    ],
    measure=measure,
    plot=Plot(),
    settings={"large": 16_000_000, "small": 16_000, "seconds": 0.3},
    quick={"large": 8_000_000, "seconds": 0.1},
    reading=Reading(
        sentences=(
            "A processor multiplies dozens of numbers in the time in which memory brings it one.",
            "Multiplying and adding cost {c1} what copying costs; adding vectors in memory {c2} what it costs in the "
            "cache, an element.",
            "Fuse what works on the same data, and look at bytes before FLOPs wherever no matrix is multiplied.",
        ),
        would_change="Expensive functions (exp, tanh), several threads on one memory, data that fits the cache.",
        depends_on="whether it is copying or the cache that is compared with",
        chinese=(
            "长向量运算的代价在于访存而非计算",
            "乘加 / 复制 {c1}；内存中 / 缓存中 {c2}",
        ),
    ),
)

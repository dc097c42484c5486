"""Is the closed form of linear regression too slow, so that one has to descend?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import torch

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_SIZES = ((100, 2), (1000, 20), (10_000, 100), (100_000, 100), (10_000, 500))
_ARMS = {
    f"{way}_{n}_{d}": f"{label}, {n:,} × {d}"
    for n, d in _SIZES
    for way, label in (("solve", "solved"), ("descend", "descended"))
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time one way to within a hundredth of the least loss."""
    way, n, d = arm.split("_")
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        X = torch.randn(int(n), int(d), generator=generator)
        y = X @ torch.randn(int(d), generator=generator) + torch.randn(int(n), generator=generator)
        least = float((X @ _solve(X, y) - y).square().mean())
        work = _solve if way == "solve" else lambda X, y, least=least: _descend(X, y, 1.01 * least, conditions["batch"])
        times = []
        for _ in range(conditions["repeats"]):
            began = time.perf_counter()
            work(X, y)
            times.append(time.perf_counter() - began)
        yield {"milliseconds": 1000 * min(times)}  # the fastest: what other processes disturbed least


def _solve(X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Solve the normal equations, as the notes write them."""
    return torch.linalg.solve(X.T @ X, X.T @ y)


def _descend(X: torch.Tensor, y: torch.Tensor, target: float, batch: int) -> torch.Tensor:
    """Take mini-batch steps until the loss is at the target; looking for it costs nothing here.

    The rate is near the best for standard normal columns, where the curvature is known to be about 1: real data would
    have to be searched for one.
    """
    w = torch.zeros(X.shape[1])
    lr, paused = batch / (batch + X.shape[1]), 0.0
    rows = torch.arange(0, len(X), batch)
    for _ in range(200):
        for start in rows.tolist():
            part = X[start : start + batch]
            w -= lr * part.T @ (part @ w - y[start : start + batch]) / len(part)
        began = time.perf_counter()
        loss = float((X @ w - y).square().mean())
        paused += time.perf_counter() - began
        if loss <= target:
            break
        lr *= 0.7  # the noise of the batches has to die down
    return w


CLAIM = Claim(
    number=18,
    title="The closed form is far too slow",
    statement="Solving linear regression by matrices is far too slow, so one descends.",
    place="N2 优化方法",
    design=Design(
        factor="normal equations, or mini-batch descent to within 1 % of the least loss; 100 × 2 to 100,000 × 100",
        fixed="standard normal inputs, noise of variance 1, float32, one processor",
        budget="descent gets a learning rate near the best and a decay; the fastest of three times counts",
        arms=_ARMS,
        seeds=15,
        is_timed=True,
    ),
    comparisons=[
        Comparison(
            f"time solved / descended, {n:,} × {d}",
            f"solve_{n}_{d}",
            f"descend_{n}_{d}",
            "more",
            1.2,
            measure="milliseconds",
            is_ratio=True,
        )
        for n, d in _SIZES
    ],
    measure=measure,
    plot=Plot("milliseconds", "milliseconds", log_y=True),
    settings={"batch": 64, "repeats": 3},
    quick={"repeats": 1},
    reading=Reading(
        sentences=(
            "The normal equations cost n·d² + d³ once; descent costs n·d for every pass over the samples.",
            "Time solved over descended: 100 × 2 {c1}, 10,000 × 100 {c3}, 100,000 × 100 {c4}, 10,000 × 500 {c5}.",
            "Solve linear regressions of up to some hundred inputs; beyond, d² outgrows the pass or two that a "
            "rough answer takes.",
        ),
        would_change="A sharper target than 1 %, columns that are correlated, or samples that do not fit in memory.",
        depends_on="the number of inputs",
        chinese=(
            "直接矩阵求解效率太低，需要梯度下降",
            "求解与下降的时间之比：1 万×100 {c3}，10 万×100 {c4}，1 万×500 {c5}",
        ),
    ),
)

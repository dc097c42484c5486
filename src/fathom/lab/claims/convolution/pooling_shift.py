"""Does 2×2 max-pooling tolerate a shift by one pixel?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional as F

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

_ARMS = {"none": "no pooling", "max": "max-pooling 2×2", "mean": "mean-pooling 2×2", "stride": "every second value"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield by how much of its size the output of a convolution changes when the image moves by one pixel."""
    for seed in seeds:
        X = conditions.samples.draw(seed, conditions["samples"], 1).X
        generator = torch.Generator().manual_seed(seed)
        kernels = torch.randn(16, X.shape[1], 3, 3, generator=generator) / (3 * X.shape[1] ** 0.5)
        maps = torch.relu(F.conv2d(X, kernels))[:, :, 1:-1, 1:-1]  # (N, 16, H', W')
        moved = torch.relu(F.conv2d(X.roll(1, 3), kernels))[:, :, 1:-1, 1:-1]
        before, after = _pool(maps, arm), _pool(moved, arm)
        yield {"change": float((after - before).square().sum().sqrt() / before.square().sum().sqrt())}


def _pool(maps: torch.Tensor, arm: str) -> torch.Tensor:
    if arm == "max":
        return F.max_pool2d(maps, 2)
    if arm == "mean":
        return F.avg_pool2d(maps, 2)
    return maps[:, :, ::2, ::2] if arm == "stride" else maps


def check(conditions: Conditions) -> Sequence[Fact]:
    """Move a vertical edge through a window of two: the notes' case, and every other."""
    same = {place: torch.equal(_edge(place), _edge(place - 1)) for place in range(2, 10)}
    kept = sum(same.values())
    return [
        Fact("the edge of the notes' example may move one pixel to the left unseen", same[3], "columns 3 → 2"),
        Fact("an edge at any place may", all(same.values()), f"{kept} of {len(same)} places: those inside a window"),
    ]


def _edge(place: int) -> torch.Tensor:
    """Return what pooling makes of a row with a 1 at ``place``, counted from 1 as windows are."""
    row = torch.zeros(1, 12)
    row[0, place - 2] = 1.0  # windows: columns 0-1, 2-3, …; the notes' edge at index 1 moves to 0
    return F.max_pool1d(row, 2)


CLAIM = Claim(
    number=40,
    title="Max-pooling and a shift by one pixel",
    statement="2×2 max-pooling with stride 2 tolerates a shift of the image by one pixel.",
    place="N1 §2.4",
    paper="Azulay & Weiss 2019; Zhang 2019",
    design=Design(
        factor="what follows a convolution with ReLU: nothing, max-pooling, mean-pooling, every second value",
        fixed="16 random 3×3 kernels, images of Fashion-MNIST, a shift by one column",
        budget="nothing is trained",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison("change with max-pooling / without", "max", "none", "less", 1.25, "change", is_ratio=True),
        Comparison("max-pooling / mean-pooling", "max", "mean", "less", 1.25, "change", is_ratio=True, is_judged=False),
    ],
    measure=measure,
    facts=check,
    plot=Plot("change", "relative change under a shift"),
    data="fashion_mnist",
    takes=("images",),
    settings={"samples": 300},
    quick={"samples": 100},
    reading=Reading(
        sentences=(
            "A maximum does not change while it moves inside its window; across the border of two windows it does.",
            "An edge may move unseen at half of all places; on images a shift changes the output by {none:change} of "
            "its size without pooling, {max:change} with max-pooling ({c1}), {mean:change} with the mean.",
            "Do not count on pooling for invariance; train with shifted images, or blur before you subsample.",
        ),
        would_change="Larger windows, several poolings in a row, smoother images.",
        depends_on="where in its window an edge lies",
        chinese=(
            "2×2 最大池化能容忍一个像素的偏移",
            "一半的位置成立；图像平移一像素后输出相对变化：不池化 {none:change}，最大池化 {max:change}",
        ),
    ),
)

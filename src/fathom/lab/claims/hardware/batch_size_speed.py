"""Small data with large batches, large data with small ones: which reaches a loss sooner?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional as F

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Form, Stack

_SIZES = (16, 256)
_COUNTS = (300, 6000)
_TUNING = (10_000, 10_001, 10_002)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield processor time and steps to the target loss, for both batch sizes, each with the best of the rates."""
    count = int(arm)
    best = {}
    for size in _SIZES:
        times = {lr: _tuning_time(count, size, lr, conditions) for lr in conditions["rates"]}
        best[size] = min(times, key=times.__getitem__)
    for seed in seeds:
        values: dict[str, float] = {}
        for size in _SIZES:  # one after the other, so that both meet the same load
            seconds, steps = _train(seed, count, size, best[size], conditions)
            values |= {f"seconds{size}": seconds, f"samples{size}": steps * size}
        yield values


def _tuning_time(count: int, size: int, lr: float, conditions: Conditions) -> float:
    return sum(_train(seed, count, size, lr, conditions)[0] for seed in _TUNING)


def _train(seed: int, count: int, size: int, lr: float, conditions: Conditions) -> tuple[float, float]:
    """Return processor time and steps until the mean loss of an evaluation is below the target, or the limit."""
    draw = conditions.samples.draw(seed, count, 1)
    X, y = draw.flat[0], draw.y
    count = len(X)
    stack = Stack([seed], X.shape[1], conditions.samples.num_classes, Form(1, conditions["width"]))
    optimizer = torch.optim.SGD(stack.parameters(), lr=lr, momentum=0.9)
    generator, seconds, step = stack.generators[0], 0.0, 0
    every = max(1, conditions["every"] // size)  # evaluated after as many samples, outside the clock
    limit = conditions["limit"] // size
    while step < limit:
        began = time.process_time()
        for _ in range(every):
            rows = torch.randint(count, (size,), generator=generator)
            optimizer.zero_grad()
            F.cross_entropy(stack(X[None, rows])[0], y[rows]).backward()
            optimizer.step()
        seconds += time.process_time() - began
        step += every
        with torch.no_grad():
            if float(F.cross_entropy(stack(X[None])[0], y)) < conditions["target"]:
                break
    return seconds, float(step)


CLAIM = Claim(
    number=53,
    title="Batch size and speed",
    statement="Small batches speed up training on large data, large batches on small data.",
    place="N4 epoch",
    paper="McCandlish et al. 2018; Shallue et al. 2019",
    design=Design(
        factor="batch 16 against 256, on 300 and on 6,000 images of Fashion-MNIST",
        fixed="one hidden layer of 64 ReLUs, SGD with momentum 0.9, to a training loss of 0.4",
        budget="each batch size has the fastest of the same rates, chosen on seeds of its own; processor time",
        arms={str(count): f"{count:,} samples" for count in _COUNTS},
        seeds=10,
    ),
    comparisons=[
        Comparison("300 samples: 256 / 16", "300", "300", "less", 1.2, "seconds256", "seconds16", is_ratio=True),
        Comparison("6,000 samples: 16 / 256", "6000", "6000", "less", 1.2, "seconds16", "seconds256", is_ratio=True),
        Comparison(
            "6,000: samples seen", "6000", "6000", "less", 1.2, "samples16", "samples256", None, "", True, False
        ),
    ],
    measure=measure,
    plot=Plot(),
    data="fashion_mnist",
    takes=("images", "rows"),
    settings={"width": 64, "target": 0.4, "rates": (0.01, 0.03, 0.1), "every": 1024, "limit": 120_000},
    quick={"rates": (0.01, 0.03), "limit": 60_000},
    reading=Reading(
        sentences=(
            "A larger batch makes a step dearer and its direction better; which outweighs the other can be timed.",
            "Time to the loss: on 300 samples batch 256 takes {c1} that of 16; on 6,000 batch 16 takes {c2} that of "
            "256, "
            "and sees {c3} the samples.",
            "Choose the largest batch that still keeps the device busy at little cost, then tune the rate for it.",
        ),
        would_change="A GPU, on which small batches cost as much as large ones; a lower target; larger networks.",
        depends_on="the size of the data",
        chinese=(
            "大数据集用小批量加速，小数据集用大批量",
            "到达目标损失的时间之比：300 个样本 256/16 {c1}；6000 个样本 16/256 {c2}",
        ),
    ),
)

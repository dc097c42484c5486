"""Fused optimiser, channels last, compilation and bfloat16: are they faster here?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_ARMS = {
    "plain": "plain",
    "fused": "fused AdamW",
    "channels_last": "channels last",
    "bf16": "bfloat16 (autocast)",
    "compile": "torch.compile",
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time training steps of a small convolutional network; the fastest of many counts."""
    for seed in seeds:
        step = _make_step(arm, seed, conditions)
        for _ in range(3):  # what is prepared once: compilation, memory, the optimiser's state
            step()
        best = float("inf")
        for _ in range(conditions["repeats"]):
            began = time.perf_counter()
            step()
            best = min(best, time.perf_counter() - began)
        yield {"milliseconds": 1000 * best}


def _make_step(arm: str, seed: int, conditions: Conditions) -> Callable[[], None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: nn.Module = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 49, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        X, y = torch.randn(conditions["batch"], 1, 28, 28), torch.randint(10, (conditions["batch"],))
    if arm == "channels_last":
        net, X = net.to(memory_format=torch.channels_last), X.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), fused=arm == "fused")
    torch.compiler.reset()  # or the networks of earlier seeds would use up what it recompiles
    forward = torch.compile(net) if arm == "compile" else net

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=arm == "bf16"):
            loss = nn.functional.cross_entropy(forward(X), y)
        loss.backward()
        optimizer.step()

    return step


CLAIM = Claim(
    number=15,
    title="Options that make training faster",
    statement="A fused optimiser, channels last, compilation and mixed precision make training faster.",
    place="N0 Performance Tuning",
    design=Design(
        factor="each option by itself against none",
        fixed="a network of the size of LeNet, batches of 64 images of 28 × 28, one thread of a processor",
        budget="the fastest of 30 steps counts, after three that prepare",
        arms=_ARMS,
        seeds=12,
        is_timed=True,
    ),
    comparisons=[
        Comparison(f"time: {label} / plain", arm, "plain", "less", 1.05, measure="milliseconds", is_ratio=True)
        for arm, label in _ARMS.items()
        if arm != "plain"
    ],
    measure=measure,
    plot=Plot("milliseconds", "milliseconds of a step"),
    settings={"batch": 64, "repeats": 30},
    quick={"repeats": 5, "batch": 16},
    reading=Reading(
        sentences=(
            "Each option removes a cost of large devices: launches, memory traffic, wide numbers.",
            "Time of a step against plain: fused {c1}, channels last {c2}, bfloat16 {c3}, compiled {c4}.",
            "Measure on the machine at hand before switching anything on; on a processor some options cost time.",
        ),
        would_change="A GPU with tensor cores, or a processor with bfloat16 units: there the same options pay.",
        depends_on="the option and the device",
        chinese=(
            "fused、channels_last、compile、AMP 更快",
            "单线程 CPU 上每步时间之比：fused {c1}，channels_last {c2}，bf16 {c3}，compile {c4}",
        ),
    ),
)

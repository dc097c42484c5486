"""Gradients outside 10⁻⁶ … 10³ are lost in fp16; scaling the loss saves the small ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import cross_entropy, stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading
from fathom.lab.stacks import Form, Stack

_ARMS = {"fp16": "fp16", "scaled": "fp16, loss × 1,024", "bf16": "bf16"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Round the gradients of a deep network as a format does; yield the share that becomes zero, and the error."""
    data = conditions.samples
    X, y, _, _ = stack_draws([data.draw(seed, conditions["samples"], 1) for seed in seeds])
    stack = Stack(seeds, X.shape[2], data.num_classes, Form(conditions["depth"], conditions["width"], "tanh", "xavier"))
    loss = cross_entropy(stack(X), y).sum()
    grads = torch.autograd.grad(loss, list(stack.weights))
    scale = 1024.0 if arm == "scaled" else 1.0
    kind = torch.bfloat16 if arm == "bf16" else torch.float16
    for i in range(len(seeds)):
        exact = torch.cat([grad[i].flatten() for grad in grads]) / conditions["shrink"]
        rounded = (exact * scale).to(kind).float() / scale
        lost = (rounded == 0) & (exact != 0)
        error = (rounded - exact).square().sum().sqrt() / exact.square().sum().sqrt()
        yield {"lost_share": float(lost.float().mean()), "error": float(error)}


def check(conditions: Conditions) -> Sequence[Fact]:
    """Check the ends of fp16's range against the notes' 6·10⁻⁵ … 6·10⁴."""
    info = torch.finfo(torch.float16)
    least = 2.0**-24
    rounded = [float(torch.tensor(x).half()) for x in (least, least / 2.001)]
    return [
        Fact("the largest fp16 is 65,504, about 6·10⁴", info.max == 65504, f"{info.max:,.0f}"),
        Fact("the smallest of full precision is about 6·10⁻⁵", round(info.tiny / 1e-5) == 6, f"{info.tiny:.2e}"),
        Fact(
            "below that precision fades: 6·10⁻⁸ is the least above zero",
            rounded[0] == least and rounded[1] == 0,
            f"{least:.1e}",
            is_judged=False,
        ),
        Fact("65,520 overflows", bool(torch.tensor(65520.0).half().isinf()), "to infinity"),
    ]


CLAIM = Claim(
    number=59,
    title="fp16 and the size of gradients",
    statement="In fp16, whose range is 6·10⁻⁵ … 6·10⁴, small gradients are lost.",
    place="N1 §1.7.1; N2 数值稳定",
    paper="Micikevicius et al. 2018",
    design=Design(
        factor="format of the gradients: fp16, fp16 with the loss scaled by 1,024, bf16",
        fixed="10 hidden layers of 64 tanh, gradients divided by 1,000, as late in training",
        budget="nothing is trained: the same gradients are rounded in three ways",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison("fp16: share that becomes zero", "fp16", 0.0, "more", 0.01, "lost_share", unit="pp"),
        Comparison("fp16: error, scaled / plain", "scaled", "fp16", "less", 1.5, "error", is_ratio=True),
        Comparison("bf16: the same", "bf16", 0.0, "same", 0.01, "lost_share", unit="pp", is_judged=False),
    ],
    measure=measure,
    facts=check,
    plot=Plot("lost_share", "share of gradients that become zero"),
    data="digits",
    takes=("images", "rows"),
    settings={"depth": 10, "width": 64, "samples": 256, "shrink": 1000.0},
    reading=Reading(
        sentences=(
            "fp16 spends five bits on the exponent: below 6·10⁻⁵ it loses precision, below 3·10⁻⁸ everything.",
            "Of these gradients {fp16} became zero in fp16, {scaled} with the loss scaled, {bf16} in bf16; scaling "
            "changed the error {c2}.",
            "Use bf16 where the hardware has it, otherwise fp16 with a scaled loss, which Fathom's trainer does.",
        ),
        would_change="Larger gradients, earlier in training; a scale so large that others overflow.",
        depends_on="the size of the gradients",
        chinese=(
            "fp16 的范围约为 6e-5 到 6e4，小梯度会丢失",
            "变为零的梯度：fp16 {fp16}，损失放大 1024 倍 {scaled}，bf16 {bf16}",
        ),
    ),
)

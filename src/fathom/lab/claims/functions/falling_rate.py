"""A learning rate that falls lowers the noise of the end; does it lead to the global optimum?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import cross_entropy
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading
from fathom.lab.stacks import Form, Stack

_ARMS = {"large": "rate 0.3", "small": "rate 0.01", "falling": "0.3, falling to 0"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Learn two spirals from two starts each; yield the final loss, and how far the two starts end apart."""
    ends = []
    for start in (0, 1):
        stack = Stack([2 * seed + start for seed in seeds], 2, 2, Form(2, conditions["width"], "tanh", "xavier"))
        ends.append(_train(stack, arm, seeds, conditions))
    for a, b in zip(*(end.tolist() for end in ends), strict=True):
        yield {"loss": a, "excess": abs(a - b)}  # the worse of the two is at least so far from a global minimum


def _train(stack: Stack, arm: str, seeds: Sequence[int], conditions: Conditions) -> torch.Tensor:
    """Return the mean loss over all samples at the end: (S,)."""
    X, y = map(torch.stack, zip(*[_spirals(seed) for seed in seeds], strict=True))  # (S, N, 2), (S, N)
    parameters, members, steps = list(stack.parameters()), torch.arange(len(X))[:, None], conditions["steps"]
    for step in range(steps):
        rate = {"large": 0.3, "small": 0.01, "falling": 0.3 * (1 - step / steps)}[arm]
        rows = torch.stack([torch.randint(X.shape[1], (16,), generator=g) for g in stack.generators])
        loss = cross_entropy(stack(X[members, rows]), y[members, rows]).sum()
        grads = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter.sub_(rate * grad)
    with torch.no_grad():
        return cross_entropy(stack(X), y)


def _spirals(seed: int, count: int = 100) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1_000_000 + seed)
    t = torch.rand(count, generator=g).sqrt() * 3.5 * torch.pi
    arm = torch.arange(count) % 2
    angle = t + arm * torch.pi
    X = torch.stack([angle.cos(), angle.sin()], 1) * t[:, None] / 4 + 0.05 * torch.randn(count, 2, generator=g)
    return X, arm


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare the noise of SGD around the minimum of a parabola with its formula, η/(2 − η)."""
    g = torch.Generator().manual_seed(0)
    found = []
    for rate in (0.4, 0.1):
        w, total = torch.zeros(4000, dtype=torch.float64), 0.0
        for step in range(400):
            w = w - rate * (w + torch.randn(4000, generator=g, dtype=torch.float64))
            total += float(w.square().mean()) if step >= 100 else 0.0
        found.append((rate, total / 300, rate / (2 - rate)))
    worst = max(abs(measured / expected - 1) for _, measured, expected in found)
    detail = ", ".join(f"{measured:.4f} for {expected:.4f}" for _, measured, expected in found)
    return [Fact("noise of SGD around a minimum: η/(2 − η)", worst < 0.02, detail)]


CLAIM = Claim(
    number=52,
    title="A falling learning rate",
    statement="A large rate at first and a smaller one later ends in the global optimum instead of around it.",
    place="N4 学习率",
    paper="Robbins & Monro 1951; Smith et al. 2018",
    design=Design(
        factor="constant rate 0.3, constant 0.01, linear from 0.3 to 0",
        fixed="two spirals of 100 points, 2 hidden layers of 8 tanh, plain SGD with batches of 16, the same steps",
        budget="4,000 steps each; two starts on the same samples tell whether all end in the same minimum",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison("final loss: falling / 0.3", "falling", "large", "less", 1.1, "loss", is_ratio=True),
        Comparison("final loss: falling / 0.01", "falling", "small", "less", 1.1, "loss", is_ratio=True),
        Comparison("falling: how far two starts end apart", "falling", 0.0, "same", 0.01, "excess"),
    ],
    measure=measure,
    facts=check,
    plot=Plot("loss", "final training loss", log_y=True),
    settings={"width": 8, "steps": 4000},
    quick={"steps": 1500},
    reading=Reading(
        sentences=(
            "SGD with a constant rate keeps jumping about a minimum, the further the larger the rate.",
            "Final loss of the falling rate: {c1} that of 0.3, {c2} that of 0.01; but two starts on the same samples "
            "end "
            "{c3} apart, which at the global optimum would be 0.",
            "Let the rate fall to zero; for a better minimum try other seeds or a wider network.",
        ),
        would_change="Convex losses, where the statement is true; very wide networks, whose minima are all alike.",
        depends_on="what is meant: less noise, or the global optimum",
        chinese=(
            "先大后小的学习率使训练收敛到全局最优",
            "末端噪声与学习率成正比（成立）；但两次不同初始化的最终损失相差 {c3}，并非全局最优",
        ),
    ),
)

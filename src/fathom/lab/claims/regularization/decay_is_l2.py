"""Weight decay and the L2 penalty: the same for SGD, and for Adam?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

Descent = Callable[[float, float], Tensor]
"""Descends with a decay and a penalty, and returns the weights."""

_ARMS = {"adam": "Adam with the L2 penalty", "adamw": "AdamW with decoupled decay"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with the penalty in the gradient, or beside it."""
    decay = {"adam": conditions["l2"], "adamw": conditions["decay"]}[arm]
    kind = "adamw" if arm == "adamw" else "adam"
    recipe = Recipe((conditions["width"],), epochs=conditions["epochs"], optimizer=kind, weight_decay=decay)
    task = Task(conditions.samples, conditions["samples"], conditions["noise"])
    return task.measure(recipe, seeds, conditions["rates"])


def check(conditions: Conditions) -> Sequence[Fact]:
    """Take 100 steps on one loss by both rules, from the same weights, in float64."""
    lr, strength = 0.1, 0.05
    sgd, adam = (_distance(make(0.0, strength), make(strength, 0.0)) for make in (_descend_sgd(lr), _descend_adam(lr)))
    return [
        Fact("SGD: (1 − ηλ)w before each step is the step on loss + λ/2 ‖w‖²", sgd < 1e-12, f"difference {sgd:.0e}"),
        Fact("Adam: the two end at the same weights", adam < 1e-3, f"relative difference {adam:.2f}"),
    ]


def _distance(first: Tensor, second: Tensor) -> float:
    return float((first - second).norm() / second.norm())


def _loss(w: Tensor, penalty: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(50, 10, generator=generator, dtype=torch.float64)
    y = X @ torch.randn(10, generator=generator, dtype=torch.float64)
    return (X @ w - y).square().mean() / 2 + penalty / 2 * w.square().sum()


def _descend_sgd(lr: float) -> Descent:
    def descend(decay: float, penalty: float) -> Tensor:
        w = torch.ones(10, dtype=torch.float64, requires_grad=True)
        for _ in range(100):
            (gradient,) = torch.autograd.grad(_loss(w, penalty), w)
            w = ((1 - lr * decay) * w - lr * gradient).detach().requires_grad_()
        return w.detach()

    return descend


def _descend_adam(lr: float) -> Descent:
    def descend(decay: float, penalty: float) -> Tensor:
        w = torch.nn.Parameter(torch.ones(10, dtype=torch.float64))
        optimizer = torch.optim.AdamW([w], lr=lr, weight_decay=decay)
        for _ in range(100):
            optimizer.zero_grad()
            _loss(w, penalty).backward()
            optimizer.step()
        return w.detach()

    return descend


CLAIM = Claim(
    number=30,
    title="Weight decay is the L2 penalty",
    statement="Adding λ/2 ‖w‖² to the loss is the same as shrinking the weights by 1 − ηλ before every step.",
    place="N1 §1.6.1; N2",
    paper="Loshchilov & Hutter 2019",
    design=Design(
        factor="the penalty in the gradient, or decay beside it",
        fixed="a quadratic loss for the exact part; one hidden layer, 20 % wrong labels for the trained one",
        budget="the same epochs; the learning rate of every arm is the best of the same grid on seeds of its own",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison("accuracy: Adam with L2 − AdamW", "adam", "adamw", "same", 0.01, unit="pp"),
        Comparison(
            "norm of the weights: Adam with L2 / AdamW", "adam", "adamw", "same", 1.1, measure="norm", is_ratio=True
        ),
    ],
    measure=measure,
    facts=check,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={
        "samples": 1000,
        "width": 128,
        "noise": 0.2,
        "epochs": 40,
        "l2": 0.01,
        "decay": 0.01,
        "rates": (0.0003, 0.001, 0.003, 0.01),
    },
    quick={"epochs": 15, "rates": (0.001,)},
    reading=Reading(
        sentences=(
            "Adam divides the gradient by its size, and with it a penalty that stands in the gradient.",
            "For SGD both are equal to rounding; for Adam at the same λ accuracy differs by {c1} and the norm of "
            "the weights by "
            "{c2}.",
            "With Adam say AdamW, and do not carry a λ over from one to the other.",
        ),
        would_change="Plain SGD, or SGD with momentum up to the place where the decay enters.",
        depends_on="the optimiser: SGD yes, Adam no",
        chinese=("权重衰减 (1−ηλ)w 等价于 L2 惩罚", "SGD 下严格相等；Adam 下不等：准确率差 {c1}，权重范数之比 {c2}"),
    ),
)

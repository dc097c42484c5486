"""Batch normalisation: fewer steps, larger learning rates, the same accuracy?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, train_stack

_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_TUNING = range(10_000, 10_003)
_SMOOTH = 8  # steps over which the loss is averaged, since batches differ


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield accuracy and steps to the target loss with the best rate, and the largest rate that still works."""
    tuned = [torch.nan_to_num(_train(arm, rate, _TUNING, conditions)[0]).mean() for rate in _RATES]
    best = max(range(len(_RATES)), key=lambda i: float(tuned[i]))
    runs = [_train(arm, rate, seeds, conditions) for rate in _RATES]
    largest = torch.zeros(len(seeds))
    for rate, (accuracy, _) in zip(_RATES, runs, strict=True):
        largest = torch.where(torch.nan_to_num(accuracy) >= conditions["works"], rate, largest)
    accuracy, steps = runs[best]
    for i in range(len(seeds)):
        yield {"accuracy": float(accuracy[i]), "steps": float(steps[i]), "largest": float(largest[i])}


def _train(arm: str, lr: float, seeds: Sequence[int], conditions: Conditions) -> tuple[torch.Tensor, torch.Tensor]:
    """Return test accuracy and the step at which the mean loss of some steps first fell below the target: (S,) each."""
    data = conditions.samples
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    form = Form(conditions["depth"], conditions["width"], has_norm=arm == "norm")
    stack = Stack(seeds, X.shape[2], data.num_classes, form)
    losses: list[torch.Tensor] = []
    train_stack(stack, X, y, Fit(lr, conditions["epochs"]), on_step=lambda _, loss: losses.append(loss))
    found = torch.stack(losses).unfold(0, _SMOOTH, 1).mean(2)  # (steps − 7, S)
    below = found < conditions["target"]
    first = torch.where(below.any(0), below.int().argmax(0) + _SMOOTH, len(losses)).float()
    return stack.accuracy(X_test, y_test, X), first


CLAIM = Claim(
    number=45,
    title="What batch normalisation speeds up",
    statement="Batch normalisation converges faster and allows larger learning rates, at the same accuracy.",
    place="N1 §2.10.1",
    paper="Ioffe & Szegedy 2015; Bjorck et al. 2018",
    design=Design(
        factor="batch normalisation before every activation, or none",
        fixed="6 hidden layers of 48 ReLUs, He's weights, SGD with momentum 0.9, batch 64",
        budget="the same seven rates from 0.003 to 3; the best is chosen on seeds of their own; the same epochs",
        arms={"plain": "none", "norm": "batch normalisation"},
        seeds=15,
    ),
    comparisons=[
        Comparison("steps to a loss of 0.3", "norm", "plain", "less", 1.1, "steps", is_ratio=True),
        Comparison("largest rate that reaches 80 %", "norm", "plain", "more", 1.5, "largest", is_ratio=True),
        Comparison("test accuracy", "norm", "plain", "same", 0.01, unit="pp"),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"depth": 6, "width": 48, "samples": 600, "epochs": 20, "target": 0.3, "works": 0.8},
    quick={"samples": 400, "epochs": 12},
    reading=Reading(
        sentences=(
            "Three promises in one sentence, each measured with rates tuned alike.",
            "Steps to a loss of 0.3: {c1}; largest rate that works: {c2}; test accuracy: {c3}.",
            "Normalise where depth or first weights make training hard; a shallow network with good weights gains "
            "less.",
        ),
        would_change="Poor first weights or more layers (more gain), batches of a few samples (less).",
        depends_on="which of the three is meant",
        chinese=(
            "批量规范化加快收敛、允许更大的学习率，一般不改变精度",
            "步数之比 {c1}；最大学习率之比 {c2}；准确率差 {c3}",
        ),
    ),
)

"""Clipping gradients and normalising them: both keep a network from exploding; is either better?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import cross_entropy, stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Form, Stack, best_rate

_TUNING = range(10_000, 10_003)
_ARMS = {"plain": "gradients as they are", "clip": "clipped to norm 1", "normalize": "normalised to norm 1"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with the best of the rates; yield test accuracy, and how many of the rates reach 80 %."""
    rates = conditions["rates"]
    best = best_rate(rates, lambda lr: float(torch.nan_to_num(_train(arm, lr, _TUNING, conditions)).sum()))
    works = sum((torch.nan_to_num(_train(arm, rate, seeds, conditions)) >= 0.8).int() for rate in rates)
    for value, count in zip(
        _train(arm, best, seeds, conditions).tolist(), torch.as_tensor(works).tolist(), strict=True
    ):
        # one that diverged with its best rate has learned nothing: a guess
        chance = 1 / conditions.samples.num_classes
        yield {"accuracy": value if value == value else chance, "rates": count, "lr": best}


def _train(arm: str, lr: float, seeds: Sequence[int], conditions: Conditions) -> torch.Tensor:
    data, width = conditions.samples, conditions["width"]
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    # weights twice as large as He's: values double in every layer
    stack = Stack(seeds, X.shape[2], data.num_classes, Form(conditions["depth"], width, init=2 * (2 / width) ** 0.5))
    parameters, members = list(stack.parameters()), torch.arange(len(X))[:, None]
    for _ in range(conditions["epochs"]):
        order = torch.stack([torch.randperm(X.shape[1], generator=g) for g in stack.generators])
        for start in range(0, X.shape[1] - 63, 64):
            rows = order[:, start : start + 64]
            loss = cross_entropy(stack(X[members, rows]), y[members, rows]).sum()
            grads = torch.autograd.grad(loss, parameters)
            norm = sum(grad.square().sum((1, 2)) for grad in grads).sqrt()  # type: ignore[union-attr]
            scale = torch.ones_like(norm)
            if arm != "plain":
                scale = 1 / norm if arm == "normalize" else (1 / norm).clamp(max=1.0)
            with torch.no_grad():
                for parameter, grad in zip(parameters, grads, strict=True):
                    parameter.sub_(lr * scale[:, None, None] * grad)
    return stack.accuracy(X_test, y_test, X)


CLAIM = Claim(
    number=57,
    title="Clipping and normalising gradients",
    statement="Gradients that are normalised or clipped make unstable networks trainable.",
    place="N1 §1.7.2; N2 数值稳定",
    paper="Pascanu et al. 2013",
    design=Design(
        factor="gradients as they are, clipped to norm 1, normalised to norm 1",
        fixed="8 hidden layers of 32 ReLUs with weights twice He's, plain SGD, batch 64, the same steps",
        budget="the same 10 learning rates from 0.0001 to 3 for each, chosen on seeds of their own",
        arms=_ARMS,
        seeds=10,
    ),
    comparisons=[
        Comparison("accuracy: clipped − plain", "clip", "plain", "more", 0.02, unit="pp"),
        Comparison("accuracy: normalised − plain", "normalize", "plain", "more", 0.02, unit="pp"),
        Comparison("accuracy: normalised − clipped", "normalize", "clip", "same", 0.02, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={
        "depth": 8,
        "width": 32,
        "samples": 500,
        "epochs": 50,
        "rates": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0),
    },
    quick={"epochs": 15, "rates": (1e-4, 1e-3, 1e-2, 0.1)},
    reading=Reading(
        sentences=(
            "Clipping bounds the length of a step, normalising makes all steps equally long; both keep its direction.",
            "Test accuracy with the best rate: {plain} plain, {clip} clipped ({c1}), {normalize} normalised ({c2}); "
            "rates of ten that reach 80 %: {plain:rates}, {clip:rates}, {normalize:rates}.",
            "Clip as an insurance; normalise only with a rate that falls, since steps do not shrink by themselves.",
        ),
        would_change="Sound first weights, normalisation layers, optimisers that scale by the gradient anyhow.",
        depends_on="which of the two is used",
        chinese=(
            "梯度归一化、梯度裁剪使不稳定的网络可以训练",
            "测试准确率差：裁剪 − 原样 {c1}；归一化 − 原样 {c2}",
        ),
    ),
)

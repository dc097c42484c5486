"""Is a small network better for having learned from a large one?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch.nn import functional as F

from fathom.lab.ensembles import Recipe, cross_entropy, stack_draws, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_TUNING = range(10_000, 10_005)
_ARMS = {"hard": "labels", "distilled": "labels and teacher", "teacher": "the teacher"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train a student on labels, or on labels and a teacher's outputs; yield test accuracy."""
    if arm == "teacher":
        for value in _teacher(seeds, conditions)[1]:
            yield {"accuracy": value}
        return
    pairs = itertools.product(conditions["alphas"], conditions["temperatures"])
    mixes: list[tuple[float, float]] = [(0.0, 1.0)] if arm == "hard" else list(pairs)
    tried = [(float(rate), alpha, heat) for alpha, heat in mixes for rate in conditions["rates"]]
    best = max(tried, key=lambda choice: sum(_student(choice[0], choice[1], choice[2], _TUNING, conditions)))
    for value in _student(best[0], best[1], best[2], seeds, conditions):
        yield {"accuracy": value, "lr": best[0], "alpha": best[1], "temperature": best[2]}


def _sample(seeds: Sequence[int], conditions: Conditions) -> tuple[torch.Tensor, ...]:
    return stack_draws([conditions.samples.draw(seed, conditions["samples"], 1000) for seed in seeds])


def _teacher(seeds: Sequence[int], conditions: Conditions) -> tuple[torch.Tensor, list[float]]:
    """Return a teacher's outputs on the training samples (S, N, K), and its test accuracies."""
    X, y, X_test, y_test = _sample(seeds, conditions)
    recipe = Recipe((256,), epochs=conditions["epochs"], dropout=0.3)
    net = train_ensemble(X, y, recipe, [seed + 500_000 for seed in seeds], num_outputs=conditions.samples.num_classes)
    return net.predict(X), net.accuracy(X_test, y_test).tolist()


def _student(lr: float, alpha: float, heat: float, seeds: Sequence[int], conditions: Conditions) -> list[float]:
    X, y, X_test, y_test = _sample(seeds, conditions)
    recipe = Recipe((conditions["student"],), epochs=conditions["epochs"], lr=lr)
    classes = conditions.samples.num_classes
    if alpha:
        outputs = _teacher(seeds, conditions)[0]

        def loss(found: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            hard = cross_entropy(found, target[..., -1].long())
            soft = F.kl_div(
                F.log_softmax(found / heat, 2), F.softmax(target[..., :-1] / heat, 2), reduction="none"
            ).sum(2)
            return (1 - alpha) * hard + alpha * heat**2 * soft.mean(1)  # T²: gradients of the same size

        recipe, y = replace(recipe, loss=loss), torch.cat([outputs, y[..., None].float()], 2)  # (S, N, K + 1)
    net = train_ensemble(X, y, recipe, seeds, num_outputs=classes)
    return net.accuracy(X_test, y_test).tolist()


CLAIM = Claim(
    number=54,
    title="Distillation",
    statement="A small network that learns from a teacher's outputs is better than the same one on labels alone.",
    place="N4 模型蒸馏",
    paper="Hinton et al. 2015; Cho & Hariharan 2019",
    design=Design(
        factor="student on labels, or on labels and its teacher's outputs",
        fixed="student of 12 hidden units, teacher of 256 with dropout, 300 digits for both, SGD with momentum 0.9",
        budget="the same epochs and rates; α and T of the distilled one are chosen too, on seeds of their own",
        arms=_ARMS,
        seeds=30,
    ),
    comparisons=[
        Comparison("distilled − labels", "distilled", "hard", "more", 0.005, unit="pp"),
        Comparison("teacher − labels", "teacher", "hard", "more", 0.005, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={
        "student": 12,
        "samples": 300,
        "epochs": 40,
        "rates": (0.03, 0.1),
        "alphas": (0.5, 0.9),
        "temperatures": (2.0, 5.0),
    },
    quick={"epochs": 15, "rates": (0.1,), "alphas": (0.9,)},
    reading=Reading(
        sentences=(
            "The teacher's outputs say which classes a sample resembles, where a label names one.",
            "Accuracy of the distilled student minus that on labels: {c1}; of the teacher minus that on labels: {c2}.",
            "Distil where the teacher is clearly better; otherwise a longer training of the student may do as much.",
        ),
        would_change="A teacher that saw more data, unlabelled samples for the student, a student far too small.",
        chinese=(
            "蒸馏得到的学生网络优于只用硬标签训练的同一网络",
            "蒸馏 − 硬标签：{c1}；教师 − 学生：{c2}",
        ),
    ),
)

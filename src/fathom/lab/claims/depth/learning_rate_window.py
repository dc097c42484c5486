"""Where gradients explode with depth, fewer learning rates work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, train_stack

_FORMS = {
    "stable": {"init": 1.0},
    "exploding": {"init": 2.0},
    "normalized": {"init": 2.0, "has_norm": True},
}
_RATES = tuple(10 ** (k / 3) for k in range(-15, 4))  # 10⁻⁵ … 10, three a decade


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Try all rates; yield how many decades of them reach the accuracy that counts as trained."""
    data, width = conditions.samples, conditions["width"]
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    options = dict(_FORMS[arm])
    # in units of He's standard deviation: 2 doubles each layer's output
    options["init"] = float(options["init"]) * math.sqrt(2 / width)
    works = []
    for rate in _RATES:
        stack = Stack(seeds, X.shape[2], data.num_classes, Form(conditions["depth"], width, "relu", **options))  # type: ignore[arg-type]
        train_stack(stack, X, y, Fit(rate, conditions["epochs"]))
        accuracy = stack.accuracy(X_test, y_test, X)
        works.append(torch.nan_to_num(accuracy, nan=0.0) >= conditions["target"])  # diverged: does not work
    for count in torch.stack(works).sum(0).tolist():
        yield {"decades": count / 3}


CLAIM = Claim(
    number=38,
    title="Exploding gradients and the learning rate",
    statement="In a network whose gradients explode only a narrow range of learning rates works.",
    place="N1 §1.7.1; N2 数值稳定",
    paper="Godbole et al. 2023, Deep Learning Tuning Playbook, on instability",
    design=Design(
        factor="first weights: He's; twice those, so that every layer doubles; twice those with batch normalisation",
        fixed="8 hidden layers of 32 ReLUs, SGD with momentum 0.9, the same steps",
        budget="every arm tries the same 19 rates from 10⁻⁵ to 10; one works if it reaches 80 % on test samples",
        arms={"stable": "He", "exploding": "2 · He", "normalized": "2 · He, normalised"},
        seeds=15,
    ),
    comparisons=[
        Comparison("2 · He − He", "exploding", "stable", "less", 0.25, "decades", unit="decades"),
        Comparison(
            "2 · He: normalised − not",
            "normalized",
            "exploding",
            "more",
            0.25,
            "decades",
            unit="decades",
            is_judged=False,
        ),
    ],
    measure=measure,
    plot=Plot("decades", "decades of learning rates that work"),
    data="digits",
    takes=("images", "rows"),
    settings={"depth": 8, "width": 32, "samples": 500, "epochs": 15, "target": 0.8},
    quick={"samples": 400},
    reading=Reading(
        sentences=(
            "Where every layer doubles what passes, values grow 2⁸-fold on the way up, and a step changes the output "
            "by all of these products at once.",
            "Decades of learning rates that reach 80 %: {stable} with He's weights, {exploding} with twice these "
            "({c1}), "
            "{normalized} once normalised.",
            "If hardly any learning rate works, look at the first weights and at normalisation before tuning on.",
        ),
        would_change="More steps at small rates, gradient clipping, or optimisers that divide by the gradient's size.",
        chinese=(
            "梯度爆炸的网络可用的学习率范围很窄",
            "可用学习率的数量级：He {stable}，两倍 He {exploding}，加批量规范化 {normalized}",
        ),
    ),
)

"""Squared error in place of cross-entropy for classification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe, squared_error
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading


def brier(outputs: Tensor, y: Tensor) -> Tensor:
    """Return the squared error of the probabilities, as the notes put it: softmax first."""
    return squared_error(torch.softmax(outputs, 2), y)


_LOSSES: dict[str, Any] = {"ce": "cross_entropy", "logits": "mse", "softmax": brier}
_NAMES = {"ce": "cross-entropy", "logits": "squared error of the outputs", "softmax": "squared error after softmax"}
_NETS = {"linear": (), "hidden": (64,)}
_ARMS = {f"{net}_{loss}": f"{net}: {name}" for net in _NETS for loss, name in _NAMES.items()}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train one network with one loss."""
    net, loss = arm.split("_")
    recipe = Recipe(_NETS[net], loss=_LOSSES[loss], epochs=conditions["epochs"])
    return Task(conditions.samples, conditions["samples"]).measure(recipe, seeds, conditions["rates"])


CLAIM = Claim(
    number=19,
    title="Squared error for classes",
    statement="Squared error does not give satisfying classifiers; cross-entropy does.",
    place="N3 ch. 4; N1 §1.3.1",
    paper="Hui & Belkin 2021",
    design=Design(
        factor=(
            "cross-entropy, squared error of the outputs, squared error of the softmax; without and with a hidden layer"
        ),
        fixed="SGD with momentum 0.9, batch 64, samples and first weights",
        budget="the same epochs; the learning rate of every arm is the best of the same grid on seeds of its own",
        arms=_ARMS,
        seeds=30,
    ),
    comparisons=[
        Comparison(f"{net}: cross-entropy − {_NAMES[loss]}", f"{net}_ce", f"{net}_{loss}", "more", 0.005, unit="pp")
        for net in _NETS
        for loss in ("logits", "softmax")
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"samples": 500, "epochs": 100, "rates": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)},
    quick={"epochs": 15, "rates": (0.03, 0.3, 3.0)},
    reading=Reading(
        sentences=(
            "Squared error punishes an output for being too right, and after softmax its gradient fades where the "
            "network is surely wrong.",
            "Accuracy lost against cross-entropy: without hidden layer {c1} (outputs), {c2} (softmax); with one "
            "{c3}, {c4}.",
            "Cross-entropy is the safe choice and gives probabilities; squared error wants a learning rate of its own.",
        ),
        would_change="Many classes, or one learning rate for all losses: the grid here reaches to 3.",
        depends_on="the network and what the error is taken of",
        chinese=(
            "均方误差不适合分类，应使用交叉熵",
            "交叉熵减均方误差的准确率：线性 {c1}（输出）、{c2}（softmax 后）；有隐藏层 {c3}、{c4}",
        ),
    ),
)

"""Dropout leaves the mean of what it is applied to unchanged: of the layer, and of the network's output?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

_UNITS = 10  # 2¹⁰ masks: all of them, so that means are exact


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Average the outputs of a network over every mask of its first hidden layer; yield how far that is off."""
    activation = {"linear": lambda z: z, "relu": torch.relu, "tanh": torch.tanh}[arm]
    keep = 1 - conditions["dropout"]
    masks = torch.tensor(list(itertools.product((0.0, 1.0), repeat=_UNITS)), dtype=torch.float64)  # (1024, units)
    chance = (keep ** masks.sum(1)) * ((1 - keep) ** (_UNITS - masks.sum(1)))  # (1024,)
    for seed in seeds:
        g = torch.Generator().manual_seed(seed)
        X = torch.randn(200, 5, generator=g, dtype=torch.float64)
        W, U, v = (
            torch.randn(*size, generator=g, dtype=torch.float64) * (2 / size[0]) ** 0.5
            for size in ((5, _UNITS), (_UNITS, 16), (16, 1))
        )
        h = torch.relu(X @ W)  # (N, units)
        plain = (activation(h @ U) @ v)[:, 0]  # (N,), dropout off
        dropped = torch.stack([(activation((h * mask / keep) @ U) @ v)[:, 0] for mask in masks])  # (1024, N)
        mean = (chance[:, None] * dropped).sum(0)
        yield {"bias": float((mean - plain).square().mean().sqrt() / plain.std())}


def check(conditions: Conditions) -> Sequence[Fact]:
    """Average a layer over all masks."""
    keep = 1 - conditions["dropout"]
    h = torch.linspace(-2, 3, _UNITS, dtype=torch.float64)
    masks = torch.tensor(list(itertools.product((0.0, 1.0), repeat=_UNITS)), dtype=torch.float64)
    chance = (keep ** masks.sum(1)) * ((1 - keep) ** (_UNITS - masks.sum(1)))
    gap = float(((chance[:, None] * masks * h / keep).sum(0) - h).abs().max())
    return [Fact("the mean of a layer over all masks is the layer", gap < 1e-12, f"largest difference {gap:.0e}")]


CLAIM = Claim(
    number=32,
    title="The mean under dropout",
    statement="Dropout with the factor 1/(1 − p) leaves means unchanged.",
    place="N1 §1.6.3; N2 丢弃法",
    paper="Srivastava et al. 2014",
    design=Design(
        factor=(
            "what follows the layer with dropout: a linear layer; one with ReLU; one with tanh; then a linear output"
        ),
        fixed="ten units under dropout 0.5, all 1,024 masks with their probabilities, He's weights, float64",
        budget="nothing is trained",
        arms={"linear": "linear above", "relu": "ReLU above", "tanh": "tanh above"},
        seeds=30,
    ),
    comparisons=[
        Comparison("linear above: error of the mean", "linear", 0.0, "same", 0.02, "bias"),
        Comparison("ReLU above: error of the mean", "relu", 0.0, "same", 0.02, "bias"),
        Comparison("tanh above: error of the mean", "tanh", 0.0, "same", 0.02, "bias"),
    ],
    measure=measure,
    facts=check,
    plot=Plot("bias", "error of the output's mean / its spread"),
    settings={"dropout": 0.5},
    reading=Reading(
        sentences=(
            "The factor makes the mean of each dropped unit right; a bent function of several is another matter.",
            "Error of the output's mean, in units of its spread over samples: {linear} with linear layers above, "
            "{relu} "
            "with ReLU, {tanh} with tanh.",
            "A network in evaluation mode is not the mean of its dropout networks, only close to it.",
        ),
        would_change="Small p, wide layers (whose sums hardly vary), or an average over masks at prediction.",
        depends_on="what follows the layer",
        chinese=(
            "Dropout 不改变期望",
            "对该层精确成立；其上有 ReLU 时网络输出的均值偏差 {relu}，tanh {tanh}（以输出标准差为单位）",
        ),
    ),
)

"""What hidden layers are needed for, at the same number of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from fathom.lab.ensembles import Recipe, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

# about 640 parameters each, two inputs and two classes: 5w + 2, w² + 6w + 2, 2w² + 7w + 2
_WIDTHS = {0: (), 1: (128,), 2: (22, 22), 3: (16, 16, 16)}
_ARMS = {f"{shape}_{depth}": f"{shape}, {depth} hidden" for shape in ("line", "moons", "spirals") for depth in _WIDTHS}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Learn two classes in the plane; yield the accuracy on new points."""
    shape, depth = arm.split("_")
    recipe = Recipe(
        widths=_WIDTHS[int(depth)], epochs=conditions["epochs"], batch_size=50, lr=conditions["lr"], optimizer="adam"
    )
    drawn = [draw(shape, seed, conditions["samples"] + 1000) for seed in seeds]
    X, y = (torch.stack([pair[i] for pair in drawn]) for i in (0, 1))
    split = conditions["samples"]
    ensemble = train_ensemble(X[:, :split], y[:, :split], recipe, seeds, num_outputs=2)
    for value in ensemble.accuracy(X[:, split:], y[:, split:]).tolist():
        yield {"accuracy": value}


def draw(shape: str, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Return points of two classes with a little noise: (count, 2), (count,)."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (count,), generator=generator)
    sign = (2 * y - 1).float()
    u = torch.rand(count, generator=generator)
    if shape == "line":
        X = torch.randn(count, 2, generator=generator) + torch.stack([1.5 * sign, 0.5 * sign], 1)
        return X, y
    if shape == "moons":  # two half circles, one inside the other's arms
        angle = math.pi * u
        X = torch.stack([sign * torch.cos(angle) + 0.5 * sign, sign * (torch.sin(angle) - 0.25)], 1)
    else:  # one and a half turns
        angle = 3 * math.pi * (0.1 + 0.9 * u)
        X = (angle / 6)[:, None] * torch.stack([sign * torch.cos(angle), sign * torch.sin(angle)], 1)
    return X + 0.08 * torch.randn(count, 2, generator=generator), y


def _gain(shape: str, more: int, less: int, *, is_judged: bool = True) -> Comparison:
    title = f"{shape}: {more} − {less} hidden layers"
    return Comparison(title, f"{shape}_{more}", f"{shape}_{less}", "more", margin=0.01, unit="pp", is_judged=is_judged)


CLAIM = Claim(
    number=3,
    title="How many hidden layers",
    statement=(
        "No hidden layer separates linearly, one approximates continuous functions, two any boundary, more extract "
        "features."
    ),
    place="N0 Model, Hidden Layers",
    paper="Telgarsky 2016",
    design=Design(
        factor="0, 1, 2, 3 hidden layers on a straight boundary, two moons and two spirals",
        fixed="about 640 parameters with 1, 2 and 3 layers; ReLU; 400 points with noise",
        budget="the same epochs of Adam at the same learning rate",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        _gain("moons", 1, 0),
        _gain("spirals", 2, 1),
        _gain("spirals", 3, 2),
        _gain("line", 1, 0, is_judged=False),
        _gain("moons", 2, 1, is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "accuracy on new points"),
    settings={"samples": 400, "epochs": 200, "lr": 0.01},
    quick={"epochs": 100},
    reading=Reading(
        sentences=(
            "One hidden layer can in principle draw any boundary; the question is what a given number of parameters "
            "learns to draw.",
            "One layer gains {c1} on moons over none; on spirals the second gains {c2} and the third {c3}.",
            "Let the validation split decide on a further layer; the count alone says little about the boundary.",
        ),
        would_change="Many more parameters or epochs, with which one layer draws the spiral too.",
        depends_on="the boundary's shape and the number of parameters",
        chinese=(
            "0 层只能线性可分，1 层可逼近连续函数，2 层可表示任意边界，更多层提取特征",
            "参数量相同时：月牙上 1 层比 0 层 {c1}；螺旋上第 2 层 {c2}，第 3 层 {c3}",
        ),
    ),
)

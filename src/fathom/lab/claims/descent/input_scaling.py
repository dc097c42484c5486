"""Do inputs of mean 0 and standard deviation 1 train faster than raw ones?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from fathom.lab.ensembles import Ensemble, Recipe, cross_entropy, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_WAYS = {"raw": "raw", "unit": "scaled to 0…1", "standard": "mean 0, standard deviation 1"}
_ARMS = {f"{data}_{way}": f"{data}, {label}" for data in ("cells", "digits") for way, label in _WAYS.items()}
_TUNING = range(10_000, 10_003)  # seeds that choose the learning rate


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train from inputs of one scale; yield the epochs until the training loss has fallen to the target."""
    name, way = arm.split("_")
    X, y = load(name)
    X = scale(X, way)
    classes = int(y.max()) + 1
    recipe = Recipe((32,), epochs=conditions["epochs"], batch_size=32)
    rates = [10.0**power for power in range(conditions["lowest_power"], 2)]
    best = min(
        rates, key=lambda rate: float(_epochs(X, y, replace(recipe, lr=rate), _TUNING, conditions, classes).sum())
    )
    for count in _epochs(X, y, replace(recipe, lr=best), seeds, conditions, classes).tolist():
        yield {"epochs": count, "lr": best}


def _epochs(X: Tensor, y: Tensor, recipe: Recipe, seeds: Sequence[int], conditions: Conditions, classes: int) -> Tensor:
    """Return when each member reached the target; an epoch more than there were where it never did."""
    reached = torch.full((len(seeds),), float(recipe.epochs + 1))
    every_X, every_y = X.expand(len(seeds), *X.shape), y.expand(len(seeds), *y.shape)

    def watch(epoch: int, ensemble: Ensemble) -> None:
        loss = cross_entropy(ensemble.predict(every_X), every_y)
        reached[(loss <= conditions["target"]) & (reached > epoch)] = epoch

    train_ensemble(every_X, every_y, recipe, seeds, num_outputs=classes, on_epoch=watch)
    return reached


def load(name: str) -> tuple[Tensor, Tensor]:
    """Return raw rows and classes of scikit-learn's sets: measured cell nuclei, or digits of 0…16."""
    from sklearn import datasets

    X, y = (datasets.load_breast_cancer if name == "cells" else datasets.load_digits)(return_X_y=True)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def scale(X: Tensor, way: str) -> Tensor:
    """Scale each column; one that does not vary becomes 0."""
    if way == "raw":
        return X
    if way == "unit":
        return (X - X.amin(0)) / (X.amax(0) - X.amin(0)).clamp(min=1e-12)
    return (X - X.mean(0)) / X.std(0).clamp(min=1e-6)


def _compare(data: str, other: str) -> Comparison:
    title = f"epochs on {data}: standardised / {_WAYS[other]}"
    return Comparison(title, f"{data}_standard", f"{data}_{other}", "less", 1.2, measure="epochs", is_ratio=True)


CLAIM = Claim(
    number=13,
    title="Normalised inputs",
    statement="Inputs brought to mean 0 and standard deviation 1 make training faster.",
    place="N0 Performance Tuning; N4 预处理",
    paper="LeCun, Bottou, Orr & Müller 1998",
    design=Design(
        factor="inputs raw, scaled to 0…1, standardised; columns of unlike scale (cells) and of one scale (digits)",
        fixed="one hidden layer of 32, ReLU, SGD with momentum 0.9, batch 32, first weights",
        budget="the learning rate of every arm is the best power of ten from 1e-7 to 10, on seeds of its own",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        _compare("cells", "raw"),
        _compare("cells", "unit"),
        _compare("digits", "raw"),
        _compare("digits", "unit"),
    ],
    measure=measure,
    plot=Plot("epochs", "epochs until the training loss is 0.1", log_y=True),
    settings={"epochs": 40, "target": 0.1, "lowest_power": -7},
    quick={"epochs": 12, "lowest_power": -5},
    reading=Reading(
        sentences=(
            "The columns of cells span five powers of ten, those of digits all reach from 0 to 16; a training "
            "that never "
            "gets to the target counts as an epoch more than it had.",
            "Epochs to a loss of 0.1, standardised over raw: cells {c1}, digits {c3}; over 0…1: {c2} and {c4}.",
            "Standardise: it costs one pass over the training split, and gains most where columns differ in scale.",
        ),
        would_change="Adam, which scales each weight's step, or batch normalisation behind the inputs.",
        depends_on="how unlike the columns are",
        chinese=(
            "输入标准化（均值 0、方差 1）加快训练",
            "达到损失 0.1 的轮数之比（标准化/原始）：量纲悬殊的表格 {c1}，量纲一致的数字图像 {c3}",
        ),
    ),
)

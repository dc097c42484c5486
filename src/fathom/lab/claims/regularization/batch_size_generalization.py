"""Do small batches generalise better, and is it the batch or the learning rate?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_SIZES = (4, 16, 64, 256)
_WAYS = {
    "fixed": "one learning rate, equal epochs",
    "epochs": "tuned learning rate, equal epochs",
    "steps": "tuned learning rate, equal steps",
}
_ARMS = {f"{way}_{size}": f"batch {size}: {label}" for way, label in _WAYS.items() for size in _SIZES[1:]} | {
    "epochs_4": "batch 4: tuned learning rate, equal epochs"
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with one batch size under one budget."""
    way, text = arm.split("_")
    size, epochs = int(text), conditions["epochs"]
    if way == "steps":  # as many as batches of 64 take
        epochs = round(epochs * size / 64)
    recipe = Recipe(widths=(conditions["width"],), epochs=epochs, batch_size=size, lr=conditions["lr"], momentum=0.0)
    rates = () if way == "fixed" else conditions["rates"]
    yield from Task(conditions.samples, conditions["samples"], conditions["noise"]).measure(recipe, seeds, rates)


def _compare(way: str, small: int, large: int, *, is_judged: bool = True) -> Comparison:
    title = f"{small} − {large}: {_WAYS[way]}"
    return Comparison(title, f"{way}_{small}", f"{way}_{large}", "more", margin=0.01, unit="pp", is_judged=is_judged)


CLAIM = Claim(
    number=6,
    title="Small batches generalise better",
    statement="The smaller the batch, from 4 to 512, the better the network generalises.",
    place="N0 Overfitting Solution",
    paper="Keskar et al. 2017; Shallue et al. 2019",
    design=Design(
        factor="batch size 4, 16, 64, 256 under three budgets",
        fixed="one hidden layer, plain SGD, 20 % of the training labels drawn anew, samples",
        budget="equal epochs at one learning rate; equal epochs, and equal steps, with the best rate of one grid each",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        _compare("fixed", 16, 256),
        _compare("epochs", 16, 256),
        _compare("steps", 16, 256),
        _compare("epochs", 4, 64, is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={
        "samples": 1000,
        "width": 64,
        "epochs": 24,
        "noise": 0.2,
        "lr": 0.1,
        "rates": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    },
    quick={"epochs": 8, "rates": (0.03, 0.3)},
    reading=Reading(
        sentences=(
            "At one learning rate a batch of 16 takes sixteen times the steps of one of 256, so the comparison is of "
            "training time as much as of noise.",
            "Accuracy of 16 less 256: {c1} at one rate, {c2} with tuned rates, {c3} with tuned rates and equal steps.",
            "Choose the batch for speed, then tune the learning rate: what is left of the difference is small.",
        ),
        would_change=(
            "Batches near the size of the set, training far beyond convergence, or large batches without tuning."
        ),
        depends_on="the learning rate and the budget",
        chinese=(
            "批量越小（4～512）泛化越好",
            "批量 16 减 256 的准确率差：同一学习率 {c1}；各自调参 {c2}；调参且步数相同 {c3}",
        ),
    ),
)

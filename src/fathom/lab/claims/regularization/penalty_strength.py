"""L1 and L2 penalties: what their weight does to the weights, the gap and the accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_POWERS = (4, 3, 2, 1)  # λ = 10^−power
_ARMS = {"none": "none"} | {f"{kind}_{power}": f"{kind}, 1e-{power}" for kind in ("L1", "L2") for power in _POWERS}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with one penalty on labels of which some are wrong."""
    kind, _, power = arm.partition("_")
    strength = 10.0 ** -int(power) if power else 0.0
    recipe = Recipe(
        (conditions["width"],),
        epochs=conditions["epochs"],
        weight_decay=strength if kind == "L2" else 0.0,
        l1=strength if kind == "L1" else 0.0,
    )
    task = Task(conditions.samples, conditions["samples"], conditions["noise"])
    return task.measure(recipe, seeds, conditions["rates"])


def _norm(kind: str, large: int, small: int) -> Comparison:
    title = f"norm of the weights: {kind} 1e-{large} / 1e-{small}"
    return Comparison(title, f"{kind}_{large}", f"{kind}_{small}", "less", 1.05, measure="norm", is_ratio=True)


def _gain(first: str, second: str, title: str) -> Comparison:
    return Comparison(title, first, second, "not less", margin=0.01, unit="pp")


CLAIM = Claim(
    number=10,
    title="The strength of L1 and L2",
    statement="L1 and L2 penalties of 1e-4 to 1e-3 are right, the larger the stronger.",
    place="N0 Overfitting Solution; N1 §1.6.1",
    design=Design(
        factor="L1 or L2 with λ = 1e-4, 1e-3, 1e-2, 1e-1, and none",
        fixed="one hidden layer, ReLU, SGD with momentum 0.9, batch 64, 20 % of the training labels drawn anew",
        budget="the same epochs; the learning rate of every arm is the best of the same grid on seeds of its own",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        _norm("L2", 3, 4),
        _norm("L2", 2, 3),
        _norm("L1", 3, 4),
        _gain("L2_3", "L2_2", "accuracy: L2 1e-3 − 1e-2"),
        _gain("L1_3", "L1_2", "accuracy: L1 1e-3 − 1e-2"),
        Comparison("accuracy: L2 1e-2 − none", "L2_2", "none", "more", 0.01, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"samples": 1000, "width": 128, "noise": 0.2, "epochs": 40, "rates": (0.001, 0.003, 0.01, 0.03, 0.1)},
    quick={"epochs": 15, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "A penalty's weight means nothing by itself: it competes with the loss, whose size depends on the labels.",
            "The norm of the weights shrinks with λ ({c1}, {c2}); accuracy at 1e-3 less that at 1e-2: L2 {c4}, "
            "L1 {c5}.",
            "Search λ by powers of ten and beyond the usual range: with wrong labels the best one is larger.",
        ),
        would_change="Clean labels or many more samples, which move the best λ down into the range of the notes.",
        depends_on="the penalty and the data",
        chinese=(
            "L1、L2 取 1e-4～1e-3，越大正则化越强",
            "权重范数随 λ 减小（{c1}、{c2}）；但 1e-3 相对 1e-2 的准确率差：L2 {c4}，L1 {c5}",
        ),
    ),
)

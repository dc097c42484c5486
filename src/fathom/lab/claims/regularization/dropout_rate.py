"""How strongly dropout regularises, by its rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_RATES = (0, 20, 35, 50, 80)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with one rate on labels of which some are wrong."""
    width = conditions["width"]
    recipe = Recipe((width, width), dropout=int(arm.removeprefix("p")) / 100, epochs=conditions["epochs"])
    task = Task(conditions.samples, conditions["samples"], conditions["noise"])
    return task.measure(recipe, seeds, conditions["rates"])


CLAIM = Claim(
    number=9,
    title="The rate of dropout",
    statement="Dropout of 20 to 50 % regularises, the more the stronger.",
    place="N0 Overfitting Solution",
    paper="Srivastava et al. 2014",
    design=Design(
        factor="dropout 0, 20, 35, 50, 80 %",
        fixed="two hidden layers, ReLU, SGD with momentum 0.9, batch 64, 20 % of the training labels drawn anew",
        budget="the same epochs; the learning rate of every rate is the best of the same grid on seeds of its own",
        arms={f"p{rate}": f"{rate} %" for rate in _RATES},
        seeds=20,
    ),
    comparisons=[
        Comparison("gap between training and test: 20 − 0 %", "p20", "p0", "less", 0.01, measure="gap", unit="pp"),
        Comparison("gap: 50 − 20 %", "p50", "p20", "less", 0.01, measure="gap", unit="pp"),
        Comparison("accuracy: 20 − 0 %", "p20", "p0", "more", 0.01, unit="pp"),
        Comparison("accuracy: 50 − 0 %", "p50", "p0", "more", 0.01, unit="pp"),
        Comparison("accuracy: 80 − 50 %", "p80", "p50", "less", 0.01, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy", _RATES, "dropout, %"),
    data="digits",
    takes=("images", "rows"),
    settings={"samples": 1000, "width": 128, "noise": 0.2, "epochs": 40, "rates": (0.001, 0.003, 0.01, 0.03, 0.1)},
    quick={"epochs": 15, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "A regulariser is strong where the network no longer learns wrong labels by heart: the gap closes.",
            "With the best learning rate for each: from 0 to 20 % the gap changes by {c1}, from 20 to 50 % by "
            "{c2}; accuracy by {c3} and, at 50 %, {c4}.",
            "Raise the rate while validation improves, and no further: from 50 to 80 % accuracy changes by {c5}.",
        ),
        would_change="Clean labels or networks that hardly fit the training split: then any rate costs accuracy.",
        depends_on="the rate",
        chinese=("Dropout 取 20%～50%，越大正则化越强", "训练与测试的差距：0→20% {c1}，20→50% {c2}；准确率 {c3}、{c4}"),
    ),
)

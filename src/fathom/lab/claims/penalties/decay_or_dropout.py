"""Does weight decay gain little, and dropout more?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fathom.lab.ensembles import Recipe, stack_draws, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_TUNING = range(10_000, 10_005)
# as many strengths for either, so that neither is searched harder
_STRENGTHS = {
    "none": (0.0,),
    "decay": (1e-4, 1e-3, 1e-2, 3e-2),
    "dropout": (0.1, 0.3, 0.5, 0.7),
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Choose strength and learning rate, then train; yield test accuracy."""
    plain = Recipe((conditions["width"],), epochs=conditions["epochs"])
    field = {"decay": "weight_decay", "dropout": "dropout"}.get(arm, "weight_decay")
    tried = [
        replace(plain, lr=rate, **{field: strength})  # type: ignore[arg-type]
        for rate in conditions["rates"]
        for strength in _STRENGTHS[arm]
    ]
    best = max(tried, key=lambda recipe: sum(_accuracies(recipe, _TUNING, conditions)))
    for value in _accuracies(best, seeds, conditions):
        yield {"accuracy": value, "strength": getattr(best, field), "lr": best.lr}


def _accuracies(recipe: Recipe, seeds: Sequence[int], conditions: Conditions) -> list[float]:
    data = conditions.samples
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 1000) for seed in seeds])
    ensemble = train_ensemble(X, y, recipe, seeds, num_outputs=data.num_classes)
    return ensemble.accuracy(X_test, y_test).tolist()


CLAIM = Claim(
    number=31,
    title="Weight decay or dropout",
    statement="Weight decay improves little; dropout is to be preferred.",
    place="N2 权重衰退",
    paper="Srivastava et al. 2014",
    design=Design(
        factor="no regularisation, weight decay, dropout after the hidden layer",
        fixed="one hidden layer of 128 ReLUs, 300 digits, SGD with momentum 0.9, batch 64",
        budget="four strengths of either and the same learning rates, chosen on seeds of their own; the same epochs",
        arms={"none": "neither", "decay": "weight decay", "dropout": "dropout"},
        seeds=30,
    ),
    comparisons=[
        Comparison("weight decay − neither", "decay", "none", "same", margin=0.005, unit="pp"),
        Comparison("dropout − weight decay", "dropout", "decay", "more", margin=0.005, unit="pp"),
        Comparison("dropout − neither", "dropout", "none", "more", margin=0.005, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"width": 128, "samples": 300, "epochs": 40, "rates": (0.03, 0.1)},
    quick={"epochs": 15, "rates": (0.1,)},
    reading=Reading(
        sentences=(
            "Both hold a network back; how much each is worth depends on how strongly it is set.",
            "Weight decay against neither: {c1}; dropout against weight decay: {c2}; dropout against neither: {c3}.",
            "Tune the strength of both before you say that one is better, and look at the interval.",
        ),
        would_change="Larger networks and images, noisy labels, longer training, both together.",
        depends_on="which half of the statement is meant",
        chinese=(
            "权重衰退提升不大，更推荐 dropout",
            "权重衰退 − 无：{c1}；dropout − 权重衰退：{c2}",
        ),
    ),
)

"""Batch normalisation before or after the activation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_ACTIVATIONS = ("relu", "tanh", "sigmoid")
_ARMS = {f"{kind}_{place}": f"{kind}, BN {place}" for kind in _ACTIVATIONS for place in ("before", "after")}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train three hidden layers with batch normalisation on one side of their activations."""
    activation, place = arm.split("_")
    width = conditions["width"]
    recipe = Recipe((width,) * 3, activation=activation, norm_place=place, epochs=conditions["epochs"])
    return Task(conditions.samples, conditions["samples"]).measure(recipe, seeds, conditions["rates"])


CLAIM = Claim(
    number=7,
    title="Batch normalisation before the activation",
    statement="Batch normalisation belongs before the activation function.",
    place="N0 Overfitting Solution; N1 §2.10.1",
    paper="Ioffe & Szegedy 2015; Mishkin, Sergievskiy & Matas 2017",
    design=Design(
        factor="batch normalisation before or after the activation, for ReLU, tanh and sigmoid",
        fixed="three hidden layers, SGD with momentum 0.9, batch 64, samples and first weights",
        budget="the same epochs; the learning rate of every arm is the best of the same grid on seeds of its own",
        arms=_ARMS,
        seeds=40,
    ),
    comparisons=[
        Comparison(f"{kind}: before − after", f"{kind}_before", f"{kind}_after", "more", margin=0.005, unit="pp")
        for kind in _ACTIVATIONS
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"samples": 1000, "width": 64, "epochs": 20, "rates": (0.01, 0.03, 0.1, 0.3, 1.0)},
    quick={"epochs": 8, "rates": (0.1,)},
    reading=Reading(
        sentences=(
            "Before the activation the sums are normalised, which are near to normal; after it the next layer's inputs "
            "are, which is what the layer sees.",
            "Test accuracy before − after: ReLU {c1}, tanh {c2}, sigmoid {c3}.",
            "Either place trains; before is the one that published weights and fused kernels expect.",
        ),
        would_change="Deep convolutional networks, large learning rates, or a margin below half a point.",
        depends_on="the activation",
        chinese=("批量归一化应放在激活函数之前", "测试准确率差（前 − 后）：ReLU {c1}，tanh {c2}，sigmoid {c3}"),
    ),
)

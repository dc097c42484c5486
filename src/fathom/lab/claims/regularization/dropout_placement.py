"""Does it matter whether dropout stands before or after the activation?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

_ARMS = {
    f"{activation}_{place}": f"{activation}, dropout {place}"
    for activation in ("relu", "tanh", "sigmoid")
    for place in ("after", "before")
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with dropout on one side of the activation."""
    activation, place = arm.split("_")
    data, width = conditions.samples, conditions["width"]
    recipe = Recipe(
        widths=(width, width),
        activation=activation,
        dropout=conditions["dropout"],
        dropout_place=place,
        epochs=conditions["epochs"],
    )
    return Task(data, conditions["samples"]).measure(recipe, seeds, conditions["rates"])


def check(conditions: Conditions) -> Sequence[Fact]:
    """Apply the same mask on either side of each activation."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(1000, 64, generator=generator)
    mask = (torch.rand(1000, 64, generator=generator) > 0.5) / 0.5  # zeros and twos, as inverted dropout has
    relu = torch.equal(mask * torch.relu(z), torch.relu(mask * z))
    at_zero = float(torch.sigmoid(torch.zeros(())))
    return [
        Fact(
            "with ReLU both places give the same numbers, for every mask",
            relu,
            "mask·max(z, 0) = max(mask·z, 0)",
            is_judged=False,
        ),
        Fact("with sigmoid a unit dropped before it is not off", at_zero == 0.5, "sigmoid(0) = 0.5", is_judged=False),
    ]


def _compare(activation: str, *, is_judged: bool = True) -> Comparison:
    first, second = f"{activation}_after", f"{activation}_before"
    return Comparison(
        f"{activation}: after − before", first, second, "more", margin=0.005, unit="pp", is_judged=is_judged
    )


CLAIM = Claim(
    number=8,
    title="Dropout before or after the activation",
    statement="Dropout belongs after the activation function.",
    place="N0 Overfitting Solution; N1 §1.6.3",
    paper="",
    design=Design(
        factor="dropout before or after the activation, for ReLU, tanh and sigmoid",
        fixed="two hidden layers, dropout 0.5, SGD with momentum 0.9, batch 64, samples and first weights",
        budget="the same epochs; the learning rate of every arm is the best of the same grid on seeds of its own",
        arms=_ARMS,
        seeds=40,
    ),
    # with ReLU there is nothing to decide
    comparisons=[_compare("tanh"), _compare("sigmoid"), _compare("relu", is_judged=False)],
    measure=measure,
    facts=check,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"width": 64, "dropout": 0.5, "epochs": 40, "samples": 500, "rates": (0.01, 0.03, 0.1, 0.3, 1.0)},
    quick={"epochs": 10, "rates": (0.1,)},
    reading=Reading(
        sentences=(
            "ReLU keeps zeros and scales with its input, so a mask passes through it unchanged: no before, no after.",
            "Test accuracy after − before: ReLU {c3}, tanh {c1}, sigmoid {c2}.",
            "Accuracy gives no reason to move it. After the activation is the custom, and there a dropped unit sends 0 "
            "on; before a sigmoid it still sends 0.5.",
        ),
        would_change="Activations with f(0) far from 0, dropout rates near 1, or a margin below half a point.",
        depends_on="the activation",
        chinese=(
            "Dropout 应放在激活函数之后",
            "ReLU 下两种位置逐数相同；测试准确率差（后 − 前）：tanh {c1}，sigmoid {c2}",
        ),
    ),
)

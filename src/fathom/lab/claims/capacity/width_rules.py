"""Rules of thumb for the width of a hidden layer, beside a width that is simply large."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_RULES = {"two_thirds": "2/3 · in + out", "mean": "(in + out) / 2", "root": "√(in · out)"}
_FREE = (8, 16, 128, 512)
_ARMS = {**{f"w{width}": f"{width} units" for width in _FREE}, **_RULES}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train a hidden layer of the width of a rule, or of a fixed one."""
    data = conditions.samples
    ins, outs = data.num_features, data.num_classes
    rules = {"two_thirds": 2 / 3 * ins + outs, "mean": (ins + outs) / 2, "root": math.sqrt(ins * outs)}
    width = round(rules[arm]) if arm in rules else int(arm.removeprefix("w"))
    recipe = Recipe(widths=(width,), epochs=conditions["epochs"])
    for values in Task(data, conditions["samples"]).measure(recipe, seeds, conditions["rates"]):
        yield {**values, "width": width}


CLAIM = Claim(
    number=4,
    title="Rules for the width of a hidden layer",
    statement="The hidden layer should have 2/3·in + out, (in + out)/2 or √(in·out) units.",
    place="N0 Model, Hidden Neurons",
    design=Design(
        factor="width by each rule, and 8, 16, 128, 512 units",
        fixed="one hidden layer, ReLU, SGD with momentum 0.9, batch 64, samples",
        budget="the same epochs; the learning rate of every width is the best of the same grid on seeds of its own",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        # a rule is right if a far wider layer gains nothing that matters
        *(
            Comparison(f"{label} less 512 units", rule, "w512", "not less", margin=0.005, unit="pp")
            for rule, label in _RULES.items()
        ),
        Comparison("16 − 512 units", "w16", "w512", "not less", margin=0.005, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"samples": 1000, "epochs": 40, "rates": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)},
    quick={"epochs": 15, "rates": (0.1,)},
    reading=Reading(
        sentences=(
            "The rules know the inputs and outputs and nothing of the samples, so they can only be right by chance.",
            "Against 512 units: 2/3·in + out {c1}, (in + out)/2 {c2}, √(in·out) {c3}.",
            "Take a width that is amply large and regularise; a rule costs accuracy where it costs anything.",
        ),
        would_change="Data so few or noisy that wide layers overfit; a limit on size or time.",
        depends_on="the rule",
        chinese=(
            "隐藏单元数按 2/3·in+out、(in+out)/2 或 √(in·out) 选取",
            "与 512 个单元相比的准确率差：{c1}；{c2}；{c3}",
        ),
    ),
)

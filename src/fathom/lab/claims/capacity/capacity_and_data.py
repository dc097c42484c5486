"""Does capacity have to match the data? The four cases of the notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fathom.lab.classifiers import Task
from fathom.lab.data import LabData
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_WIDTHS = {"small": 4, "large": 256}
_KINDS = {
    "complex": "ten classes, 1,000 samples",
    "noisy": "ten classes, 30 % wrong labels",
    "simple": "two classes, 100 samples, 30 % wrong labels",
}
_ARMS = {f"{kind}_{size}": f"{width} units: {_KINDS[kind]}" for kind in _KINDS for size, width in _WIDTHS.items()}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train a small or a large network on one kind of samples."""
    kind, size = arm.split("_")
    # tanh: four ReLUs may all be dead, which is a failure of training and not of capacity
    recipe = Recipe((_WIDTHS[size],), activation="tanh", epochs=conditions["epochs"], batch_size=50)
    noise = 0.0 if kind == "complex" else conditions["noise"]
    task = Task(conditions.samples, 1000, noise)
    if kind == "simple":  # a tenth of the samples: as many steps
        task = Task(_two_classes(conditions.samples), 100, noise)
        recipe = replace(recipe, epochs=10 * recipe.epochs)
    return task.measure(recipe, seeds, conditions["rates"])


def _two_classes(data: LabData) -> LabData:
    """Keep the samples of the first two classes."""
    kept, tested = data.y < 2, data.y_test < 2
    return replace(
        data, X=data.X[kept], y=data.y[kept], X_test=data.X_test[tested], y_test=data.y_test[tested], num_classes=2
    )


CLAIM = Claim(
    number=25,
    title="Capacity must match the data",
    statement="A large network overfits simple data and a small one underfits complex data.",
    place="N1 §1.5.2",
    paper="Zhang et al. 2017; Belkin et al. 2019",
    design=Design(
        factor="4 or 256 hidden units; ten classes and many samples, or two classes and few with wrong labels",
        fixed="one hidden layer, tanh, SGD with momentum 0.9, batch 50",
        budget="the same number of steps; the learning rate of every arm is the best of the same grid",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison("complex data: accuracy, large − small", "complex_large", "complex_small", "more", 0.01, unit="pp"),
        Comparison("simple data: accuracy, large − small", "simple_large", "simple_small", "less", 0.01, unit="pp"),
        Comparison("simple data: gap, large − small", "simple_large", "simple_small", "more", 0.01, "gap", unit="pp"),
        Comparison(
            "complex data, wrong labels: accuracy, large − small",
            "noisy_large",
            "noisy_small",
            "more",
            0.01,
            unit="pp",
            is_judged=False,
        ),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"noise": 0.3, "epochs": 40, "rates": (0.003, 0.01, 0.03, 0.1, 0.3)},
    quick={"epochs": 15, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "The notes have four cases: capacity low or high, data simple or complex.",
            "Accuracy of 256 units less that of 4: {c1} on complex data, {c2} on simple data, whose gap changes "
            "by {c3}; {c4} "
            "with wrong labels of ten classes.",
            "Judge by accuracy on new samples, not by the gap, and take the larger network where it is no worse.",
        ),
        would_change="Longer training, a penalty, or widths between, where the test error may peak.",
        depends_on="the data",
        chinese=(
            "模型容量必须匹配数据复杂度，否则过拟合或欠拟合",
            "256 个单元减 4 个的准确率：复杂数据 {c1}，简单数据 {c2}（差距变化 {c3}）",
        ),
    ),
)

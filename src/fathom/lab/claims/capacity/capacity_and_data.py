"""Does capacity have to match the data? The four cases of the notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Recipe
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_WIDTHS = {"small": 4, "large": 256}
_KINDS = {
    "clean": "1,000 samples, right labels",
    "noisy": "1,000 samples, 30 % noise",
    "few": "100 samples, 30 % noise",
}
_ARMS = {f"{kind}_{size}": f"{width} units: {_KINDS[kind]}" for kind in _KINDS for size, width in _WIDTHS.items()}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train a small or a large network on one kind of samples."""
    kind, size = arm.split("_")
    recipe = Recipe((_WIDTHS[size],), epochs=conditions["epochs"], batch_size=50)
    if kind == "few":  # a tenth of the samples: as many steps
        recipe = Recipe((_WIDTHS[size],), epochs=10 * conditions["epochs"], batch_size=50)
    task = Task(conditions.samples, 100 if kind == "few" else 1000, 0.0 if kind == "clean" else conditions["noise"])
    return task.measure(recipe, seeds, conditions["rates"])


CLAIM = Claim(
    number=25,
    title="Capacity must match the data",
    statement="A large network overfits simple data and a small one underfits complex data.",
    place="N1 §1.5.2",
    paper="Zhang et al. 2017; Belkin et al. 2019",
    design=Design(
        factor="4 or 256 hidden units; many samples with right labels, many and few with wrong ones",
        fixed="one hidden layer, ReLU, SGD with momentum 0.9, batch 50",
        budget="the same number of steps; the learning rate of every arm is the best of the same grid",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        Comparison("right labels: accuracy, large − small", "clean_large", "clean_small", "more", 0.01, unit="pp"),
        Comparison("noise: gap, large − small", "noisy_large", "noisy_small", "more", 0.01, measure="gap", unit="pp"),
        Comparison("noise: accuracy, large − small", "noisy_large", "noisy_small", "less", 0.01, unit="pp"),
        Comparison("few, noise: accuracy, large − small", "few_large", "few_small", "less", 0.01, unit="pp"),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"noise": 0.3, "epochs": 40, "rates": (0.01, 0.03, 0.1)},
    quick={"epochs": 15, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "The notes have four cases: capacity low or high, data simple or complex.",
            "Accuracy of 256 units less that of 4: {c1} with right labels, {c3} with noise, {c4} with few "
            "samples and noise; "
            "the gap grows by {c2}.",
            "A gap is no fault by itself: judge by test accuracy, and take the larger network where it is no worse.",
        ),
        would_change="Longer training, a penalty, or widths between, where the test error may peak.",
        depends_on="whether overfitting means the gap or the accuracy",
        chinese=(
            "模型容量必须匹配数据复杂度，否则过拟合或欠拟合",
            "256 个单元减 4 个的准确率：标签正确 {c1}，有噪声 {c3}，少样本且有噪声 {c4}；差距增大 {c2}",
        ),
    ),
)

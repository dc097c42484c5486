"""Weights drawn from N(0, 0.01²) train shallow networks, not deep ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, best_rate, train_stack

_DEPTHS = (1, 2, 5, 10, 30)
_TUNING = range(10_000, 10_003)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with the best of the learning rates; yield test accuracy."""
    init, depth = arm.split("_")
    form = Form(int(depth), conditions["width"], "relu", "he" if init == "he" else 0.01)
    rate = best_rate(conditions["rates"], lambda lr: sum(_accuracies(form, lr, _TUNING, conditions)))
    for value in _accuracies(form, rate, seeds, conditions):
        yield {"accuracy": value, "lr": rate}


def _accuracies(form: Form, lr: float, seeds: Sequence[int], conditions: Conditions) -> list[float]:
    data = conditions.samples
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    stack = Stack(seeds, X.shape[2], data.num_classes, form)
    train_stack(stack, X, y, Fit(lr, conditions["epochs"]))
    return stack.accuracy(X_test, y_test, X).tolist()


CLAIM = Claim(
    number=36,
    title="Small Gaussian weights",
    statement="Weights from N(0, 0.01²) do for small networks only.",
    place="N2 权重初始化; N1 §1.7.2",
    paper="Glorot & Bengio 2010",
    design=Design(
        factor="standard deviation 0.01 against He's, at 1, 2, 5, 10 and 30 hidden layers",
        fixed="width 64, ReLU, SGD with momentum 0.9, batch 64, samples and order",
        budget="the same epochs; each arm has the best of the same learning rates, chosen on seeds of its own",
        arms={
            f"{init}_{depth}": f"{name}, {depth} layers"
            for init, name in (("he", "He"), ("small", "0.01"))
            for depth in _DEPTHS
        },
        seeds=15,
    ),
    comparisons=[
        Comparison("1 layer: 0.01 − He", "small_1", "he_1", "same", margin=0.02, unit="pp"),
        Comparison("2 layers", "small_2", "he_2", "same", margin=0.02, unit="pp", is_judged=False),
        Comparison("5 layers", "small_5", "he_5", "less", margin=0.02, unit="pp", is_judged=False),
        Comparison("10 layers", "small_10", "he_10", "less", margin=0.02, unit="pp"),
        Comparison("30 layers", "small_30", "he_30", "less", margin=0.02, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"width": 64, "samples": 500, "epochs": 40, "rates": (0.01, 0.03, 0.1, 0.3)},
    quick={"epochs": 20, "rates": (0.03, 0.1)},
    reading=Reading(
        sentences=(
            "Where 64 inputs of unit size meet weights of 0.01, a layer of ReLUs passes on about a twentieth.",
            "Accuracy with 0.01 minus that with He's weights: {c1} at one hidden layer, {c2} at two, {c3} at five, "
            "{c4} "
            "at ten, {c5} at thirty.",
            "A fixed standard deviation is a habit of one-layer examples; let it follow the width.",
        ),
        would_change="Another width: with some 10,000 inputs 0.01 is close to He's rule; batch normalisation.",
        depends_on="the depth",
        chinese=(
            "N(0, 0.01²) 初始化只适用于小网络",
            "测试准确率差（0.01 − He）：1 层 {c1}，5 层 {c3}，10 层 {c4}，30 层 {c5}",
        ),
    ),
)

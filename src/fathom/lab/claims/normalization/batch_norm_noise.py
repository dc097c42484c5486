"""Does batch normalisation work by its noise and not by steady distributions, so that dropout beside it is needless?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, best_rate, train_stack

_TUNING = range(10_000, 10_003)
_ARMS = {
    "plain": "none",
    "norm": "batch normalisation",
    "shifted": "and random shifts after it",
    "quiet": "and statistics of all samples",
    "dropout": "dropout alone",
    "norm_dropout": "batch normalisation and dropout",
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with the best of the rates; yield accuracy on both splits."""
    rate = best_rate(conditions["rates"], lambda lr: sum(test for test, _ in _train(arm, lr, _TUNING, conditions)))
    for test, train in _train(arm, rate, seeds, conditions):
        yield {"accuracy": test, "gap": train - test, "lr": rate}


def _train(arm: str, lr: float, seeds: Sequence[int], conditions: Conditions) -> list[tuple[float, float]]:
    data = conditions.samples
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 1000) for seed in seeds])
    form = Form(
        conditions["depth"],
        conditions["width"],
        has_norm=arm not in ("plain", "dropout"),
        shift=conditions["shift"] if arm == "shifted" else 0.0,
        dropout=conditions["dropout"] if arm in ("dropout", "norm_dropout") else 0.0,
    )
    stack = Stack(seeds, X.shape[2], data.num_classes, form)
    train_stack(stack, X, y, Fit(lr, conditions["epochs"], conditions["batch"]), quiet=arm == "quiet")
    test, train = stack.accuracy(X_test, y_test, X), stack.accuracy(X, y, X)
    return list(zip(test.tolist(), train.tolist(), strict=True))


CLAIM = Claim(
    number=46,
    title="Why batch normalisation works",
    statement=(
        "Batch normalisation works by the noise of its batches, not by steadier distributions: no dropout beside it."
    ),
    place="N1 §2.10.1",
    paper="Santurkar et al. 2018; Li et al. 2019",
    design=Design(
        factor=(
            "none; batch normalisation; with random shifts and scales after it; with noiseless statistics; dropout 0.3"
        ),
        fixed="4 hidden layers of 64 ReLUs, 300 digits, batches of 16, SGD with momentum 0.9",
        budget="the same epochs; each arm has the best of the same learning rates, chosen on seeds of its own",
        arms=_ARMS,
        seeds=15,
    ),
    comparisons=[
        Comparison("unsteady − steady distributions", "shifted", "norm", "not less", 0.01, unit="pp"),
        Comparison("with the noise of batches − without", "norm", "quiet", "more", 0.01, unit="pp"),
        Comparison("dropout beside it − not", "norm_dropout", "norm", "not more", 0.01, unit="pp"),
        Comparison("batch normalisation − none", "norm", "plain", "more", 0.01, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={
        "depth": 4,
        "width": 64,
        "samples": 300,
        "epochs": 25,
        "batch": 16,
        "shift": 0.3,
        "dropout": 0.3,
        "rates": (0.01, 0.03, 0.1),
    },
    quick={"epochs": 10, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "If steady distributions mattered, shifting them at random would hurt; if noise did, removing it would.",
            "Shifts after normalisation: {c1}; with noise against without: {c2}; dropout beside it: {c3}; "
            "normalisation "
            "itself: {c4}.",
            "Explanations of why a method works deserve an ablation each; try dropout beside normalisation, and keep "
            "what helps.",
        ),
        would_change="Convolutions, more data, larger batches (less noise), stronger shifts.",
        depends_on="which of its three parts is meant",
        chinese=(
            "批量规范化的作用在于噪声而非减少内部协变量偏移，因此不必再用 dropout",
            "随机偏移 {c1}；有噪声 − 无噪声 {c2}；再加 dropout {c3}",
        ),
    ),
)

"""Do the bottom layers of a network converge last?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, train_stack

_FORMS = {
    "sigmoid": ("sigmoid", "xavier", False),
    "tanh": ("tanh", "xavier", False),
    "relu": ("relu", "he", False),
    "relu_norm": ("relu", "he", True),
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield the share of its way that each end of the network still has to go, a quarter into training."""
    data, depth = conditions.samples, conditions["depth"]
    activation, init, has_norm = _FORMS[arm]
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    form = Form(depth, conditions["width"], activation, init, has_norm=has_norm)
    stack = Stack(seeds, X.shape[2], data.num_classes, form)
    fit = Fit(conditions["lr"], conditions["epochs"])
    steps = fit.epochs * (X.shape[1] // fit.batch_size)
    kept: list[list[torch.Tensor]] = []

    def keep(step: int, losses: torch.Tensor) -> None:
        if step in (0, steps // 4):
            kept.append([weight.detach().clone() for weight in stack.weights])

    train_stack(stack, X, y, fit, on_step=keep)
    first, quarter = kept
    with torch.no_grad():
        left = [
            ((end - now).square().sum((1, 2)) / (end - start).square().sum((1, 2))).sqrt()
            for start, now, end in zip(first, quarter, stack.weights, strict=True)
        ]  # layers of (S,)
    accuracy = stack.accuracy(X_test, y_test, X)
    for i in range(len(seeds)):
        # hidden layers of one shape: the second and the last
        yield {"bottom": float(left[1][i]), "top": float(left[depth - 1][i]), "accuracy": float(accuracy[i])}


def _compare(arm: str, *, is_judged: bool = True) -> Comparison:
    title = f"{arm.replace('_norm', ', normalised')}: bottom − top"
    return Comparison(title, arm, arm, "more", 0.02, "bottom", "top", is_judged=is_judged)


CLAIM = Claim(
    number=47,
    title="The bottom learns last",
    statement="Gradients are smaller at the bottom of a network, so its bottom layers converge last.",
    place="N1 §2.10.1",
    paper="Raghu et al. 2017 (who find the bottom first)",
    design=Design(
        factor="hidden layer 2 against 6, with sigmoid, tanh, ReLU, and ReLU with batch normalisation",
        fixed="6 hidden layers of 48 units, SGD with momentum 0.9, learning rate 0.05, batch 64",
        budget="the same steps; the learning rate is one at which all four learn",
        arms={"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU", "relu_norm": "ReLU, normalised"},
        seeds=20,
    ),
    comparisons=[_compare("sigmoid"), _compare("tanh"), _compare("relu"), _compare("relu_norm", is_judged=False)],
    measure=measure,
    plot=Plot("", ""),
    data="digits",
    takes=("images", "rows"),
    settings={"depth": 6, "width": 48, "samples": 1000, "epochs": 40, "lr": 0.05},
    quick={"samples": 500, "epochs": 12},
    reading=Reading(
        sentences=(
            "A layer's progress is the distance from its weights to where they end, over that from where they began.",
            "A quarter into training the bottom had more of its way left than the top by: sigmoid {c1}, tanh {c2}, "
            "ReLU "
            "{c3}, ReLU with batch normalisation {c4}.",
            "Do not freeze or slow layers by their height alone; measure which of them still move.",
        ),
        would_change=(
            "Another yardstick (similarity of representations finds the bottom first), other depths and rates."
        ),
        depends_on="the activation",
        chinese=(
            "底部的层收敛最慢",
            "训练四分之一时剩余路程（底部 − 顶部）：sigmoid {c1}，tanh {c2}，ReLU {c3}",
        ),
    ),
)

"""Structured pruning: is the smaller network faster, and does it generalise better?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from fathom.lab.classifiers import Task
from fathom.lab.ensembles import Ensemble, Recipe, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_SHARES = (0, 25, 50, 75, 90)
_ARMS = {f"p{share}": f"{share} % of the units removed" for share in _SHARES}
_REPEATS = 30  # of a forward pass; the fastest one counts, which other processes disturbed least


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train, remove the units with the smallest weights, train on; yield accuracy before and after that, and time."""
    share = int(arm.removeprefix("p")) / 100
    width, epochs = conditions["width"], conditions["epochs"]
    recipe = Recipe((width,), epochs=epochs, lr=conditions["lr"])
    task = Task(conditions.samples, conditions["samples"], conditions["noise"])
    first, (X, y, X_test, y_test) = task.train(recipe, seeds)
    kept = max(1, round(width * (1 - share)))
    small = _prune(first, kept, seeds)
    before = small.accuracy(X_test, y_test)
    second = Recipe((kept,), epochs=epochs // 2, lr=conditions["lr"])
    # the unpruned one trains on too, so that all have had as many steps
    tuned = train_ensemble(X, y, second, seeds, num_outputs=conditions.samples.num_classes, start=small)
    after, elapsed = (
        tuned.accuracy(X_test, y_test),
        _time(X_test[0], width=kept, outputs=conditions.samples.num_classes),
    )
    for raw, value in zip(before.tolist(), after.tolist(), strict=True):
        yield {"accuracy": value, "accuracy_at_once": raw, "milliseconds": 1000 * elapsed}


@torch.no_grad()
def _prune(ensemble: Ensemble, kept: int, seeds: Sequence[int]) -> Ensemble:
    """Keep the hidden units of each member whose weights in and out are largest."""
    W1, W2 = ensemble.weights
    size = W1.norm(dim=1) * W2.norm(dim=2)  # (S, width)
    best = size.topk(kept, 1).indices.sort(1).values[:, None]  # (S, 1, kept)
    small = Ensemble(seeds, W1.shape[1], W2.shape[2], Recipe((kept,)))
    small.weights[0].copy_(W1.gather(2, best.expand(-1, W1.shape[1], -1)))
    small.biases[0].copy_(ensemble.biases[0].gather(2, best))
    small.weights[1].copy_(W2.gather(1, best.transpose(1, 2).expand(-1, -1, W2.shape[2])))
    small.biases[1].copy_(ensemble.biases[1])
    return small


@torch.no_grad()
def _time(X: torch.Tensor, width: int, outputs: int) -> float:
    """Return the seconds of a forward pass of many rows through one network of this width."""
    net = nn.Sequential(nn.Linear(X.shape[1], width), nn.ReLU(), nn.Linear(width, outputs))
    rows, best = X.repeat(10, 1), float("inf")
    for _ in range(_REPEATS):
        began = time.perf_counter()
        net(rows)
        best = min(best, time.perf_counter() - began)
    return best


CLAIM = Claim(
    number=5,
    title="Structured pruning",
    statement="Removing whole units makes a network faster, and makes it generalise better.",
    place="N0 Model, Structed Pruning",
    paper="Li et al. 2017; Blalock et al. 2020",
    design=Design(
        factor="0, 25, 50, 75, 90 % of the hidden units removed, those with the smallest weights",
        fixed="one hidden layer of 256, ReLU, SGD with momentum 0.9, 20 % of the training labels drawn anew",
        budget="all, the unpruned one too, train on for half the epochs at the same learning rate",
        arms=_ARMS,
        seeds=50,
    ),
    comparisons=[
        Comparison(
            "time of a forward pass: 75 % / 0 %", "p75", "p0", "less", 1.2, measure="milliseconds", is_ratio=True
        ),
        Comparison("accuracy: 50 − 0 %", "p50", "p0", "more", margin=0.005, unit="pp"),
        Comparison("accuracy: 90 − 0 %", "p90", "p0", "more", margin=0.005, unit="pp"),
        Comparison(
            "75 %: accuracy before training on, less after",
            "p75",
            "p75",
            "less",
            margin=0.005,
            measure="accuracy_at_once",
            second_measure="accuracy",
            unit="pp",
            is_judged=False,
        ),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy", _SHARES, "units removed, %"),
    data="digits",
    takes=("images", "rows"),
    settings={"samples": 1000, "width": 256, "noise": 0.2, "epochs": 30, "lr": 0.03},
    quick={"epochs": 12, "width": 128},
    reading=Reading(
        sentences=(
            "A removed unit takes a row and a column of the matrices with it, so the time falls without sparse "
            "arithmetic.",
            "Time with 75 % removed {c1}; accuracy against the unpruned network with 50 % removed {c2}, with 90 "
            "% {c3}.",
            "Prune for size and speed, train on afterwards, and expect of accuracy at best that it stays.",
        ),
        would_change="Networks that overfit more, where a smaller one has an advantage of its own.",
        depends_on="what is asked: speed yes, generalisation by the share removed",
        chinese=("结构化剪枝提高速度和泛化能力", "剪去 75% 后时间 {c1}；准确率差：剪 50% {c2}，剪 90% {c3}"),
    ),
)

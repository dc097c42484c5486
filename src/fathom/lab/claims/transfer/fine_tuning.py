"""Fine-tuning: better than from scratch, with a smaller rate, with the bottom frozen?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.errors import UsageError
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, best_rate, train_stack

_TUNING = range(10_000, 10_003)
_WAYS = {
    "scratch": "from scratch",
    "tuned": "all layers",
    "same_rate": "all, at the rate from scratch",
    "frozen": "top alone",
}
_COUNTS = (5, 60)  # target samples a class


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Learn the classes of the upper half, with or without having learned those of the lower half before."""
    way, _, count = arm.rpartition("_")
    _check(conditions)
    rates = conditions["rates"]

    def rate_of(name: str) -> float:
        return best_rate(rates, lambda lr: float(_train(name, lr, _TUNING, int(count), conditions)[0].sum()))

    rate = rate_of("scratch" if way == "same_rate" else way)
    accuracy, early = _train("tuned" if way == "same_rate" else way, rate, seeds, int(count), conditions)
    for end, start in zip(accuracy.tolist(), early.tolist(), strict=True):
        yield {"accuracy": end, "early": start, "lr": rate}


def _check(conditions: Conditions) -> None:
    """Refuse data of fewer than four classes, or with too few samples of one.

    Raises:  UsageError
    """
    data, needed = conditions.samples, max(*_COUNTS, conditions["source"])
    fewest = int(torch.bincount(data.y, minlength=data.num_classes).min())
    if data.num_classes < 4 or fewest < needed:
        raise UsageError(
            f"fine_tuning needs four classes of {needed} samples; {data.name} has {data.num_classes}, "
            f"the smallest of {fewest}"
        )


def _train(
    way: str, lr: float, seeds: Sequence[int], count: int, conditions: Conditions
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return test accuracy at the end and after a fifth of the epochs: (S,) each."""
    data, half = conditions.samples, conditions.samples.num_classes // 2
    form = Form(conditions["depth"], conditions["width"])
    target = [_classes(data, seed, range(half, 2 * half), count) for seed in seeds]
    X, y, X_test, y_test = (torch.stack(parts) for parts in zip(*target, strict=True))
    stack = Stack(seeds, X.shape[2], half, form)
    if way != "scratch":
        source = [_classes(data, seed, range(half), conditions["source"]) for seed in seeds]
        X_source, y_source = (torch.stack([parts[i] for parts in source]) for i in (0, 1))
        head = [stack.weights[-1].detach().clone(), stack.biases[-1].detach().clone()]
        train_stack(stack, X_source, y_source, Fit(0.1, conditions["source_epochs"]))
        with torch.no_grad():  # other classes: a new head
            stack.weights[-1].copy_(head[0])
            stack.biases[-1].copy_(head[1])
    parts = [stack.weights[-1], stack.biases[-1]] if way == "frozen" else None
    epochs, size = conditions["epochs"], min(32, X.shape[1])
    train_stack(stack, X, y, Fit(lr, epochs // 5, size), parts=parts)
    early = stack.accuracy(X_test, y_test, X)
    train_stack(stack, X, y, Fit(lr, epochs - epochs // 5, size), parts=parts)
    return torch.nan_to_num(stack.accuracy(X_test, y_test, X)), torch.nan_to_num(early)


def _classes(data: object, seed: int, classes: range, count: int) -> tuple[torch.Tensor, ...]:
    """Draw ``count`` samples of each of some classes, numbered anew, and 200 of them all to test on."""
    draw = data.draw(seed, 100_000, 100_000)  # type: ignore[attr-defined]
    X, X_test = draw.flat
    train = torch.cat([(draw.y == c).nonzero()[:count, 0] for c in classes])
    test = ((draw.y_test >= classes[0]) & (draw.y_test <= classes[-1])).nonzero()[:150, 0]
    return X[train], draw.y[train] - classes[0], X_test[test], draw.y_test[test] - classes[0]


CLAIM = Claim(
    number=51,
    title="Fine-tuning",
    statement="Fine-tuning is better and faster than training from scratch, best with a small rate or a frozen bottom.",
    place="N1 §3.5.1",
    paper="Yosinski et al. 2014; He et al. 2019",
    design=Design(
        factor="from scratch; from weights of digits 0 to 4: all layers, all at the rate from scratch, the top alone",
        fixed="digits 5 to 9 with 5 or 60 samples a class, 3 hidden layers of 64 ReLUs, SGD with momentum 0.9",
        budget="the same epochs on the target; each arm has the best of the same rates, chosen on seeds of its own",
        arms={f"{way}_{count}": f"{label}, {count} a class" for count in _COUNTS for way, label in _WAYS.items()},
        seeds=20,
    ),
    comparisons=[
        Comparison("5 a class: fine-tuned − scratch", "tuned_5", "scratch_5", "more", 0.01, unit="pp"),
        Comparison("60 a class: fine-tuned − scratch", "tuned_60", "scratch_60", "more", 0.01, unit="pp"),
        Comparison("the same, a fifth into training", "tuned_5", "scratch_5", "more", 0.01, "early", unit="pp"),
        Comparison("5 a class: frozen − all layers", "frozen_5", "tuned_5", "not less", 0.01, unit="pp"),
        Comparison("5 a class: best rate − rate from scratch", "tuned_5", "same_rate_5", "not less", 0.01, unit="pp"),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={
        "depth": 3,
        "width": 64,
        "source": 100,
        "source_epochs": 20,
        "epochs": 40,
        "rates": (0.003, 0.01, 0.03, 0.1),
    },
    quick={"source_epochs": 10, "epochs": 20, "rates": (0.01, 0.1)},
    reading=Reading(
        sentences=(
            "What was learned on five digits is offered to the other five, with few and with many samples of these.",
            "Fine-tuned against scratch: {c1} with 5 samples a class ({c3} a fifth into training), {c2} with 60; "
            "frozen "
            "against all layers {c4}; the best rate against that from scratch {c5}.",
            "Fine-tune where samples are few, and try the frozen body first: it is the cheapest.",
        ),
        would_change="A source that is larger or more alike; a target with many samples, where scratch catches up.",
        depends_on="how many samples there are, and what is frozen",
        chinese=(
            "微调比从头训练更快更好；学习率应小，可固定底部",
            "每类 5 个样本：微调 − 从头 {c1}；每类 60 个 {c2}；固定底部 − 全部微调 {c4}",
        ),
    ),
)

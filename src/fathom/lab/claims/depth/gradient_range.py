"""Do networks learn whose gradients lie in 10⁻⁶ … 10³, and the others not?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, best_rate, gradient_norms, train_stack

_TUNING = range(10_000, 10_003)
_SCALES = {"tiny": 0.05, "small": 0.4, "he": 1.0, "large": 2.0, "huge": 8.0}
_LOW, _HIGH = 1e-6, 1e3  # the notes' range


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield the smallest and largest gradient of a layer at the first weights, and what training then reaches."""
    rate = best_rate(
        conditions["rates"], lambda lr: float(torch.nan_to_num(_train(arm, lr, _TUNING, conditions)[0]).sum())
    )
    accuracy, norms = _train(arm, rate, seeds, conditions)
    for value, sizes in zip(torch.nan_to_num(accuracy).tolist(), norms.tolist(), strict=True):
        is_inside = min(sizes) >= _LOW and max(sizes) <= _HIGH
        learned = value >= conditions["target"]
        yield {
            "accuracy": value,
            "smallest": min(sizes),
            "largest": max(sizes),
            "right_share": float(is_inside == learned),
            "lr": rate,
        }


def _train(arm: str, lr: float, seeds: Sequence[int], conditions: Conditions) -> tuple[torch.Tensor, torch.Tensor]:
    """Return test accuracy (S,) and the size of each layer's gradient before training (S, layers)."""
    data, width = conditions.samples, conditions["width"]
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    form = Form(conditions["depth"], width, "relu", _SCALES[arm] * (2 / width) ** 0.5)
    stack = Stack(seeds, X.shape[2], data.num_classes, form)
    norms = gradient_norms(stack, X, y)
    train_stack(stack, X, y, Fit(lr, conditions["epochs"]))
    return stack.accuracy(X_test, y_test, X), norms


def _compare(arm: str) -> Comparison:
    title = f"{_SCALES[arm]:g} · He: share that the range foretells"
    return Comparison(title, arm, 0.9, "not less", 0.1, "right_share", unit="pp", statistic="bootstrap")


CLAIM = Claim(
    number=64,
    title="Gradients between 10⁻⁶ and 10³",
    statement="A network trains if its gradients lie between 10⁻⁶ and 10³.",
    place="N1 §1.7.2; N2 数值稳定",
    paper="",
    design=Design(
        factor="first weights of 0.05, 0.4, 1, 2 and 8 times He's standard deviation",
        fixed="6 hidden layers of 32 ReLUs, SGD with momentum 0.9, batch 64; trained means 80 % on test samples",
        budget="each arm has the best of the same seven rates, chosen on seeds of its own; the same steps",
        arms={name: f"{scale:g} · He" for name, scale in _SCALES.items()},
        seeds=20,
    ),
    comparisons=[_compare(arm) for arm in _SCALES],
    measure=measure,
    plot=Plot("smallest", "smallest gradient of a layer (root mean square)", log_y=True),
    data="digits",
    takes=("images", "rows"),
    settings={
        "depth": 6,
        "width": 32,
        "samples": 500,
        "epochs": 40,
        "target": 0.8,
        "rates": (1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0),
    },
    quick={"epochs": 25, "rates": (1e-5, 1e-3, 0.01, 0.1, 1.0)},
    reading=Reading(
        sentences=(
            "The notes give the range as a goal; here it is taken at its word, as a forecast of whether training "
            "works.",
            "Smallest gradient of a layer: {tiny}, {small}, {he}, {large}, {huge} at 0.05 to 8 times He's weights; "
            "accuracy "
            "{tiny:accuracy}, {small:accuracy}, {he:accuracy}, {large:accuracy}, {huge:accuracy}.",
            "Watch the gradients of all layers at the first step, as `fathom doctor` does; their ratio says more than "
            "their size.",
        ),
        would_change="Optimisers that divide by the gradient's size, normalisation, other depths.",
        depends_on="the first weights",
        chinese=(
            "梯度值应在 1e-6 到 1e3 的范围内",
            "最小层梯度与准确率：0.05·He {tiny}、{tiny:accuracy}；He {he}、{he:accuracy}；8·He {huge}",
        ),
    ),
)

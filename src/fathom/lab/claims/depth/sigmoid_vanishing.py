"""In a deep network of sigmoids the gradient vanishes on its way down, and the bottom layers hardly learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, gradient_norms, train_stack

_ACTIVATIONS = {"sigmoid": "xavier", "tanh": "xavier", "relu": "he"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield the first layer's gradient over the last hidden one's, and how far training moves both."""
    data = conditions.samples
    X, y, _, _ = stack_draws([data.draw(seed, conditions["samples"], 1) for seed in seeds])
    X = X.double()  # in float32 the smallest gradients would be rounded to zero
    form = Form(conditions["depth"], conditions["width"], arm, _ACTIVATIONS[arm])
    stack = Stack(seeds, X.shape[2], data.num_classes, form).double()
    norms = gradient_norms(stack, X, y)  # (S, layers)
    before = [weight.detach().clone() for weight in stack.weights]
    train_stack(stack, X, y, Fit(conditions["lr"], conditions["epochs"]))
    # the second and the last of the hidden layers: of one shape
    low, high = (_moved(stack.weights[i], before[i]) for i in (1, form.depth - 1))
    for i in range(len(seeds)):
        yield {
            "ratio": float(norms[i, 1] / norms[i, form.depth - 1]),
            "moved_low": float(low[i]),
            "moved_high": float(high[i]),
        }


def _moved(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return how far weights are from where they began, as a share of their size: (S,)."""
    return ((now.detach() - before).square().sum((1, 2)) / before.square().sum((1, 2))).sqrt()


def check(conditions: Conditions) -> Sequence[Fact]:
    """Check the two products in the notes, and the largest slope of a sigmoid."""
    slope = float(torch.sigmoid(torch.linspace(-9, 9, 18001, dtype=torch.float64)).apply_(lambda s: s * (1 - s)).max())
    return [
        Fact("1.5¹⁰⁰ ≈ 4·10¹⁷", round(1.5**100 / 1e17) == 4, f"{1.5**100:.3g}"),
        Fact("0.8¹⁰⁰ ≈ 2·10⁻¹⁰", round(0.8**100 / 1e-10) == 2, f"{0.8**100:.3g}"),
        Fact("a sigmoid's slope is at most ¼", abs(slope - 0.25) < 1e-9, f"{slope:.4f}"),
    ]


CLAIM = Claim(
    number=34,
    title="Sigmoids and vanishing gradients",
    statement="Through many sigmoid layers the gradient vanishes, so that only the top of the network learns.",
    place="N1 §1.7.1; N2 数值稳定",
    paper="Glorot & Bengio 2010",
    design=Design(
        factor="activation: sigmoid, tanh (both with Xavier's weights), ReLU (with He's)",
        fixed="20 hidden layers of 32 units, the samples, SGD with momentum 0.9, learning rate 0.1, the same steps",
        budget="gradients at the first weights need no tuning; the same short training for all",
        arms={name: f"{name}, {init} weights" for name, init in _ACTIVATIONS.items()},
        seeds=20,
    ),
    comparisons=[
        Comparison(
            "sigmoid: gradient of layer 2 / layer 20", "sigmoid", 1.0, "less", margin=10, measure="ratio", is_ratio=True
        ),
        Comparison(
            "sigmoid: layer 2 moves less than layer 20",
            "sigmoid",
            "sigmoid",
            "less",
            margin=2,
            measure="moved_low",
            second_measure="moved_high",
            is_ratio=True,
        ),
        Comparison("the same ratio, sigmoid / tanh", "sigmoid", "tanh", "less", 10, "ratio", is_ratio=True),
        Comparison("ReLU: layer 2 / layer 20", "relu", 1.0, "same", 10, "ratio", is_ratio=True, is_judged=False),
    ],
    measure=measure,
    facts=check,
    plot=Plot("ratio", "gradient of layer 2 / layer 20", log_y=True),
    data="digits",
    takes=("images", "rows"),
    settings={"depth": 20, "width": 32, "samples": 500, "epochs": 5, "lr": 0.1},
    quick={"samples": 200, "epochs": 2},
    reading=Reading(
        sentences=(
            "Each sigmoid multiplies the gradient by a slope of at most ¼, each layer by a matrix of about unit size.",
            "The gradient of layer 2 over that of layer 20: sigmoid {sigmoid}, tanh {tanh}, ReLU {relu}; with sigmoids "
            "a short training moves layer 2 by {c2} as much as layer 20.",
            "Leave sigmoids to gates and outputs; inside a deep network use ReLU with He's weights.",
        ),
        would_change="Larger first weights, normalisation, or residual connections.",
        depends_on="what is asked of it",
        chinese=(
            "深层 sigmoid 网络梯度消失，底部各层几乎不学习",
            "20 层：第 2 层与第 20 层梯度之比，sigmoid {sigmoid}，tanh {tanh}，ReLU {relu}",
        ),
    ),
)

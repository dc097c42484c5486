"""With residual connections more layers do no harm, and the gradient gains a term that does not shrink."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading
from fathom.lab.stacks import Fit, Form, Stack, best_rate, gradient_norms, train_stack

_TUNING = range(10_000, 10_003)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train with the best of the learning rates; yield test accuracy, and the gradient's ratio before training."""
    kind, depth = arm.split("_")
    form = Form(int(depth), conditions["width"], "relu", "he", is_residual=kind == "residual", has_norm=True)
    rate = best_rate(conditions["rates"], lambda lr: sum(v["accuracy"] for v in _values(form, lr, _TUNING, conditions)))
    for value in _values(form, rate, seeds, conditions):
        yield value | {"lr": rate}


def _values(form: Form, lr: float, seeds: Sequence[int], conditions: Conditions) -> list[dict[str, float]]:
    data = conditions.samples
    X, y, X_test, y_test = stack_draws([data.draw(seed, conditions["samples"], 500) for seed in seeds])
    stack = Stack(seeds, X.shape[2], data.num_classes, form)
    norms = gradient_norms(stack, X[:, :128], y[:, :128])  # (S, layers)
    train_stack(stack, X, y, Fit(lr, conditions["epochs"]))
    accuracy = stack.accuracy(X_test, y_test, X)
    ratio = norms[:, 1] / norms[:, form.depth - 1]
    return [{"accuracy": float(a), "ratio": float(r)} for a, r in zip(accuracy, ratio, strict=True)]


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare the gradient of y + g(y) with that of y plus that of g(y)."""
    g = torch.Generator().manual_seed(0)
    x, w, v = (torch.randn(5, 5, generator=g, dtype=torch.float64) for _ in range(3))
    w.requires_grad_()
    y = torch.tanh(x @ w)
    z = torch.tanh(y @ v)
    through, direct, both = (torch.autograd.grad(out.sum(), w, retain_graph=True)[0] for out in (z, y, y + z))
    gap = float((both - through - direct).abs().max())
    return [Fact("the gradient of y + g(y) is that through g plus that of y alone", gap < 1e-12, f"gap {gap:.0e}")]


CLAIM = Claim(
    number=48,
    title="Residual connections and depth",
    statement="With x + g(x) deeper networks are never worse, and gradients do not vanish.",
    place="N1 §2.11",
    paper="He et al. 2016; Prince 2023, Understanding Deep Learning, ch. 11",
    design=Design(
        factor="depth 4 and 40, plain and residual",
        fixed="width 32, ReLU, batch normalisation in every layer, SGD with momentum 0.9, batch 64, samples",
        budget="the same epochs; each arm has the best of the same learning rates, chosen on seeds of its own",
        arms={f"{kind}_{depth}": f"{kind}, {depth} layers" for kind in ("plain", "residual") for depth in (4, 40)},
        seeds=12,
        quick_seeds=5,
    ),
    comparisons=[
        Comparison("residual: 40 − 4 layers", "residual_40", "residual_4", "not less", margin=0.01, unit="pp"),
        Comparison("plain: 40 − 4 layers", "plain_40", "plain_4", "less", margin=0.01, unit="pp", is_judged=False),
        Comparison("40 layers: residual − plain", "residual_40", "plain_40", "more", margin=0.01, unit="pp"),
    ],
    measure=measure,
    facts=check,
    plot=Plot("accuracy", "test accuracy"),
    data="digits",
    takes=("images", "rows"),
    settings={"width": 32, "samples": 500, "epochs": 60, "rates": (0.003, 0.01, 0.03, 0.1)},
    quick={"epochs": 40, "rates": (0.01, 0.03)},
    reading=Reading(
        sentences=(
            "A residual layer starts near the identity, so layers that are not needed can stay out of the way.",
            "From 4 to 40 layers accuracy changed by {c1} with residual connections and by {c2} without; at 40 layers "
            "they are worth {c3}.",
            "Depth beyond ten or so layers asks for residual connections; that more layers help is another question.",
        ),
        would_change=(
            "Residual branches without normalisation, whose sum grows with depth; too few steps for 40 layers."
        ),
        depends_on="what is compared",
        chinese=(
            "有残差连接时更深的网络不会更差，梯度也不会消失",
            "40 层减 4 层的准确率：残差 {c1}，普通 {c2}",
        ),
    ),
)

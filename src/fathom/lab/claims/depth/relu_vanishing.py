"""Does a network of ReLUs have no vanishing gradients?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fathom.lab.ensembles import stack_draws
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Form, Stack, gradient_norms

_INITS: dict[str, str | float] = {"he": "he", "xavier": "xavier", "small": 0.01}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Yield the gradient at the bottom over that at the top, and the size of the bottom one, at the first weights."""
    data = conditions.samples
    X, y, _, _ = stack_draws([data.draw(seed, conditions["samples"], 1) for seed in seeds])
    form = Form(conditions["depth"], conditions["width"], "relu", _INITS[arm])
    # float64: what is asked is how small the gradient is, not when float32 rounds it to zero
    stack = Stack(seeds, X.shape[2], data.num_classes, form).double()
    norms = gradient_norms(stack, X.double(), y)  # (S, layers)
    for low, high in norms[:, [1, form.depth]].tolist():
        yield {"low": low, "ratio": low / high}


CLAIM = Claim(
    number=35,
    title="ReLU and vanishing gradients",
    statement="ReLU, whose slope is 1, keeps gradients from vanishing.",
    place="N3 ch. 5; N1 §2.6.1",
    paper="He et al. 2015; Prince 2023, Understanding Deep Learning, §7.5",
    design=Design(
        factor="first weights: He's (2/n), Xavier's (1/n), N(0, 0.01²)",
        fixed="50 hidden layers of 64 ReLUs, the samples; float64",
        budget="nothing is trained: the gradient at the first weights is what training begins with",
        arms={
            "he": "He, variance 2/n",
            "xavier": "Xavier, variance 1/n",
            "small": "standard deviation 0.01",
        },
        seeds=30,
    ),
    comparisons=[
        Comparison("He: gradient at the bottom", "he", 1e-6, "more", 10, "low", is_ratio=True),
        Comparison("Xavier: gradient at the bottom", "xavier", 1e-6, "more", 10, "low", is_ratio=True),
        Comparison("N(0, 0.01²): gradient at the bottom", "small", 1e-6, "more", 10, "low", is_ratio=True),
    ],
    measure=measure,
    plot=Plot("low", "size of the gradient of layer 2", log_y=True),
    data="digits",
    takes=("images", "rows"),
    settings={"depth": 50, "width": 64, "samples": 200},
    quick={"samples": 100},
    reading=Reading(
        sentences=(
            "A ReLU passes on the gradient of half of its units unchanged and stops the other half, so each layer "
            "halves its square unless the weights make up for it.",
            "Root mean square of the gradient of layer 2 of 50: {he} with He's weights, {xavier} with Xavier's, "
            "{small} "
            "with N(0, 0.01²); the notes want at least 10⁻⁶.",
            "ReLU needs weights of variance 2/n: choose He's initialisation, or normalise.",
        ),
        would_change=(
            "Few layers, batch normalisation or residual connections, with which the first weights matter less."
        ),
        depends_on="the first weights",
        chinese=(
            "ReLU 没有梯度消失问题",
            "50 层底部梯度：He {he}，Xavier {xavier}，N(0, 0.01²) {small}：取决于初始化",
        ),
    ),
)

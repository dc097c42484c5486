"""Does Xavier's rule keep variances through layers of tanh, of ReLU and of 4·sigmoid − 2?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.stacks import Form, Stack

_ARMS = {"linear": "identity", "tanh": "tanh", "relu": "ReLU", "scaled_sigmoid": "4·sigmoid − 2"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Send Gaussian inputs up and a Gaussian gradient down; yield how the mean squares change a layer."""
    width, depth = conditions["width"], conditions["depth"]
    stack = Stack(seeds, width, width, Form(depth, width, arm, "xavier")).double()
    drawn = [torch.randn(2, conditions["samples"], width, generator=g, dtype=torch.float64) for g in stack.generators]
    X, G = torch.stack(drawn, 1) * conditions["scale"]  # (S, B, width) each
    watch: list[torch.Tensor] = []
    X.requires_grad_()
    stack(X, watch)
    first, last = watch[0], watch[-1]  # outputs of the first and last hidden layer
    (down,) = torch.autograd.grad(last, first, grad_outputs=G)
    with torch.no_grad():
        forward = last.square().mean((1, 2)) / first.square().mean((1, 2))  # (S,)
        backward = down.square().mean((1, 2)) / G.square().mean((1, 2))
    for up, back in zip(forward.tolist(), backward.tolist(), strict=True):
        yield {"forward": up, "backward": back}


def _compare(arm: str, measure: str) -> Comparison:
    title = f"{_ARMS[arm]}: {'outputs' if measure == 'forward' else 'gradients'} over 29 layers"
    return Comparison(title, arm, 1.0, "same", margin=3, measure=measure, is_ratio=True)


CLAIM = Claim(
    number=37,
    title="Xavier's rule and the activation",
    statement="With Xavier's weights tanh, ReLU and 4·sigmoid − 2 keep the variance of values and gradients.",
    place="N1 §1.7.2",
    paper="He et al. 2015",
    design=Design(
        factor="activation: identity (for which the rule is derived), tanh, ReLU, 4·sigmoid − 2",
        fixed="30 layers of width 128, Xavier's Gaussian weights, Gaussian inputs and gradients of size 1, float64",
        budget="nothing is trained",
        arms=_ARMS,
        seeds=30,
    ),
    comparisons=[
        Comparison("identity: outputs", "linear", 1.0, "same", 3, "forward", is_ratio=True, is_judged=False),
        *(_compare(arm, measure) for arm in ("tanh", "relu", "scaled_sigmoid") for measure in ("forward", "backward")),
    ],
    measure=measure,
    plot=Plot("forward", "mean square, layer 30 / layer 1", log_y=True),
    settings={"width": 128, "depth": 30, "samples": 64, "scale": 1.0},
    quick={"samples": 16},
    reading=Reading(
        sentences=(
            "The rule is derived for an activation that is the identity; the notes argue that near 0 the others are "
            "too.",
            "Mean square of the outputs from layer 1 to 30: identity ×{linear}, tanh ×{tanh}, ReLU ×{relu}, "
            "4·sigmoid − 2 ×{scaled_sigmoid}.",
            "For ReLU take He's rule, twice the variance, since half of the units are off; for tanh and 4·sigmoid − 2 "
            "Xavier's rule loses slowly, not exponentially.",
        ),
        would_change="Small inputs (tanh is then closer to the identity), fewer layers, a wider margin than threefold.",
        depends_on="the activation",
        chinese=(
            "Xavier 初始化配合 tanh、ReLU、4σ−2 能保持方差",
            "30 层输出均方之比：tanh {tanh}，ReLU {relu}，4σ−2 {scaled_sigmoid}",
        ),
    ),
)

"""Random weights break the symmetry of units; a network of ReLUs or PReLUs is linear in pieces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading

_POINTS = 20_001


def check(conditions: Conditions) -> Sequence[Fact]:
    """Train with equal and with random rows; bend a line through random networks and count."""
    g = torch.Generator().manual_seed(0)
    X, y = torch.randn(64, 3, generator=g, dtype=torch.float64), torch.randn(64, 1, generator=g, dtype=torch.float64)
    equal = _train(torch.full((3, 6), 0.3, dtype=torch.float64), X, y)
    drawn = _train(torch.randn(3, 6, generator=g, dtype=torch.float64), X, y)
    spread_equal, spread_drawn = (float(W.std(1).max()) for W in (equal, drawn))
    facts = [
        Fact(
            "equal units stay equal in training",
            spread_equal < 1e-12,
            f"spread {spread_equal:.0e}",
        ),
        Fact("random units differ", spread_drawn > 0.1, f"{spread_drawn:.2f}"),
    ]
    activations = {
        "ReLU": torch.relu,
        "PReLU": lambda z: F.prelu(z, torch.tensor(0.2, dtype=torch.float64)),
        "tanh": torch.tanh,
    }
    widths = conditions["widths"]
    for name, activation in activations.items():
        pieces, bent = _count_pieces(activation, widths)
        if name == "tanh":
            title = "tanh: bends everywhere"
            facts.append(Fact(title, bent > 0.5, f"at {bent:.0%}", is_judged=False))
        else:
            limit = (widths[0] + 1) * (widths[1] * (widths[0] + 1) + 1)  # each unit bends each piece once at most
            facts.append(
                Fact(
                    f"{name}: finitely many pieces",
                    bent < 0.05 and 1 < pieces <= limit,
                    f"{pieces}, at most {limit}",
                )
            )
    return facts


def _train(W: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the first weights of a network of one hidden layer after 200 steps."""
    W = W.clone().requires_grad_()
    v = torch.full((6, 1), 0.3, dtype=torch.float64, requires_grad=True)
    for _ in range(200):
        loss = (torch.tanh(X @ W) @ v - y).square().mean()
        for parameter, grad in zip((W, v), torch.autograd.grad(loss, (W, v)), strict=True):
            with torch.no_grad():
                parameter.sub_(0.1 * grad)
    return W.detach()


def _count_pieces(activation: Callable[[torch.Tensor], torch.Tensor], widths: Sequence[int]) -> tuple[int, float]:
    """Return the linear pieces on [−3, 3], and the share of steps at which the slope changes."""
    g = torch.Generator().manual_seed(1)
    x = torch.linspace(-3, 3, _POINTS, dtype=torch.float64)[:, None]
    sizes = (1, *widths)
    for fan_in, fan_out in itertools.pairwise(sizes):
        W, b = (torch.randn(n, fan_out, generator=g, dtype=torch.float64) for n in (fan_in, 1))
        x = activation(x @ W * (2 / fan_in) ** 0.5 + 0.5 * b)
    out = x @ torch.randn(widths[-1], 1, generator=g, dtype=torch.float64)
    bend = out[:, 0].diff().diff().abs() > 1e-12  # second differences: 0 where it is linear
    starts = bend & ~torch.cat([bend[:1] & False, bend[:-1]])  # a kink between two points bends two steps
    return int(starts.sum()) + 1, float(bend.double().mean())


CLAIM = Claim(
    number=55,
    title="Symmetry and linear pieces",
    statement="Random first weights break the symmetry of units; a ReLU or PReLU network is piecewise linear.",
    place="N4 书籍脉络; N4 question 2",
    paper="Montúfar et al. 2014; Prince 2023, Understanding Deep Learning, ch. 3",
    design=Design(
        factor="equal or random first weights; ReLU, PReLU or tanh",
        fixed="float64; 200 steps on 64 samples; random networks of two hidden layers on a line of 20,001 points",
        budget="the same steps",
    ),
    facts=check,
    settings={"widths": (8, 8)},
    reading=Reading(
        sentences=(
            "Units with equal weights receive equal gradients for ever; sums and bends of linear pieces are linear "
            "pieces.",
            "Equal units stay equal to rounding through training, random ones do not; along a line the networks of "
            "ReLUs "
            "and PReLUs fall into a few pieces, that of tanh into none.",
            "Draw weights at random (biases may be zero); `fathom scratch pieces` counts the pieces exactly.",
        ),
        would_change="Dropout or noise, which break the symmetry too.",
        chinese=(
            "随机初始化打破对称性；ReLU/PReLU 网络是连续分段线性函数",
            "成立：相同的行训练后仍相同；沿直线只有有限个线性片段",
        ),
    ),
)

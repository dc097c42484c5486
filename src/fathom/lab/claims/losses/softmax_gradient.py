"""The gradient of cross-entropy after softmax, and what the loss looks at."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading

_SMALL = 1e-12  # in float64, of numbers of size 1


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare autograd with the formula on random logits, and see what moves the loss."""
    generator = torch.Generator().manual_seed(0)
    count, classes = conditions["samples"], conditions["classes"]
    logits = (3 * torch.randn(count, classes, generator=generator, dtype=torch.float64)).requires_grad_()
    y = torch.randint(classes, (count,), generator=generator)
    loss = torch.nn.functional.cross_entropy(logits, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, logits)
    p = logits.detach().softmax(1)
    wanted = p - torch.nn.functional.one_hot(y, classes)
    gap = float((gradient - wanted).abs().max())
    rows = torch.arange(count)
    # the other probabilities in another order: p_y stays, and so must the loss
    shuffled = p.clone()
    for row, label in enumerate(y.tolist()):
        rest = [k for k in range(classes) if k != label]
        shuffled[row, rest] = p[row, rest[::-1]]
    same = float((shuffled[rows, y].log().sum() + loss.detach()).abs() / loss.detach())
    others = gradient.clone()
    others[rows, y] = 0
    share = float((others.abs().sum(1) / gradient.abs().sum(1)).mean())
    sums = float(gradient.sum(1).abs().max())
    return [
        Fact("∂loss/∂o = softmax(o) − y", gap < _SMALL, f"largest difference {gap:.0e} over {count} samples"),
        Fact("the loss is −log p of the true class alone", same < _SMALL, f"relative difference {same:.0e}"),
        Fact("the gradients of a sample add up to 0", sums < _SMALL, f"{sums:.0e}"),
        Fact(
            "half of the gradient moves the other logits",
            abs(share - 0.5) < _SMALL,
            f"share {share:.3f}: what the true class gains the others lose",
        ),
    ]


CLAIM = Claim(
    number=20,
    title="The gradient of softmax and cross-entropy",
    statement=(
        "The gradient of the loss with respect to the logits is softmax − y, and the loss looks at the true class."
    ),
    place="N1 §1.3.1; N2",
    design=Design(
        factor="logits of random samples",
        fixed="float64, logits of standard deviation 3",
        budget="nothing is trained: the statement is about one formula",
    ),
    facts=check,
    settings={"samples": 1000, "classes": 10},
    reading=Reading(
        sentences=(
            "Softmax ties the logits together, so a loss that reads one probability still moves all of them.",
            "Autograd and the formula agree to rounding; exactly half of each gradient falls on the logits of "
            "the other "
            "classes.",
            "The gradient is bounded by 1 a logit, whatever the loss: a confident mistake is no explosion.",
        ),
        would_change="Nothing: it is calculus. Label smoothing and soft targets change what y is, not the formula.",
        chinese=(
            "交叉熵对 o 的梯度是 softmax − y，损失只看真实类",
            "成立：与自动求导只差舍入误差；梯度恰有一半落在其他类上",
        ),
    ),
)

"""The logarithm of a softmax written by hand, and the library's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading


def check(conditions: Conditions) -> Sequence[Fact]:
    """Evaluate log(softmax) of pairs of logits up to ±range in float32, beside float64 by hand."""
    ends = np.linspace(-conditions["range"], conditions["range"], 201)
    logits = torch.tensor(np.stack(np.meshgrid(ends, ends), -1).reshape(-1, 2), dtype=torch.float32)  # (201², 2)
    a, b = logits.double().unbind(1)
    exact = torch.stack([-torch.log1p(torch.exp(b - a)), -torch.log1p(torch.exp(a - b))], 1)  # log p of two classes
    powers = logits.exp()
    by_hand = torch.log(powers / powers.sum(1, keepdim=True))
    library = torch.log_softmax(logits, 1)
    lost = float((~torch.isfinite(by_hand)).any(1).double().mean())
    error = float(((library.double() - exact).abs() / (1 + exact.abs())).max())
    failing = logits[1:2].clone().requires_grad_()
    with torch.no_grad():
        failing[:] = torch.tensor([[conditions["range"], -conditions["range"]]])
    torch.log(failing.exp() / failing.exp().sum()).neg()[0, 0].backward()
    assert failing.grad is not None
    broken = bool(failing.grad.isnan().any())
    largest = float(torch.tensor(88.8).exp())
    return [
        Fact("by hand some pairs of logits give no finite number", lost > 0, f"{100 * lost:.0f} % of the pairs"),
        Fact("the library's are finite and right for all", error < 1e-6, f"largest relative error {error:.0e}"),
        Fact("the gradient by hand is NaN even where the loss should be 0", broken, "logits (range, −range)"),
        Fact("exp overflows float32 beyond 88.7", not np.isfinite(largest), "exp(88.8) = inf", is_judged=False),
    ]


CLAIM = Claim(
    number=21,
    title="log(softmax) by hand",
    statement="Cross-entropy written out as log of softmax breaks down; the library's does not.",
    place="N4 epoch, loss functions; N3 ch. 4",
    design=Design(
        factor="log(exp(o) / Σ exp(o)) by hand, against log_softmax",
        fixed="float32, all pairs of 201 logits up to ±100",
        budget="nothing is trained: the statement is about arithmetic",
    ),
    facts=check,
    settings={"range": 100.0},
    reading=Reading(
        sentences=(
            "exp leaves float32 at 88.7 above and at −103 below; subtracting the largest logit first keeps all "
            "of it in "
            "range.",
            "By hand a part of the pairs gives inf or NaN, and one NaN in a batch ruins every weight; log_softmax is "
            "right to the last bits.",
            "Give the loss logits, never probabilities: cross_entropy and BCEWithLogits take the logarithm inside.",
        ),
        would_change=(
            "Logits within ±10, where by hand is right too: a small network with small inputs hides the fault."
        ),
        chinese=(
            "手写 log(softmax) 会失效，库函数不会",
            "成立：logits 在 ±100 内时手写版本出现 inf/NaN，log_softmax 全部正确",
        ),
    ),
)

"""The gradient of a mini-batch estimates the full one, with a variance that falls as one over the batch size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import Ensemble, Recipe, cross_entropy
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_SIZES = (4, 16, 64, 256)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Draw batches with replacement at a network's first weights; yield spread and bias of their gradients."""
    size, repeats = int(arm.removeprefix("batch")), conditions["repeats"]
    for seed in seeds:
        draw = conditions.samples.draw(seed, conditions["samples"], 1)
        X, y = draw.flat[0], draw.y
        net = Ensemble([seed], X.shape[1], conditions.samples.num_classes, Recipe((conditions["width"],)))
        full = _gradient(net, X, y)
        generator = torch.Generator().manual_seed(seed)
        found = []
        for _ in range(repeats):
            rows = torch.randint(len(X), (size,), generator=generator)
            found.append(_gradient(net, X[rows], y[rows]))
        errors = torch.stack(found) - full  # (repeats, P)
        variance = float(errors.square().sum(1).mean())
        # of the mean of all batches, in standard errors: near 1 without bias
        bias = float(errors.mean(0).square().sum()) * repeats / variance
        yield {"variance": variance / float(full.square().sum()), "bias": bias, "variance_times_batch": variance * size}


def _gradient(net: Ensemble, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the mean loss as one vector: (P,)."""
    loss = cross_entropy(net(X[None]), y[None]).sum()
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(net.parameters()))])


_LABELS = {f"batch{size}": f"batch of {size}" for size in _SIZES}
_STEPS = list(zip(_SIZES[1:], _SIZES, strict=False))

CLAIM = Claim(
    number=17,
    title="The gradient of a mini-batch",
    statement="The gradient of a random batch approximates that of all samples; larger batches come closer.",
    place="N1 §1.2.2; N2; N3 ch. 3",
    paper="",
    design=Design(
        factor="batch size 4, 16, 64, 256, drawn with replacement",
        fixed="a network of one hidden layer at its first weights, the same samples",
        budget="200 batches of every size and seed",
        arms=_LABELS,
        seeds=60,
    ),
    comparisons=[
        # the variance of a mean of B independent gradients is 1/B of that of one
        *(
            Comparison(
                f"B times the variance: batch {large} / {small}",
                f"batch{large}",
                f"batch{small}",
                "same",
                margin=1.15,
                measure="variance_times_batch",
                is_ratio=True,
            )
            for large, small in _STEPS
        ),
        Comparison("bias of batch 4 (1 is none)", "batch4", 1.0, "same", margin=0.15, measure="bias"),
    ],
    measure=measure,
    plot=Plot("variance", "E‖g_B − g‖² / ‖g‖²", _SIZES, "batch size", log_x=True, log_y=True),
    data="digits",
    takes=("images", "rows"),
    settings={"width": 32, "samples": 1000, "repeats": 200},
    quick={"repeats": 60},
    reading=Reading(
        sentences=(
            "A batch drawn at random has the full gradient as its mean, and B independent samples average their noise.",
            "B times the variance stays the same from 4 to 256: {c1}, {c2}, {c3}; of a bias there is no sign ({c4}).",
            "To halve the noise takes four times the batch: once a device is busy, more steps are the better use of "
            "samples.",
        ),
        would_change="Batches without replacement from few samples are better than 1/B, those of neighbours worse.",
        chinese=(
            "小批量梯度近似全量梯度，批量越大越接近",
            "成立：方差与批量成反比（B·方差之比 {c1}、{c2}、{c3}），无偏",
        ),
    ),
)

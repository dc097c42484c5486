"""A 1×1 convolution is a dense layer at every pixel, and an Inception block needs fewer parameters than plain "
"kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading

_IN, _SIDE = 192, 28  # of GoogLeNet's first block
_PATHS = ((64,), (96, 128), (16, 32), (32,))  # channels: 1×1; 1×1, 3×3; 1×1, 5×5; pooling, 1×1


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare both layers on random values, and count the block's parameters and operations."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(2, 7, 5, 6, generator=generator, dtype=torch.float64)  # (N, C_in, H, W)
    W = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    dense = (X.movedim(1, 3) @ W.T).movedim(3, 1)  # (N, H, W, C_in) -> (N, C_out, H, W)
    gap = float((F.conv2d(X, W[:, :, None, None]) - dense).abs().max())
    (one,), (reduce3, three), (reduce5, five), (pooled,) = _PATHS
    weights = _IN * (one + reduce3 + reduce5 + pooled) + 9 * reduce3 * three + 25 * reduce5 * five
    outputs = one + three + five + pooled
    plain = {side: side**2 * _IN * outputs for side in (3, 5)}
    facts = [
        Fact(
            "a 1×1 convolution is a dense layer on every pixel's channels", gap < 1e-12, f"largest difference {gap:.0e}"
        )
    ]
    for side, count in plain.items():
        facts.append(
            Fact(
                f"the block has fewer weights than a {side}×{side} convolution with as many outputs",
                weights < count,
                f"{weights:,} against {count:,}: ×{count / weights:.1f}",
            )
        )
    # a weight is used once at each of 28×28 pixels, in all of them
    operations = {"block": weights * _SIDE**2, "3×3": plain[3] * _SIDE**2}
    facts.append(
        Fact(
            "and fewer operations than a 3×3 convolution",
            operations["block"] < operations["3×3"],
            f"{operations['block'] / 1e6:.0f} and {operations['3×3'] / 1e6:.0f} million multiply-adds",
        )
    )
    built = _count_in_registry()
    facts.append(Fact("the registry's GoogLeNet has these weights", built == weights, f"{built:,}"))
    return facts


def _count_in_registry() -> int:
    from fathom.models import registry

    with torch.device("meta"):
        net = registry.create("googlenet", input_shape=(3, 224, 224), num_classes=10)
    blocks = [m for m in net.modules() if type(m).__name__ == "Inception"]
    return sum(p.numel() for p in blocks[0].parameters() if p.dim() == 4)


CLAIM = Claim(
    number=42,
    title="1×1 convolutions and Inception",
    statement=(
        "A 1×1 convolution is a dense layer per pixel, and Inception needs fewer parameters than 3×3 or 5×5 alone."
    ),
    place="N1 §2.3.4, §2.9.1",
    paper="Lin et al. 2014; Szegedy et al. 2015",
    design=Design(
        factor="the kind of layer between the same 192 and 256 channels",
        fixed="GoogLeNet's first block, 28×28 pixels; biases are not counted",
        budget="nothing is trained",
    ),
    facts=check,
    reading=Reading(
        sentences=(
            "A kernel of one pixel sees channels only, so it mixes them as a dense layer does, with the same weights "
            "everywhere.",
            "The block has 2.7 times fewer weights than a 3×3 convolution of as many outputs, 7.5 times fewer than a "
            "5×5.",
            "To make a layer cheaper, first reduce its channels with a 1×1 convolution.",
        ),
        would_change="Other widths of the paths: without the reducing 1×1 layers the block would cost more.",
        depends_on="the widths",
        chinese=(
            "1×1 卷积等价于逐像素全连接；Inception 比全用 3×3 或 5×5 参数更少",
            "成立：参数为 3×3 卷积的约 1/2.7，5×5 的约 1/7.5",
        ),
    ),
)

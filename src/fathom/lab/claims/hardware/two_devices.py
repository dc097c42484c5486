"""Two devices with half a batch each are one device with the whole batch; adding up locally first saves traffic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare gradients of a batch and of its halves, and count what is sent."""
    torch.manual_seed(0)
    X, y = torch.randn(32, 1, 12, 12, dtype=torch.float64), torch.randint(4, (32,))
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 4)).double()
    normal = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 4)).double()
    gaps = {name: _gap(net, X, y) for name, net in (("plain", plain), ("normal", normal))}
    facts = [
        Fact("without batch normalisation: the same gradient", gaps["plain"] < 1e-12, f"gap {gaps['plain']:.0e}"),
        Fact("with batch normalisation: the same gradient", gaps["normal"] < 1e-12, f"gap {gaps['normal']:.2g}"),
    ]
    return [*facts, *_traffic(conditions["machines"], conditions["devices"])]


def _gap(net: nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """Return the largest difference between the gradient of the batch and the mean of its halves', relative."""

    def gradient(X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(F.cross_entropy(net(X), y), list(net.parameters()))
        return torch.cat([part.flatten() for part in found])

    whole = gradient(X, y)
    halves = (gradient(X[:16], y[:16]) + gradient(X[16:], y[16:])) / 2
    return float((whole - halves).abs().max() / whole.abs().max())


def _traffic(machines: int, devices: int) -> list[Fact]:
    """Count the numbers that leave a machine, and what the busiest device sends, for a gradient of 1,200 numbers."""
    from fathom.scratch.devices.collective import naive_all_reduce, ring_all_reduce

    n, rng = 1200, np.random.default_rng(0)
    gradients = rng.normal(size=(machines, devices, n))
    apart = sum(gradient.size for machine in gradients for gradient in machine)  # each device to the server
    local = [machine.sum(0) for machine in gradients]
    together = sum(gradient.size for gradient in local)
    same = bool(np.allclose(sum(local), gradients.sum((0, 1))))
    world = machines * devices
    naive, ring = (f([row.copy() for row in gradients.reshape(world, n)]) for f in (naive_all_reduce, ring_all_reduce))
    return [
        Fact(
            "a local sum first: fewer numbers to the server",
            same and together * devices == apart,
            f"{apart:,} to {together:,}",
        ),
        Fact(
            "a ring: no device sends more than 2(D − 1)/D", max(ring) == 2 * (world - 1) * n // world, f"{max(ring):,}"
        ),
        Fact("the busiest sends less than without a ring", max(ring) < max(naive), f"{max(naive):,} before"),
    ]


CLAIM = Claim(
    number=50,
    title="Two devices and one batch",
    statement="Data parallel training equals training on the whole batch, and local sums before sending save traffic.",
    place="N1 §3.2, §3.3",
    paper="Patarasuk & Yuan 2009",
    design=Design(
        factor="a batch at once or in halves; with batch normalisation or not; gradients sent one by one or summed",
        fixed="a convolutional network in float64, 32 images; two machines of four devices, 1,200 parameters",
        budget="one step",
    ),
    facts=check,
    settings={"machines": 2, "devices": 4},
    reading=Reading(
        sentences=(
            "A mean over a batch is the mean of the means of its equal halves, as long as samples do not see each "
            "other.",
            "Gradients agree to rounding without batch normalisation, and differ with it, since each half has its own "
            "statistics; a local sum divides what leaves a machine by its devices.",
            "Synchronise the statistics (SyncBatchNorm) or take larger batches a device; let a ring do the adding.",
        ),
        would_change="Halves of unequal size with plain means, dropout with other masks, sums in float32.",
        depends_on="batch normalisation",
        chinese=(
            "数据并行等价于单机整个批量；先在本机求和可减少通信",
            "无批量规范化时精确成立，有则不成立；本机求和使通信量除以设备数",
        ),
    ),
)

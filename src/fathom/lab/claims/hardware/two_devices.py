"""Two devices with half a batch each are one device with the whole batch; adding up locally first saves traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    """Count what processes send a parameter server, and what devices send each other in a ring."""
    from fathom.scratch.devices.collective import naive_all_reduce, ring_all_reduce

    apart, together = (_bytes_to_server(machines, devices, local_sum=local) for local in (False, True))
    n, world = 1200, machines * devices
    rows = list(np.random.default_rng(0).normal(size=(world, n)))
    naive, ring = (f([row.copy() for row in rows]) for f in (naive_all_reduce, ring_all_reduce))
    return [
        Fact("a local sum first: fewer bytes to the server", together * devices == apart, f"{apart:,} to {together:,}"),
        Fact("a ring: each sends 2(D − 1)/D", max(ring) == 2 * (world - 1) * n // world, f"{max(ring):,}"),
        Fact("the busiest sends less than without a ring", max(ring) < max(naive), f"{max(naive):,} before"),
    ]


def _bytes_to_server(machines: int, devices: int, *, local_sum: bool) -> int:
    """Return the bytes of gradients that processes of several devices each send in one step."""
    from fathom.scratch.devices.parameter_server import Cluster, ParameterServer
    from fathom.scratch.learning.optimizers import SGD
    from fathom.scratch.networks import create

    network: tuple[str, dict[str, Any]] = ("mlp", {"input_shape": [1, 4, 4], "num_classes": 3, "hidden": [8]})
    net = create(network[0], **network[1])
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(32, 1, 4, 4)).astype(np.float32), rng.integers(0, 3, 32)
    cluster = Cluster(machines, devices)
    server = ParameterServer(net, SGD(net.parameters(), 0.1), network, X, y, cluster=cluster, local_sum=local_sum)
    with server:
        server.step(np.arange(32))
    return server.bytes_received


CLAIM = Claim(
    number=50,
    title="Two devices and one batch",
    statement="Data parallel training equals training on the whole batch, and local sums before sending save traffic.",
    place="N1 §3.2, §3.3",
    paper="Patarasuk & Yuan 2009",
    design=Design(
        factor="a batch at once or in halves; with batch normalisation or not; gradients sent one by one or summed",
        fixed="a convolutional network in float64, 32 images; two processes of four devices and a server",
        budget="one step",
    ),
    facts=check,
    settings={"machines": 2, "devices": 4},
    reading=Reading(
        sentences=(
            "A mean over a batch is the mean of the means of its equal halves, as long as samples do not see each "
            "other.",
            "Gradients agree to rounding without batch normalisation, and differ with it, since each half has its own "
            "statistics; a local sum divides what leaves a machine by the number of its devices.",
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

"""Model parallel: one device has the first layers, another the rest; activations go over, their gradients come back.

Alone, the devices would take turns, and one would always wait. So the batch goes through in micro-batches: while the
second device works on the first of them, the first device works on the next.

Equals:  one device, to rounding (batch normalisation excepted: it sees micro-batches)
Source:  notes N1 §3.2.1; Huang et al. 2019, GPipe, arXiv:1811.06965
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fathom.scratch.devices.data_parallel import split_batch
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.learning.loops import Loss


@dataclass(frozen=True)
class Work:
    """What a device does in a tick: the forward or backward pass of a micro-batch."""

    tick: int
    device: int
    backward: bool
    micro_batch: int


def split_stages(net: Sequential, cut: int) -> tuple[Sequential, Sequential]:
    """Return the layers before and after a cut as two networks that share the parameters of the one.

    Raises:  ValueError if a stage would be empty
    """
    layers = list(net)
    if not 0 < cut < len(layers):
        raise ValueError(f"split_stages: cut must be from 1 to {len(layers) - 1}, got {cut}")
    # the layers themselves, not copies: gradients land in net
    return Sequential(*layers[:cut]), Sequential(*layers[cut:])


def schedule(num_micro_batches: int) -> list[Work]:
    """List what two devices do when: all forward passes, then all backward passes, the last micro-batch first.

    Each device works in 2m of 2(m + 1) ticks and waits in the others: a share of 1 / (m + 1).

    Raises:  ValueError if there is no micro-batch
    """
    m = num_micro_batches
    if m < 1:
        raise ValueError(f"schedule: num_micro_batches must be at least 1, got {m}")
    plan = []
    for i in range(m):
        plan += [Work(i, 0, False, i), Work(i + 1, 1, False, i)]  # device 1 is one tick behind
        # backwards through the same order: the last one in is the first one out
        plan += [Work(2 * m - i, 1, True, i), Work(2 * m - i + 1, 0, True, i)]
    return sorted(plan, key=lambda work: (work.tick, work.device))


def waiting_share(plan: list[Work]) -> float:
    """Return the share of all ticks in which a device waits: the bubble."""
    num_ticks = max(work.tick for work in plan) + 1  # 2 (m + 1)
    return 1 - len(plan) / (2 * num_ticks)  # (2m + 2) ticks, 2m of work a device: the bubble is 1/(m + 1)


def pipeline_step(
    first: Module, second: Module, X: np.ndarray, y: np.ndarray, loss: Loss, num_micro_batches: int = 4
) -> float:
    """Compute the gradients of a batch over two devices; they are then in the parameters' ``grad``.

    Args:
        first: stage on device 0.
        second: stage on device 1; its output goes into the loss.
    Shape:   X (N, …), y (N,) -> ()

    Returns: the mean loss of the whole batch
    """
    first.zero_grad()  # gradients of all micro-batches add up
    second.zero_grad()
    X_parts, y_parts = split_batch(X, num_micro_batches), split_batch(y, num_micro_batches)
    sent: dict[int, Tensor] = {}  # device 0 keeps what it computed until the gradient comes back
    received: dict[int, Tensor] = {}  # device 1 has a copy, where its own graph begins
    losses: dict[int, Tensor] = {}
    for work in schedule(num_micro_batches):
        i = work.micro_batch
        match work.device, work.backward:
            case 0, False:
                sent[i] = first(Tensor(X_parts[i]))  # kept with its graph
            case 1, False:
                # a leaf on device 1: its grad is what device 0 needs
                received[i] = Tensor(sent[i].data.copy(), requires_grad=True)
                # by its share of the batch, so that the sum is the batch's mean
                losses[i] = loss(second(received[i]), Tensor(y_parts[i])) * (len(X_parts[i]) / len(X))
            case 1, True:
                losses[i].backward()  # through device 1's layers, down to received[i]
            case 0, True:
                gradient = received[i].grad
                assert gradient is not None
                # on through device 0's layers
                sent.pop(i).backward(gradient.data)  # memory is free as soon as it is used
    return sum(part.item() for part in losses.values())

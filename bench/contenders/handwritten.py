"""The loop that everybody writes, and against which all others are measured."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.gate import Gate
from bench.inputs import make_batches, normalised
from bench.networks import make_loss, make_net
from bench.problems import Problem


def run(
    problem: Problem, gate: Gate, feed: str = "tensors", workers: int = 0, tuned: bool = False, test: bool = False
) -> None:
    """Train with plain SGD in fp32, adding up loss and accuracy.

    Args:
        tuned: keep glibc from trimming its heap, and use the channels-last memory format.
        test: give the accuracy on the test split after every epoch.
    """
    if tuned:
        keep_heap()
    net = make_net(problem)
    if tuned:
        net = net.to(memory_format=torch.channels_last)
    batches = make_batches(problem, feed, workers, channels_last=tuned)
    test_part = normalised(problem, "test") if test else None
    optimizer = torch.optim.SGD(net.parameters(), lr=problem.lr)
    loss_function = make_loss(problem)
    train_epoch = train_regressor if problem.is_regression else train_classifier
    for _ in range(gate.num_epochs):
        gate.start_epoch()
        metrics = train_epoch(net, batches, loss_function, optimizer)
        gate.end_epoch(partial(with_test_metrics, metrics, net, test_part))


def train_classifier(
    net: nn.Module, batches: Any, loss_function: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """Train for one epoch; return mean loss and accuracy."""
    net.train()
    total_loss, num_correct, num_samples = 0.0, 0, 0
    for X, y in batches:
        output = net(X)
        loss = loss_function(output, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(y)
        num_correct += (output.argmax(1) == y).sum().item()
        num_samples += len(y)
    return {"train_loss": total_loss / num_samples, "train_accuracy": num_correct / num_samples}


def train_regressor(
    net: nn.Module, batches: Any, loss_function: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """Train for one epoch; return the mean loss."""
    total_loss, num_samples = 0.0, 0
    for X, y in batches:
        loss = loss_function(net(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(y)
        num_samples += len(y)
    return {"train_loss": total_loss / num_samples}


@torch.inference_mode()
def with_test_metrics(
    metrics: dict[str, float], net: nn.Module, part: tuple[Tensor, Tensor] | None
) -> dict[str, float]:
    """Add the accuracy on the test split, if there is one."""
    if part is None:
        return metrics
    net.eval()
    X, y = part
    correct = sum((net(a).argmax(1) == b).sum().item() for a, b in zip(X.split(500), y.split(500), strict=True))
    return metrics | {"test_accuracy": correct / len(y)}


def keep_heap() -> None:
    """Set M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of glibc."""
    libc = ctypes.CDLL(None)
    libc.mallopt(-3, 1 << 30)
    libc.mallopt(-1, (1 << 31) - 1)

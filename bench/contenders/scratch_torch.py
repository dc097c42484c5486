"""The epoch of ``scratch_numpy`` written with PyTorch, eager."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from bench.contenders.scratch_numpy import load, weights
from bench.gate import Gate
from bench.problems import Problem
from fathom.models import registry


def run(problem: Problem, gate: Gate) -> None:
    """Every epoch starts from the same weights."""
    X, y = (torch.from_numpy(part) for part in load(problem))
    net = registry.create("lenet", input_shape=problem.input_shape, num_classes=problem.num_classes)
    start = weights(problem.seed, {name: tuple(value.shape) for name, value in net.state_dict().items()})
    for _ in range(gate.num_epochs):
        net.load_state_dict({name: torch.from_numpy(value) for name, value in start.items()})
        optimizer = torch.optim.SGD(net.parameters(), lr=problem.lr)
        gate.start_epoch()
        total = 0.0
        for inputs, labels in zip(X.split(problem.batch_size), y.split(problem.batch_size), strict=True):
            loss = F.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        gate.end_epoch({"train_loss": total / len(X)})

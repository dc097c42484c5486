"""The networks as one writes them by hand, initialised as in the book."""

from __future__ import annotations

import torch
from torch import nn

from bench.problems import Problem


def make_net(problem: Problem) -> nn.Module:
    """Build a problem's network; LeNet, MLP and linear regression here, any other as a plain module of Fathom's."""
    torch.manual_seed(problem.seed)
    if problem.model == "lenet_sigmoid":
        net: nn.Module = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5, padding=2),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.Sigmoid(),
            nn.Linear(120, 84),
            nn.Sigmoid(),
            nn.Linear(84, 10),
        )
        net.apply(_init_xavier)
        return net
    if problem.model == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    if problem.model == "linear":
        return nn.Linear(2, 1)
    from fathom.models.registry import create

    return create(problem.model, input_shape=problem.input_shape, num_classes=problem.num_classes)


def make_loss(problem: Problem) -> nn.Module:
    """Return the loss: cross-entropy, or the mean squared error."""
    return nn.MSELoss() if problem.is_regression else nn.CrossEntropyLoss()


def _init_xavier(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)

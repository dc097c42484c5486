"""Many perceptrons of several layers trained at once: a member for each seed, side by side in batched matrix products.

A member has its own samples, first weights, order of the samples and dropout masks, all from its own seed, so that it
is what it would be alone; together they take a few times as long as one, for a single small network hardly uses a
processor. The loss is the sum over members, whose gradients do not touch one another.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda z: z,
}
# of the variance 1/fan_in: what keeps the size of a layer's output under that activation
_GAINS = {"relu": 2.0, "tanh": 1.0, "sigmoid": 1.0, "linear": 1.0}
_TUNING = 10_000  # seeds from here on choose the learning rate; no measurement uses them


@dataclass(frozen=True)
class Recipe:
    """How the members are built and trained.

    Attributes:
        widths: of the hidden layers.
        dropout_place, norm_place: "before" or "after" the activation; "" for no normalisation.
        weight_decay: of the weights, as torch's optimiser has it; ``l1`` is a penalty in the loss.
        loss: "cross_entropy", "mse" on one-hot targets, or a function (S, B, K), (S, B) -> (S,).
    """

    widths: tuple[int, ...] = (64,)
    activation: str = "relu"
    dropout: float = 0.0
    dropout_place: str = "after"
    norm_place: str = ""
    epochs: int = 30
    batch_size: int = 64
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    l1: float = 0.0
    optimizer: str = "sgd"
    loss: str | Callable[[Tensor, Tensor], Tensor] = "cross_entropy"


class Ensemble(nn.Module):
    """Perceptrons of the same shape side by side.

    Shape:   X (S, B, F) -> (S, B, K)
    """

    def __init__(self, seeds: Sequence[int], num_features: int, num_outputs: int, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        sizes = (num_features, *recipe.widths, num_outputs)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            scale = math.sqrt(_GAINS[recipe.activation] / fan_in)
            drawn = [torch.randn(fan_in, fan_out, generator=generator) * scale for generator in self.generators]
            self.weights.append(nn.Parameter(torch.stack(drawn)))  # (S, fan_in, fan_out)
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, fan_out)))
        norms = [_BatchNorm(len(seeds), width) for width in recipe.widths] if recipe.norm_place else []
        self.norms = nn.ModuleList(norms)

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs of every member."""
        recipe, last = self.recipe, len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            X = torch.baddbmm(bias, X, weight)  # (S, B, fan_out)
            if i < last:
                X = self._hidden(X, i, recipe)
        return X

    def _hidden(self, X: Tensor, layer: int, recipe: Recipe) -> Tensor:
        if recipe.norm_place == "before":
            X = self.norms[layer](X)
        if recipe.dropout_place == "before":
            X = self._drop(X)
        X = ACTIVATIONS[recipe.activation](X)
        if recipe.norm_place == "after":
            X = self.norms[layer](X)
        return self._drop(X) if recipe.dropout_place == "after" else X

    def _drop(self, X: Tensor) -> Tensor:
        if not self.training or self.recipe.dropout == 0:
            return X
        keep = 1 - self.recipe.dropout
        drawn = torch.stack([torch.rand(X.shape[1:], generator=generator) for generator in self.generators])
        return X * (drawn < keep) / keep  # inverted: nothing to do at prediction

    @torch.no_grad()
    def accuracy(self, X: Tensor, y: Tensor) -> Tensor:
        """Return the share of correct classes of every member: (S,)."""
        return (self.predict(X).argmax(2) == y).float().mean(1)

    @torch.no_grad()
    def predict(self, X: Tensor) -> Tensor:
        """Return the outputs in evaluation mode."""
        was_training = self.training
        try:
            return self.eval()(X)
        finally:
            self.train(was_training)


class _BatchNorm(nn.Module):
    """Batch normalisation of every member by its own batch. Equals: torch.nn.BatchNorm1d, member by member."""

    mean: Tensor
    var: Tensor

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, width))
        self.register_buffer("mean", torch.zeros(members, 1, width))
        self.register_buffer("var", torch.ones(members, 1, width))

    def forward(self, X: Tensor) -> Tensor:
        if self.training:
            var, mean = torch.var_mean(X, 1, correction=0, keepdim=True)
            with torch.no_grad():
                count = X.shape[1]
                self.mean.lerp_(mean, 0.1)  # PyTorch's momentum
                self.var.lerp_(var * count / (count - 1), 0.1)  # the running variance is the unbiased one
        else:
            mean, var = self.mean, self.var
        return (X - mean) * torch.rsqrt(var + 1e-5) * self.scale + self.shift


def train_ensemble(
    X: Tensor,
    y: Tensor,
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    num_outputs: int,
    on_epoch: Callable[[int, Ensemble], None] | None = None,
    start: Ensemble | None = None,
) -> Ensemble:
    """Train a member for each seed.

    Shape:   X (S, N, F), y (S, N), of classes or (S, N, K) of targets
    Args:
        on_epoch: called with the number of epochs done and the ensemble.
        start: trained further, in place of new members.
    """
    ensemble = Ensemble(seeds, X.shape[2], num_outputs, recipe) if start is None else start
    loss_of = recipe.loss if callable(recipe.loss) else LOSSES[recipe.loss]
    optimizer = _make_optimizer(ensemble, recipe)
    members = torch.arange(len(X))[:, None]
    for epoch in range(1, recipe.epochs + 1):
        ensemble.train()
        for rows in _batches(X.shape[1], recipe.batch_size, ensemble.generators):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(ensemble(X[members, rows]), y[members, rows]).sum()
            if recipe.l1:
                loss = loss + recipe.l1 * sum(weight.abs().sum() for weight in ensemble.weights)
            loss.backward()
            optimizer.step()
        if on_epoch is not None:
            on_epoch(epoch, ensemble)
    return ensemble.eval()


def _make_optimizer(ensemble: Ensemble, recipe: Recipe) -> torch.optim.Optimizer:
    matrices = list(ensemble.weights)
    others = [parameter for parameter in ensemble.parameters() if all(parameter is not matrix for matrix in matrices)]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":  # its decay is the L2 penalty
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(groups, lr=recipe.lr)


def _batches(count: int, size: int, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
    """Yield the rows of every member's next batch: (S, B); what is left over at the end of an epoch is dropped."""
    size = min(size, count)
    order = torch.stack([torch.randperm(count, generator=generator) for generator in generators])  # (S, N)
    for start in range(0, count - size + 1, size):
        yield order[:, start : start + size]


def cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    """Return each member's mean cross-entropy: (S, B, K), (S, B) -> (S,)."""
    return torch.nn.functional.cross_entropy(outputs.transpose(1, 2), y, reduction="none").mean(1)


def squared_error(outputs: Tensor, y: Tensor) -> Tensor:
    """Return each member's mean squared error; of classes that of their one-hot vectors."""
    target = y if y.is_floating_point() else torch.nn.functional.one_hot(y, outputs.shape[2]).float()
    return (outputs - target).square().mean((1, 2))


LOSSES = {"cross_entropy": cross_entropy, "mse": squared_error}


def stack_draws(draws: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Stack the draws of several seeds: X (S, N, F), y (S, N), and those of the test samples."""
    X, X_test = (torch.stack([draw.flat[i] for draw in draws]) for i in (0, 1))
    return X, torch.stack([d.y for d in draws]), X_test, torch.stack([d.y_test for d in draws])


def tune_lr(
    recipe: Recipe, rates: Sequence[float], sample: Callable[[Sequence[int]], tuple[Tensor, ...]], num_outputs: int
) -> Recipe:
    """Return the recipe with the learning rate that gives the best accuracy on seeds of its own.

    Args:
        rates: the grid, the same for every arm.
        sample: returns X, y, X_test, y_test of seeds.
    """
    seeds = range(_TUNING, _TUNING + 3)  # three: enough to rank rates a factor of two or three apart
    X, y, X_test, y_test = sample(seeds)
    best, best_accuracy = recipe, -1.0
    for rate in rates:
        tried = replace(recipe, lr=rate)
        ensemble = train_ensemble(X, y, tried, seeds, num_outputs=num_outputs)
        accuracy = float(ensemble.accuracy(X_test, y_test).mean())
        if accuracy > best_accuracy:
            best, best_accuracy = tried, accuracy
    return best

"""Deep stacks of layers of one width, many at once: for questions of depth, initial weights, normalisation, skips.

As in ``fathom.lab.ensembles`` a member stands for a seed, side by side with the others in batched matrix products. What
differs: every rule of initial weights, residual blocks, what goes on inside a layer, and training of a part alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fathom.lab.ensembles import cross_entropy

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "scaled_sigmoid": lambda z: 4 * torch.sigmoid(z) - 2,  # N1 §1.7.2
    "linear": lambda z: z,
}


@dataclass(frozen=True)
class Form:
    """How the members are built.

    Attributes:
        depth: hidden layers, of ``width`` units each.
        init: "xavier" (variance 1/fan_in at equal widths), "he" (2/fan_in), or a standard deviation.
        is_residual: a hidden layer adds to what it gets, from the second on.
        has_norm: batch normalisation before the activation.
        shift: standard deviation of random means and log-scales put on after it, new in every step and unit.
        dropout: after the activation.
    """

    depth: int
    width: int = 32
    activation: str = "relu"
    init: str | float = "he"
    is_residual: bool = False
    has_norm: bool = False
    shift: float = 0.0
    dropout: float = 0.0

    def std(self, fan_in: int, fan_out: int) -> float:
        """Return the standard deviation of a layer's first weights."""
        if isinstance(self.init, float):
            return self.init
        return math.sqrt(2 / fan_in) if self.init == "he" else math.sqrt(2 / (fan_in + fan_out))


@dataclass(frozen=True)
class Fit:
    """How they are trained: SGD with momentum, the same steps for all."""

    lr: float
    epochs: int = 20
    batch_size: int = 64
    momentum: float = 0.9


class Stack(nn.Module):
    """Perceptrons of one form side by side.

    Shape:   X (S, B, F) -> (S, B, K)
    """

    def __init__(self, seeds: Sequence[int], num_features: int, num_outputs: int, form: Form) -> None:
        super().__init__()
        self.form = form
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        sizes = (num_features, *[form.width] * form.depth, num_outputs)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            std = form.std(fan_in, fan_out)
            drawn = [torch.randn(fan_in, fan_out, generator=generator) * std for generator in self.generators]
            self.weights.append(nn.Parameter(torch.stack(drawn)))  # (S, fan_in, fan_out)
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, fan_out)))
        self.scales = nn.ParameterList()
        if form.has_norm:
            self.scales.extend(nn.Parameter(torch.ones(len(seeds), 1, form.width)) for _ in range(form.depth))
        self.moments: dict[int, tuple[Tensor, Tensor]] = {}  # by layer, of the training samples, for prediction

    def forward(self, X: Tensor, watch: list[Tensor] | None = None) -> Tensor:
        """Return the outputs of every member; hidden layers' outputs are appended to ``watch``."""
        for i in range(self.form.depth):
            Z = torch.baddbmm(self.biases[i], X, self.weights[i])  # (S, B, width)
            if self.form.has_norm:
                Z = self._normalize(Z, i)
            A = ACTIVATIONS[self.form.activation](Z)
            if self.training and self.form.dropout:
                A = A * self._draw(torch.rand, A.shape[1:]).gt(self.form.dropout) / (1 - self.form.dropout)
            X = X + A if self.form.is_residual and i else A
            if watch is not None:
                watch.append(X)
        return torch.baddbmm(self.biases[-1], X, self.weights[-1])

    def _normalize(self, Z: Tensor, layer: int) -> Tensor:
        if layer in self.moments and not self.training:
            mean, var = self.moments[layer]
        else:
            var, mean = torch.var_mean(Z, 1, correction=0, keepdim=True)  # (S, 1, width)
        if not self.training:
            self.moments[layer] = mean, var  # the first pass in evaluation mode is over the training samples
        Z = (Z - mean) * torch.rsqrt(var + 1e-5) * self.scales[layer]
        if self.training and self.form.shift:
            size = (1, self.form.width)
            scale = torch.exp(self.form.shift * self._draw(torch.randn, size))
            Z = Z * scale + self.form.shift * self._draw(torch.randn, size)
        return Z

    def _draw(self, kind: Callable[..., Tensor], size: Sequence[int]) -> Tensor:
        return torch.stack([kind(*size, generator=generator) for generator in self.generators])

    @torch.no_grad()
    def predict(self, X: Tensor, X_train: Tensor) -> Tensor:
        """Return outputs, normalised by the statistics of the training samples."""
        self.eval()
        self.moments.clear()
        self(X_train)
        outputs = self(X)
        self.train()
        return outputs

    def accuracy(self, X: Tensor, y: Tensor, X_train: Tensor) -> Tensor:
        """Return the share of correct classes of every member, NaN where outputs are not finite: (S,)."""
        outputs = self.predict(X, X_train)
        right = (outputs.argmax(2) == y).float().mean(1)
        return torch.where(outputs.isfinite().all(2).all(1), right, torch.nan)


def train_stack(
    stack: Stack,
    X: Tensor,
    y: Tensor,
    fit: Fit,
    *,
    parts: Sequence[nn.Parameter] | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
    quiet: bool = False,
) -> Stack:
    """Train every member on its own samples.

    Shape:   X (S, N, F), y (S, N)
    Args:
        parts: what is learned; all if None.
        on_step: called with the number of the step and each member's loss (S,), before the step is taken.
        quiet: batch normalisation takes its statistics from all samples in every step, so that batches add no noise.
    """
    parameters = list(stack.parameters()) if parts is None else list(parts)
    optimizer = torch.optim.SGD(parameters, lr=fit.lr, momentum=fit.momentum)
    members, size, step = torch.arange(len(X))[:, None], min(fit.batch_size, X.shape[1]), 0
    for _ in range(fit.epochs):
        order = torch.stack([torch.randperm(X.shape[1], generator=generator) for generator in stack.generators])
        for start in range(0, X.shape[1] - size + 1, size):
            rows = order[:, start : start + size]  # (S, B)
            outputs = stack(X)[members, rows] if quiet else stack(X[members, rows])
            losses = cross_entropy(outputs, y[members, rows])
            if on_step is not None:
                on_step(step, losses.detach())
            grads = torch.autograd.grad(losses.sum(), parameters)
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter.grad = grad
            optimizer.step()
            step += 1
    return stack


def gradient_norms(stack: Stack, X: Tensor, y: Tensor) -> Tensor:
    """Return the norm of each layer's weight gradient, over the root of their number: (S, layers)."""
    grads = torch.autograd.grad(cross_entropy(stack(X), y).sum(), list(stack.weights))
    return torch.stack([grad.square().mean((1, 2)).sqrt() for grad in grads], 1)


def best_rate(rates: Sequence[float], score: Callable[[float], float]) -> float:
    """Return the learning rate with the best score; one that diverges (NaN) counts as the worst."""
    found = [score(rate) for rate in rates]
    return rates[max(range(len(rates)), key=lambda i: -math.inf if math.isnan(found[i]) else found[i])]

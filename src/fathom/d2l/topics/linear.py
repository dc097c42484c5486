"""The book's linear models, from scratch and concise."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.d2l.frame.hyperparameters import HyperParameters
from fathom.d2l.frame.module import Classifier, Module


class LinearRegressionScratch(Module):
    """Linear regression with its parameters as plain tensors; the loss is half the squared error.

    Shape:   X (N, num_inputs) -> (N, 1)
    """

    num_inputs: int

    def __init__(self, num_inputs: int, lr: float, sigma: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.w = torch.normal(0, sigma, (num_inputs, 1), requires_grad=True)  # a plain tensor: no module registers it
        self.b = torch.zeros(1, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        """Return Xw + b."""
        return X @ self.w + self.b  # (N, 1)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the mean of (ŷ − y)²/2.

        Shape:   y_hat (…), y (…) -> ()
        """
        return ((y_hat - y) ** 2 / 2).mean()

    def configure_optimizers(self) -> SGD:
        """Return the optimiser that is written out below."""
        return SGD([self.w, self.b], self.lr)


class SGD(HyperParameters):
    """Stochastic gradient descent on a list of tensors, written out."""

    params: list[Tensor]
    lr: float

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.save_hyperparameters()

    @torch.no_grad()
    def step(self) -> None:
        """Subtract ``lr`` times its gradient from each parameter."""
        for param in self.params:
            # in place and unrecorded
            param -= self.lr * param.grad  # type: ignore[operator]

    def zero_grad(self) -> None:
        """Set the gradients to zero."""
        for param in self.params:
            if param.grad is not None:
                param.grad.zero_()


class LinearRegression(Module):
    """Linear regression with torch's layer and loss; the loss is the squared error, without the half.

    Shape:   X (N, D) -> (N, 1)
    """

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        # The weights that the book draws before the layer knows its size are lost once it does; what remains is
        # torch's own initialisation.
        self.net = nn.LazyLinear(1)

    def forward(self, X: Tensor) -> Tensor:
        """Apply the layer."""
        return self.net(X)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the mean of (ŷ − y)².

        Shape:   y_hat (…), y (…) -> ()
        """
        return F.mse_loss(y_hat, y)

    def get_w_b(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias.

        Shape:   -> w (1, D'), b (1,)
        """
        return self.net.weight.data, self.net.bias.data  # (1, num_inputs), (1,)


class SoftmaxRegression(Classifier):
    """One linear layer that returns logits; the softmax is in the loss.

    Shape:   X (N, …) -> (N, num_outputs)
    """

    def __init__(self, num_outputs: int, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_outputs))  # (N, C · H · W), then (N, num_outputs)

"""The book's models: a network with its loss, steps and optimiser, which plots its own metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.d2l.frame.board import ProgressBoard
from fathom.d2l.frame.hyperparameters import HyperParameters
from fathom.errors import FathomError
from fathom.training.optimizers import eager, make_optimizer

if TYPE_CHECKING:
    from fathom.d2l.frame.trainer import Trainer


class Module(nn.Module, HyperParameters):
    """Base of the book's models. A subclass assigns ``self.net`` or overrides ``forward``, and defines ``loss``.

    Unlike ``fathom.Module``, and as in the book, it knows its trainer and draws on its board.

    Args:
        plot_train_per_epoch, plot_valid_per_epoch: points per epoch on the board, each a mean.
    """

    net: Any
    trainer: Trainer
    plot_train_per_epoch: int
    plot_valid_per_epoch: int
    lr: float

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.board = ProgressBoard()

    def loss(self, y_hat: Any, y: Any) -> Tensor:
        """Return the loss of a batch; subclasses define it.

        Shape:   y_hat (N, …), y (N, …) -> ()
        """
        raise NotImplementedError(f"{type(self).__name__} must define loss(y_hat, y)")

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Apply ``self.net``."""
        if not hasattr(self, "net"):
            raise FathomError(f"{type(self).__name__} has no network: assign self.net or define forward")
        return self.net(*inputs, **options)

    def plot(self, key: str, value: Any, train: bool) -> None:
        """Draw a value on the board: of this batch in training, of this epoch in validation."""
        if not hasattr(self, "trainer"):
            raise FathomError(f"{type(self).__name__}.plot needs a trainer; it is there during d2l.Trainer.fit")
        trainer, board = self.trainer, self.board
        board.xlabel = "epoch"
        if train:
            x = trainer.train_batch_idx / trainer.num_train_batches  # in epochs, with a fraction
            # batches between two points: plot_train_per_epoch of them an epoch
            every_n = trainer.num_train_batches / self.plot_train_per_epoch
        else:
            x = trainer.epoch + 1  # at the end of the epoch
            every_n = trainer.num_val_batches / self.plot_valid_per_epoch
        # at least 1, in epochs of few batches too
        board.draw(x, value, ("train_" if train else "val_") + key, every_n=max(1, int(every_n)))

    def training_step(self, batch: Sequence[Any]) -> Tensor:
        """Return the loss to minimise, and plot it; the last element of a batch is the target.

        Shape:   -> ()
        """
        loss = self.loss(self(*batch[:-1]), batch[-1])  # all but the last: inputs
        self.plot("loss", loss, train=True)
        return loss

    def validation_step(self, batch: Sequence[Any]) -> None:
        """Plot the loss on unseen data."""
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)

    def configure_optimizers(self) -> Any:
        """Return the optimiser: stochastic gradient descent with the learning rate ``self.lr``."""
        return make_sgd(self.parameters(), self.lr)

    def apply_init(self, inputs: Sequence[Any], init: Callable[[nn.Module], Any] | None = None) -> None:
        """Run ``inputs`` through lazy layers to fix their shapes, then apply ``init`` to every layer of the net."""
        self.forward(*inputs)  # one pass: lazy layers read their sizes from it
        if init is not None:
            self.net.apply(init)


def make_sgd(parameters: Iterable[Any], lr: float, **options: Any) -> torch.optim.Optimizer:
    """Return the fastest form of ``torch.optim.SGD`` that the parameters allow."""
    parameters = list(parameters)
    if any(map(nn.parameter.is_lazy, parameters)):  # their sizes are not known yet
        return eager(torch.optim.SGD)(parameters, lr=lr, **options)
    return make_optimizer("sgd", parameters, lr=lr, **options)


class Classifier(Module):
    """Base of the book's classifiers: cross-entropy on logits, accuracy in validation.

    Shape:   Y_hat (N, C) or (N, T, C), Y int64 (N,) or (N, T)
    """

    def validation_step(self, batch: Sequence[Any]) -> None:
        """Plot loss and accuracy on unseen data."""
        Y_hat = self(*batch[:-1])
        self.plot("loss", self.loss(Y_hat, batch[-1]), train=False)
        self.plot("acc", self.accuracy(Y_hat, batch[-1]), train=False)

    def accuracy(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """Return the share of correct predictions, or 1.0 and 0.0 for each.

        Shape:   Y_hat (N, K), Y int64 (N,) -> (); or Y_hat (N, T, K), Y (N, T); not averaged (N,) or (N·T,)
        """
        correct = Y_hat.reshape(-1, Y_hat.shape[-1]).argmax(1) == Y.reshape(-1)  # (N,) or (N · T,)
        return correct.mean(dtype=torch.float32) if averaged else correct.float()

    def loss(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """Return the mean cross-entropy, or that of each prediction.

        Shape:   Y_hat (N, K), Y int64 (N,) -> (); or Y_hat (N, T, K), Y (N, T); not averaged (N,) or (N·T,)
        """
        return F.cross_entropy(
            Y_hat.reshape(-1, Y_hat.shape[-1]), Y.reshape(-1), reduction="mean" if averaged else "none"
        )

    def layer_summary(self, X_shape: Sequence[int]) -> None:
        """Print the output shape of each layer of ``self.net`` for a batch of shape ``X_shape``."""
        X = torch.randn(*X_shape)  # values do not matter, only the shape
        for layer in self.net:
            X = layer(X)  # through the net layer by layer, as forward() would
            print(layer.__class__.__name__, "output shape:\t", X.shape)

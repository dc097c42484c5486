"""The optimisation chapter: descent on a surface in two dimensions, and linear regression on the airfoil data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fathom.d2l.frame.animator import Animator
from fathom.d2l.frame.timing import Timer
from fathom.d2l.topics.download import download
from fathom.d2l.topics.old_data import load_array
from fathom.d2l.topics.old_training import evaluate_loss, linreg, squared_loss


def train_2d(
    trainer: Callable[..., tuple[Any, Any, Any, Any]], steps: int = 20, f_grad: Callable[..., Any] | None = None
) -> list[tuple[Any, Any]]:
    """Run an optimiser from (−5, −2); print the last point and return all points.

    Args:
        trainer: (x1, x2, s1, s2[, f_grad]) -> the same four after a step; s1 and s2 are its state, 0 at first.
        f_grad: passed on to ``trainer``, if given.
    """
    state: tuple[Any, Any, Any, Any] = (-5, -2, 0, 0)  # x1, x2, and two numbers of state, such as velocities
    results = [state[:2]]
    for _ in range(steps):
        state = trainer(*state) if f_grad is None else trainer(*state, f_grad)
        results.append(state[:2])
    print(f"epoch {steps}, x1: {float(state[0]):f}, x2: {float(state[1]):f}")
    return results


def show_trace_2d(f: Callable[[Tensor, Tensor], Tensor], results: Sequence[tuple[Any, Any]]) -> None:
    """Draw the points of ``train_2d`` over the contour lines of ``f``.

    Shape:   ->; f maps two tensors of one shape to a third
    """
    from matplotlib import pyplot as plt

    from fathom.d2l.frame.display import set_figsize

    set_figsize()
    # two lists: first and second coordinates
    first, second = zip(*((float(x1), float(x2)) for x1, x2 in results), strict=True)
    plt.plot(first, second, "-o", color="#ff7f0e")
    # the window of the book's pictures
    x1, x2 = torch.meshgrid(torch.arange(-5.5, 1.0, 0.1), torch.arange(-3.0, 1.0, 0.1), indexing="ij")
    plt.contour(x1.numpy(), x2.numpy(), f(x1, x2).numpy(), colors="#1f77b4")
    plt.xlabel("x1")
    plt.ylabel("x2")


def get_data_ch11(batch_size: int = 10, n: int = 1500) -> tuple[DataLoader[Any], int]:
    """Return a loader over the first ``n`` rows of the airfoil data, standardised, and the number of features.

    Shape:   batches X float32 (batch_size, 5), y (batch_size,)
    Raises:  FathomError if the data are not on this machine and cannot be downloaded
    """
    table = np.genfromtxt(download("airfoil"), dtype=np.float32, delimiter="\t")
    # every column with mean 0 and standard deviation 1
    rows = torch.from_numpy((table - table.mean(axis=0)) / table.std(axis=0))
    # the last column is the target
    return load_array((rows[:n, :-1], rows[:n, -1]), batch_size, is_train=True), rows.shape[1] - 1


def train_ch11(
    trainer_fn: Callable[..., Any],
    states: Any,
    hyperparams: Mapping[str, Any],
    data_iter: Any,
    feature_dim: int,
    num_epochs: int = 2,
) -> tuple[list[float], list[float]]:
    """Train linear regression with an optimiser written out; draw the loss, and print it and the time per epoch.

    Args:
        trainer_fn: (parameters, states, hyperparams); changes the parameters and zeroes their gradients.
    Returns:  seconds of training, and the loss on all data, every 200 samples
    """
    w = torch.normal(mean=0.0, std=0.01, size=(feature_dim, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)

    def net(X: Tensor) -> Tensor:
        return linreg(X, w, b)

    def step(X: Tensor, y: Tensor) -> None:
        squared_loss(net(X), y).mean().backward()  # optimisers written out zero the gradients themselves
        trainer_fn([w, b], states, hyperparams)

    return _train(step, lambda: evaluate_loss(net, data_iter, squared_loss), data_iter, num_epochs)


def train_concise_ch11(
    trainer_fn: Callable[..., torch.optim.Optimizer],
    hyperparams: Mapping[str, Any],
    data_iter: Any,
    num_epochs: int = 4,
) -> None:
    """Train linear regression on five features with one of PyTorch's optimisers; draw and print half the squared loss.

    Args:
        trainer_fn: the optimiser's class, called with the parameters and ``hyperparams``.
    """
    net = nn.Linear(5, 1)  # the airfoil data have five features
    nn.init.normal_(net.weight, std=0.01)
    optimizer = trainer_fn(net.parameters(), **hyperparams)
    loss = nn.MSELoss(reduction="none")

    def step(X: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        out = net(X)
        loss(out, y.reshape(out.shape)).mean().backward()
        optimizer.step()

    # PyTorch's squared loss has no ½; halved, the curve compares with train_ch11's.
    _train(step, lambda: evaluate_loss(net, data_iter, loss) / 2, data_iter, num_epochs)


def _train(
    step: Callable[[Tensor, Tensor], None], evaluate: Callable[[], float], data_iter: Iterable[Any], num_epochs: int
) -> tuple[list[float], list[float]]:
    # 0.22 … 0.35: the book's range
    animator = Animator(xlabel="epoch", ylabel="loss", xlim=[0, num_epochs], ylim=[0.22, 0.35])
    num_batches, seen, timer = len(data_iter), 0, Timer()  # type: ignore[arg-type]
    for _ in range(num_epochs):
        for X, y in data_iter:
            step(X, y)
            seen += X.shape[0]
            if seen % 200 == 0:  # the curve every 200 samples, whatever the batch size
                timer.stop()  # evaluation is not counted
                animator.add(seen / X.shape[0] / num_batches, (evaluate(),))
                timer.start()
    if not timer.times:  # fewer than 200 samples
        timer.stop()
        animator.add(num_epochs, (evaluate(),))
    print(f"loss: {animator.Y[0][-1]:.3f}, {timer.sum() / num_epochs:.3f} sec/epoch")
    return timer.cumsum(), animator.Y[0]

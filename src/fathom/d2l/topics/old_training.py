"""Training loops of the earlier editions: a network, loaders, a loss and an optimiser, in plain functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fathom.d2l.frame.accumulator import Accumulator
from fathom.d2l.frame.animator import Animator
from fathom.d2l.frame.loaders import all_rows, skip_pass
from fathom.d2l.frame.timing import Timer
from fathom.d2l.frame.trainer import choose_memory_format
from fathom.d2l.topics.convolution import init_cnn
from fathom.d2l.topics.old_data import get_fashion_mnist_labels
from fathom.training.device import tune_allocator

Net = Callable[..., Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Loader = Iterable[Any]

_MAX_ELEMENTS = 1 << 22  # 4 Mi numbers, 16 MiB as float32: a smaller data set is evaluated at once


def linreg(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Return Xw + b, linear regression.

    Shape:   X (N, D), w (D, K), b (1,) -> (N, K); K is 1, or w is (D,) and the result (N,)
    """
    return X @ w + b


def squared_loss(y_hat: Tensor, y: Tensor) -> Tensor:
    """Return ½(ŷ − y)² of each element, with y in ŷ's shape.

    Shape:   y_hat (N, …), y (N,) -> (N, …); y may have any shape of as many elements
    Equals:  half of torch.nn.MSELoss(reduction="none")
    """
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params: Iterable[Tensor], lr: float, batch_size: int) -> None:
    """Take a step of stochastic gradient descent on gradients summed over a batch, and zero them.

    Shape:   params (…) ->; each of any shape
    """
    with torch.no_grad():
        for param in params:
            if param.grad is not None:
                param -= lr * param.grad / batch_size  # the gradient is a sum over the batch
                param.grad.zero_()


def grad_clipping(net: Any, theta: float) -> None:
    """Scale all gradients so that their joint norm is at most ``theta``.

    Equals:  torch.nn.utils.clip_grad_norm_, without the 1e-6 that torch adds to the norm
    """
    params = net.parameters() if isinstance(net, nn.Module) else net.params
    grads = [param.grad for param in params if param.grad is not None]
    if grads:
        # the norm of norms is the norm of all
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
        scale = (theta / norm).clamp(max=1.0)  # 1: short gradients stay as they are
        for grad in grads:
            grad.mul_(scale)


def accuracy(y_hat: Tensor, y: Tensor) -> float:
    """Return the number of correct predictions; of scores (N, classes, …) the highest is the prediction.

    Shape:   y_hat (N, K, …), y (N, …) -> (); y_hat may be (N, …) too
    """
    return float(count_correct(y_hat, y))


def count_correct(y_hat: Tensor, y: Tensor) -> Tensor:
    """Return what ``accuracy`` counts, on the device.

    Shape:   y_hat (N, K, …), y (N, …) -> int64 (); y_hat may be (N, …) too
    """
    if y_hat.ndim > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(dim=1)  # (N, …)
    return (y_hat.type(y.dtype) == y).sum()  # labels' type: y_hat may be 0 or 1 as floats


def evaluate_loss(net: Net, data_iter: Loader, loss: Loss) -> float:
    """Return the mean loss over a data set, with y in the prediction's shape."""
    with torch.no_grad():
        whole = _evaluate_at_once(net, data_iter, loss)
        if whole is not None:
            return whole
        metric = Accumulator(2)
        for X, y in data_iter:
            out = net(X)
            errors = loss(out, y.reshape(out.shape))
            metric.add(errors.sum(), errors.numel())  # sums, so that a smaller last batch weighs less
    return metric[0] / metric[1]


def _evaluate_at_once(net: Net, data_iter: Loader, loss: Loss) -> float | None:
    """Return the loss of all rows at once where it equals that of batches; None where it may not."""
    if isinstance(net, nn.Module) and any(m._buffers for m in net.modules()):  # batch-norm depends on the batch
        return None
    tensors = getattr(getattr(data_iter, "dataset", None), "tensors", None)
    if not tensors or tensors[0].numel() > _MAX_ELEMENTS:
        return None
    rows = all_rows(data_iter)
    if rows is None or len(rows) != 2:
        return None
    out = net(rows[0])
    errors = loss(out, rows[1].reshape(out.shape))
    if errors.shape != out.shape:  # a mean over each batch, say
        return None
    skip_pass(data_iter)  # as if the batches had been drawn: later random numbers stay the same
    return float(errors.double().mean())


def evaluate_accuracy(net: Net, data_iter: Loader) -> float:
    """Return the accuracy, with the network in evaluation mode."""
    return evaluate_accuracy_gpu(net, data_iter)


def evaluate_accuracy_gpu(net: Net, data_iter: Loader, device: torch.device | None = None) -> float:
    """Return the accuracy, computed on ``device`` or else on the network's device."""
    if isinstance(net, nn.Module):
        net.eval()
        device = device or _device_of(net)
    metric = Accumulator(2)  # correct, all
    with torch.no_grad():
        for X, y in data_iter:
            X, y = to_device(X, device), to_device(y, device)
            metric.add(count_correct(net(X), y), y.numel())
    return metric[0] / metric[1]


def train_epoch_ch3(
    net: Net, train_iter: Loader, loss: Loss, updater: torch.optim.Optimizer | Callable[[int], Any]
) -> tuple[float, float]:
    """Train for one pass over the data; return mean loss and accuracy.

    Args:
        loss: returns one loss per sample.
        updater: one of PyTorch's optimisers, with the gradient of the mean loss; or a function of the batch size, with
            that of the summed loss, which it zeroes.
    """
    if isinstance(net, nn.Module):
        net.train()
    metric = Accumulator(3)  # loss, correct, samples
    for X, y in train_iter:
        y_hat = net(X)
        losses = loss(y_hat, y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            losses.mean().backward()
            updater.step()
        else:
            losses.sum().backward()  # a function of the book's own: divides by the batch size
            updater(X.shape[0])
        # stays on the device: no waiting in each batch
        metric.add(losses.detach().sum(), count_correct(y_hat, y), y.numel())
    return metric[0] / metric[2], metric[1] / metric[2]


def train_ch3(
    net: Net,
    train_iter: Loader,
    test_iter: Loader,
    loss: Loss,
    num_epochs: int,
    updater: torch.optim.Optimizer | Callable[[int], Any],
) -> None:
    """Train and draw loss, training and test accuracy after every epoch. The arguments are ``train_epoch_ch3``'s."""
    tune_allocator()
    animator = Animator(
        xlabel="epoch", xlim=[1, num_epochs], ylim=[0.3, 0.9], legend=["train loss", "train acc", "test acc"]
    )
    for epoch in range(num_epochs):
        train_metrics = train_epoch_ch3(net, train_iter, loss, updater)
        animator.add(epoch + 1, (*train_metrics, evaluate_accuracy(net, test_iter)))


def predict_ch3(net: Net, test_iter: Loader, n: int = 6) -> None:
    """Show the first ``n`` images of the first batch, each under its class and the predicted one."""
    from fathom.d2l.frame.figures import show_images

    X, y = next(iter(test_iter))
    device = _device_of(net) if isinstance(net, nn.Module) else None
    with torch.no_grad():
        predicted = net(to_device(X, device)).argmax(dim=1)
    pairs = zip(get_fashion_mnist_labels(y), get_fashion_mnist_labels(predicted), strict=True)
    # (N, 1, H, W): the only channel
    show_images(X[:n, 0], 1, min(n, len(X)), titles=[f"{true}\n{guess}" for true, guess in pairs][:n])


def train_ch6(
    net: nn.Module, train_iter: Any, test_iter: Loader, num_epochs: int, lr: float, device: torch.device
) -> None:
    """Train with SGD on cross-entropy from Xavier's initial weights; draw, and print the last loss and accuracies."""
    if torch.device(device).type == "cpu":
        tune_allocator()
    net.apply(init_cnn)
    print("training on", device)
    net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    animator = Animator(xlabel="epoch", xlim=[1, num_epochs], legend=["train loss", "train acc", "test acc"])

    def train_batch(X: Tensor, y: Tensor, is_first: bool) -> tuple[Any, ...]:
        optimizer.zero_grad()
        X, y = to_device(X, device), to_device(y, device)
        if is_first:
            choose_memory_format(net, [X, y])
        y_hat = net(X)
        mean_loss = loss(y_hat, y)
        mean_loss.backward()
        optimizer.step()
        # a mean over the batch times its samples: a sum
        return mean_loss.detach() * X.shape[0], count_correct(y_hat, y), X.shape[0], X.shape[0]

    train_and_draw(net, train_iter, test_iter, num_epochs, train_batch, animator, str(device))


def train_and_draw(
    net: nn.Module,
    train_iter: Any,
    test_iter: Any,
    num_epochs: int,
    train_batch: Callable[[Any, Any, bool], tuple[Any, ...]],
    animator: Animator,
    where: str,
) -> None:
    """Run the epochs of ``train_ch6`` and ``train_ch13``; draw, and print the last loss, the accuracies and the speed.

    Args:
        train_batch: takes inputs, labels and whether they are the first of all; returns the sum of the losses, the
            number of correct predictions, of samples and of labels.
        where: the devices, as they are printed.
    """
    timer, num_batches = Timer(), len(train_iter)
    for epoch in range(num_epochs):
        metric = Accumulator(4)  # loss, correct, samples, labels
        net.train()
        for i, (X, y) in enumerate(train_iter):
            timer.start()
            metric.add(*train_batch(X, y, epoch == i == 0))
            is_shown = is_fifth(i, num_batches)
            if is_shown:
                train_loss, train_acc = metric[0] / metric[2], metric[1] / metric[3]  # waits for the device
            timer.stop()
            if is_shown:
                animator.add(epoch + (i + 1) / num_batches, (train_loss, train_acc, None))
        test_acc = evaluate_accuracy_gpu(net, test_iter)
        animator.add(epoch + 1, (None, None, test_acc))
    print(f"loss {train_loss:.3f}, train acc {train_acc:.3f}, test acc {test_acc:.3f}")
    # training alone: the clock stands while it evaluates and draws
    print(f"{metric[2] * num_epochs / timer.sum():.1f} examples/sec on {where}")


def is_fifth(batch: int, num_batches: int) -> bool:
    """Return whether this batch ends a fifth of an epoch, or the epoch."""
    return (batch + 1) % max(1, num_batches // 5) == 0 or batch == num_batches - 1


def to_device(value: Any, device: torch.device | str | None) -> Any:
    """Move a tensor, or each of a list or tuple, to ``device``; None leaves it in place."""
    if device is None:
        return value
    if isinstance(value, Sequence):
        return [to_device(part, device) for part in value]
    # A copy from a GPU without waiting could be read before it has arrived.
    # from pinned memory the copy overlaps with computing
    return value.to(device, non_blocking=torch.device(device).type == "cuda")


def _device_of(net: nn.Module) -> torch.device | None:
    parameter = next(net.parameters(), None)
    return None if parameter is None else parameter.device

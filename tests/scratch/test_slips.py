"""Slips that teach: the lines that are easily written wrong, and what shows that they are.

Each wrong function stands before the test that catches it; docs/ideas/slips.md shows both.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fathom.scratch import (
    Linear,
    Tensor,
    batch_norm,
    corr2d,
    cross_entropy,
    least_squares,
    log_softmax,
    no_grad,
    softmax,
    softmax_naive,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# The sum divides the inputs, not their exponentials -----------------------------------------------------------------


def softmax_of_inputs(X: Tensor) -> Tensor:
    E = X.exp()
    return X / E.sum(1, keepdims=True)


def test_softmax_of_inputs_gives_no_probabilities(rng: np.random.Generator) -> None:
    logits = Tensor(rng.standard_normal((4, 3)))
    wrong = softmax_of_inputs(logits)
    assert wrong.data.min() < 0
    assert np.abs(wrong.data.sum(1) - 1).min() > 0.1
    with np.errstate(invalid="ignore"):
        assert np.isnan(wrong.log().data).any()  # so the cross-entropy is nan from the first batch on
    np.testing.assert_allclose(softmax(logits).data.sum(1), 1)


# The logarithm of a softmax that became 0 ---------------------------------------------------------------------------


def log_of_softmax(X: Tensor) -> Tensor:
    return softmax_naive(X, 1).log()


def test_log_of_softmax_breaks_on_large_logits() -> None:
    logits = Tensor(np.array([[0.0, -800.0], [0.0, 800.0]]))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        wrong = log_of_softmax(logits).data
    assert wrong[0, 1] == -np.inf
    assert np.isnan(wrong[1]).any()
    np.testing.assert_allclose(log_softmax(logits, 1).data, [[0, -800], [-800, 0]])


# Normal numbers decide what dropout keeps ---------------------------------------------------------------------------


def dropout_by_normal_numbers(X: np.ndarray, p: float, rng: np.random.Generator) -> np.ndarray:
    mask = rng.standard_normal(X.shape) > p
    return X * mask / (1 - p)


def test_dropout_by_normal_numbers_changes_the_mean(rng: np.random.Generator) -> None:
    X = np.ones((400, 400))
    # A normal number is above 0.5 with probability 0.31, not 0.5
    assert dropout_by_normal_numbers(X, 0.5, rng).mean() == pytest.approx(0.617, abs=0.01)
    uniform = X * (rng.random(X.shape) >= 0.5) / 0.5
    assert uniform.mean() == pytest.approx(1, abs=0.01)


# ReLU on the logits -------------------------------------------------------------------------------------------------


def logits_through_relu(net: Linear, X: Tensor) -> Tensor:
    return net(X).relu()


def test_logits_through_relu_cannot_unlearn(rng: np.random.Generator) -> None:
    net = Linear(3, 4, dtype=np.float64)
    net.bias.data[:] = -100  # all logits far below 0
    X, labels = Tensor(rng.standard_normal((8, 3))), Tensor(rng.integers(0, 4, 8))
    loss = cross_entropy(logits_through_relu(net, X), labels)
    loss.backward()
    assert loss.item() == pytest.approx(np.log(4))  # all classes equally likely, whatever the input
    assert not net.weight.grad.data.any()  # and no gradient that could change it
    net.zero_grad()
    cross_entropy(net(X), labels).backward()
    assert net.weight.grad.data.any()


# The gradient is cut by .data ---------------------------------------------------------------------------------------


class LinearOfData(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(5, 3))
        self.bias = torch.nn.Parameter(torch.randn(3))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X @ self.weight.data + self.bias.data


def test_data_cuts_the_gradient() -> None:
    layer = LinearOfData()
    out = layer(torch.randn(2, 5))
    assert not out.requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        out.sum().backward()  # between other layers not even this: the layer just never learns
    head = torch.nn.Linear(3, 1)
    head(layer(torch.randn(2, 5))).sum().backward()
    assert layer.weight.grad is None


# Weights that start too large ---------------------------------------------------------------------------------------


def loss_at_the_start(std: float, rng: np.random.Generator) -> float:
    X, labels = Tensor(rng.random((256, 784))), Tensor(rng.integers(0, 10, 256))
    W1, W2 = (Tensor(rng.normal(0, std, shape)) for shape in ((784, 256), (256, 10)))
    return cross_entropy((X @ W1).relu() @ W2, labels).item()


def test_large_weights_begin_sure_and_wrong(rng: np.random.Generator) -> None:
    assert loss_at_the_start(1.0, rng) > 100  # randn as it comes: sure of itself, and wrong nine times in ten
    assert loss_at_the_start(0.01, rng) == pytest.approx(np.log(10), abs=0.05)  # knows nothing, and says so


# Height and width mixed up in the cross-correlation -----------------------------------------------------------------


def corr2d_for_squares(X: np.ndarray, K: np.ndarray) -> np.ndarray:
    h, w = K.shape
    Y = np.zeros((X.shape[0] - h + 1, X.shape[0] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + h] * K).sum()
    return Y


def test_corr2d_for_squares_works_on_squares_alone(rng: np.random.Generator) -> None:
    X, K = rng.random((5, 5)), rng.random((2, 2))
    np.testing.assert_allclose(corr2d_for_squares(X, K), corr2d(Tensor(X), Tensor(K)).data)
    X = rng.random((6, 8))
    assert corr2d_for_squares(X, K).shape == (5, 5)
    assert corr2d(Tensor(X), Tensor(K)).shape == (5, 7)
    edge = np.array([[1.0, -1.0]])
    assert corr2d_for_squares(X, edge).sum() == pytest.approx(0)  # a window of one column: each value minus itself
    assert corr2d(Tensor(X), Tensor(edge)).data.any()


# Padding 1 under a 5×5 kernel ---------------------------------------------------------------------------------------


def join_branches(X: torch.Tensor, padding: int) -> torch.Tensor:
    three = torch.nn.Conv2d(4, 2, kernel_size=3, padding=1)
    five = torch.nn.Conv2d(4, 2, kernel_size=5, padding=padding)
    return torch.cat([three(X), five(X)], dim=1)


def test_five_by_five_needs_padding_two() -> None:
    X = torch.zeros(1, 4, 7, 7)
    assert join_branches(X, padding=2).shape == (1, 4, 7, 7)
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        join_branches(X, padding=1)  # 7 + 2·1 − 5 + 1 = 5 pixels beside 7


# Batch normalisation that takes no-grad for evaluation --------------------------------------------------------------


def batch_norm_by_grad_mode(X: torch.Tensor, mean: torch.Tensor, var: torch.Tensor) -> torch.Tensor:
    if not torch.is_grad_enabled():
        return (X - mean) / torch.sqrt(var + 1e-5)
    return (X - X.mean(0)) / torch.sqrt(X.var(0, correction=0) + 1e-5)


def test_grad_mode_is_not_training_mode(rng: np.random.Generator) -> None:
    X, mean, var = torch.randn(8, 3), torch.zeros(3), torch.ones(3)
    in_batch, alone = batch_norm_by_grad_mode(X, mean, var)[:2], batch_norm_by_grad_mode(X[:2], mean, var)
    assert not torch.allclose(in_batch, alone)  # a prediction with gradients on depends on its neighbours
    data, ones, zeros = Tensor(rng.standard_normal((8, 3))), Tensor(np.ones(3)), Tensor(np.zeros(3))
    kept = (np.zeros(3), np.ones(3))
    together = batch_norm(data, ones, zeros, *kept, training=False)
    with no_grad():
        np.testing.assert_array_equal(batch_norm(data[:2], ones, zeros, *kept, training=False).data, together.data[:2])


# Scale and shift of a wrong shape -----------------------------------------------------------------------------------


def batch_norm_parameters(num_features: int, num_dims: int) -> torch.Tensor:
    return torch.ones((num_features, num_dims) if num_dims == 2 else (1, num_features, 1, 1))


def test_batch_norm_parameters_have_one_axis_for_features() -> None:
    gamma = batch_norm_parameters(num_features=3, num_dims=2)
    with pytest.raises(RuntimeError, match="must match"):
        torch.zeros(8, 3) * gamma  # (8, 3) with (3, 2)
    assert (torch.zeros(8, 3) * torch.ones(1, 3)).shape == (8, 3)
    # Two features, a batch of two: it fits by accident, and scales samples instead of features
    gamma = batch_norm_parameters(num_features=2, num_dims=2)
    gamma[0] = 5
    assert (torch.ones(2, 2) * gamma).tolist() == [[5, 5], [1, 1]]


# All-reduce that binds a name anew ----------------------------------------------------------------------------------


def all_reduce_into_a_list(gradients: list[np.ndarray]) -> None:
    for other in gradients[1:]:
        gradients[0][:] += other
    for device in range(1, len(gradients)):
        gradients[device] = gradients[0].copy()


def test_all_reduce_into_a_list_reaches_one_device() -> None:
    first, second = np.array([1.0]), np.array([2.0])
    all_reduce_into_a_list([first, second])
    assert first.item() == 3
    assert second.item() == 2  # the list that was passed in has the sum; the parameter's gradient has not


# An epoch that returns after its first batch ------------------------------------------------------------------------


def mean_over_epoch(losses: list[float]) -> float:
    total = count = 0.0
    for loss in losses:
        total, count = total + loss, count + 1
        return total / count  # indented one step too far
    raise ValueError("no batches")


def test_return_inside_the_loop_ends_the_epoch() -> None:
    assert mean_over_epoch([4.0, 2.0, 0.0]) == 4  # of 235 batches 234 are never seen; the loss falls all the same


# The batch's size asked in place of the number of classes -----------------------------------------------------------


def count_right(scores: np.ndarray, labels: np.ndarray) -> int:
    if scores.shape[0] > 1 and scores.shape[1] > 1:
        scores = scores.argmax(axis=1)
    return int((scores.astype(labels.dtype) == labels).sum())


def test_count_right_fails_on_a_batch_of_one() -> None:
    scores, labels = np.array([[0.0, 2.0, 1.0]]), np.array([1])
    assert count_right(np.repeat(scores, 2, axis=0), np.repeat(labels, 2)) == 2
    assert count_right(scores, np.array([0])) == 1  # scores that equal the label are counted: class 0 is "right"
    assert count_right(scores, np.array([3])) == 0


# The closed form without its transpose ------------------------------------------------------------------------------


def least_squares_untransposed(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.inv(X.T @ X) @ X @ y


def test_least_squares_untransposed_does_not_fit(rng: np.random.Generator) -> None:
    X = rng.standard_normal((50, 2))
    y = X @ np.array([2.0, -3.4])
    with pytest.raises(ValueError, match="mismatch"):
        least_squares_untransposed(X, y)  # (2, 2) with (50, 2)
    np.testing.assert_allclose(least_squares(Tensor(X), Tensor(y)).data, [2, -3.4])


# Standardising by the variance --------------------------------------------------------------------------------------


def standardise_by_variance(X: np.ndarray) -> np.ndarray:
    return (X - X.mean(0)) / X.var(0)


def test_standardising_by_variance_leaves_the_scale_in(rng: np.random.Generator) -> None:
    metres = rng.normal(1.7, 0.1, (1000, 1))
    centimetres = 100 * metres
    assert standardise_by_variance(metres).std() == pytest.approx(1 / metres.std())
    assert standardise_by_variance(metres).std() == pytest.approx(100 * standardise_by_variance(centimetres).std())
    right = [(X - X.mean(0)) / X.std(0) for X in (metres, centimetres)]
    np.testing.assert_allclose(right[0], right[1])  # units do not matter any more


# A module as the key of a module ------------------------------------------------------------------------------------


class SequentialByModule(torch.nn.Module):
    def __init__(self, *blocks: torch.nn.Module) -> None:
        super().__init__()
        for block in blocks:
            self._modules[block] = block  # type: ignore[index]

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        for block in self._modules.values():
            X = block(X)  # type: ignore[misc]
        return X


def test_modules_are_named_by_strings() -> None:
    net = SequentialByModule(torch.nn.Linear(2, 2), torch.nn.ReLU())
    assert net(torch.zeros(1, 2)).shape == (1, 2)  # it computes …
    with pytest.raises(TypeError):
        net.state_dict()  # … but has no names to save its parameters under


# Evaluation mode taken for no-grad ----------------------------------------------------------------------------------


def predict_in_eval_mode(net: torch.nn.Module, X: torch.Tensor) -> torch.Tensor:
    net.eval()
    return net(X)


def test_eval_mode_still_records() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout())
    assert predict_in_eval_mode(net, torch.ones(1, 2)).requires_grad  # dropout is off, the graph is still built
    with torch.inference_mode():
        assert not predict_in_eval_mode(net, torch.ones(1, 2)).requires_grad

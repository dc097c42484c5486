"""An epoch of LeNet with fathom.scratch alone; torch is not loaded."""

from __future__ import annotations

import numpy as np

from bench.gate import Gate
from bench.problems import Problem
from fathom.data.sources import digits
from fathom.scratch import SGD, Tensor, cross_entropy
from fathom.scratch.networks import create


def run(problem: Problem, gate: Gate) -> None:
    """Every epoch starts from the weights that PyTorch's side starts from, so that both end with the same loss."""
    X, y = load(problem)
    net = create("lenet", input_shape=problem.input_shape, num_classes=problem.num_classes)
    start = weights(problem.seed, {name: value.shape for name, value in net.state_dict().items()})
    for _ in range(gate.num_epochs):
        net.load_state_dict(start)
        optimizer = SGD(net.parameters(), lr=problem.lr)
        gate.start_epoch()
        total = 0.0
        for i in range(0, len(X), problem.batch_size):
            loss = cross_entropy(net(Tensor(X[i : i + problem.batch_size])), Tensor(y[i : i + problem.batch_size]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y[i : i + problem.batch_size])
        gate.end_epoch({"train_loss": total / len(X)})


def load(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """All digits, training and test, as float32 from 0 to 1."""
    arrays = digits.load(problem.input_shape[-1])
    X = np.concatenate([np.asarray(arrays.train_images), np.asarray(arrays.test_images)])
    y = np.concatenate([np.asarray(arrays.train_labels), np.asarray(arrays.test_labels)])
    return X[: problem.num_samples].astype(np.float32) / 255, y[: problem.num_samples]


def weights(seed: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Xavier's uniform weights and biases of 0, from NumPy's generator for both sides."""
    rng = np.random.default_rng(seed)
    state = {}
    for name, shape in shapes.items():
        places = int(np.prod(shape[2:]))
        bound = np.sqrt(6 / (places * sum(shape[:2]))) if len(shape) > 1 else 0.0
        state[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return state

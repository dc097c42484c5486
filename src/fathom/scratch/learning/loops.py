"""Training loops: forward, loss, backward, step; over and over.

Source:  notes N1 §1.2.3, §1.3.4, N3 ch. 9; Dive into Deep Learning §3.4, §9.5
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from fathom.scratch.engine.autograd import no_grad
from fathom.scratch.engine.creation import one_hot
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module
from fathom.scratch.learning.measures import Accumulator, accuracy
from fathom.scratch.learning.optimizers import Optimizer
from fathom.scratch.learning.penalties import clip_by_norm
from fathom.scratch.learning.sequences import Vocabulary

# prediction, target -> the mean loss of the batch
Loss = Callable[[Tensor, Tensor], Tensor]


def train_step(
    net: Module, optimizer: Optimizer, loss: Loss, X: np.ndarray, y: np.ndarray, clip_norm: float | None = None
) -> float:
    """Take one step on one batch; return the loss before it.

    Args:
        clip_norm: the longest that all gradients together may be.

    Shape:   X (N, …), y (N,) -> ()
    """
    net.train()  # dropout drops
    value = loss(net(Tensor(X)), Tensor(y))  # the graph begins at the parameters: X and y need no gradient
    optimizer.zero_grad()  # before backward(), which adds to what is there
    value.backward()
    if clip_norm is not None:
        clip_by_norm(optimizer.parameters, clip_norm)  # between backward() and step(): it changes what step() reads
    optimizer.step()
    return value.item()


def train_epoch(
    net: Module,
    optimizer: Optimizer,
    loss: Loss,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    clip_norm: float | None = None,
) -> float:
    """Take a step on every batch; return the mean loss, each batch weighted by its samples.

    Shape:   X (N, …), y (N,) -> (); batch after batch
    """
    sums = Accumulator(2)  # losses times samples, samples
    for X, y in batches:
        sums.add(len(y) * train_step(net, optimizer, loss, X, y, clip_norm), len(y))  # a mean weighted by samples
    return sums[0] / sums[1]


def predict(net: Module, X: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Return the network's outputs in evaluation mode, without recording a graph.

    Shape:   X (N, …) -> (N, K')
    """
    net.eval()
    with no_grad():
        # (batch_size, K) each
        parts = [net(Tensor(X[start : start + batch_size])).data for start in range(0, len(X), batch_size)]
    return np.concatenate(parts)  # (N, K)


def evaluate_accuracy(net: Module, X: np.ndarray, y: np.ndarray) -> float:
    """Return the share of samples that the network gets right.

    Shape:   X (N, …), y int64 (N,) -> ()
    """
    return accuracy(predict(net, X), y)


def perplexity(mean_loss: float) -> float:
    """e^loss: among how many equally likely characters the model hesitates. 1 is certainty, the vocabulary's size a
    blind guess."""
    return math.exp(mean_loss)  # the inverse of the geometric mean of the probabilities


def generate(net: Module, vocabulary: Vocabulary, prefix: str, num_characters: int, dtype: object = np.float64) -> str:
    """Continue a text by the likeliest character, again and again.

    Args:
        net: gives logits for each step of one-hot characters, see ``networks.character_rnn``.

    Raises:  ValueError if the prefix is empty or has a character that the vocabulary lacks
    """
    if not prefix:
        raise ValueError("generate: the prefix is empty; the first character cannot be guessed")
    numbers = vocabulary.encode(prefix)  # (steps,): the whole text so far, run through again for each character
    net.eval()
    with no_grad():
        for _ in range(num_characters):
            X = one_hot(Tensor(numbers[:, None]), len(vocabulary)).astype(dtype)  # (steps, 1, len(vocabulary))
            numbers = np.append(numbers, net(X).data[-1].argmax())  # the logits of the last step
    return vocabulary.decode(numbers)

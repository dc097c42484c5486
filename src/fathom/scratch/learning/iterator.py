"""Mini-batches: every epoch shows all samples once, in a new order, a few at a time.

Equals:  torch.utils.data.DataLoader(TensorDataset(X, y), batch_size, shuffle) in law; the shuffled order is our own
Source:  notes N1 §1.2.3; Dive into Deep Learning §3.3
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class Batches:
    """Iterate over samples in batches.

    The order is a pure function of (seed, epoch), so that a run can be repeated and resumed.

    Args:
        batch_size: samples a batch; the last batch holds what is left over.
        shuffle: a new order each epoch, else the stored one.
        drop_last: leave out a last batch that is not full.

    Shape:   X (N, …), y (N,) -> X (B', …), y (B',); batch after batch
    Raises:  ValueError if the lengths differ, there is no sample, or the batch size is not in 1…N
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        if len(X) != len(y):
            raise ValueError(f"Batches: X has {len(X)} samples (shape {X.shape}), y has {len(y)} (shape {y.shape})")
        if len(X) == 0:
            raise ValueError(f"Batches: there is no sample; X has shape {X.shape}")
        if not 1 <= batch_size <= len(X):  # torch allows a larger one; here it would hide a mistake in the size
            raise ValueError(f"Batches: batch_size must be from 1 to the {len(X)} samples, got {batch_size}")
        self.X, self.y, self.batch_size = X, y, batch_size
        self.shuffle, self.drop_last, self.seed = shuffle, drop_last, seed
        self.epoch = 0  # how many epochs were begun: it seeds the next order

    def __len__(self) -> int:
        full, rest = divmod(len(self.X), self.batch_size)  # a last batch that is not full counts too
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = self.order(self.epoch)  # (N,)
        self.epoch += 1
        for number in range(len(self)):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield self.X[chosen], self.y[chosen]  # (batch_size, …) and (batch_size,); fancy indexing copies

    def order(self, epoch: int) -> np.ndarray:
        """Return the order of the samples in an epoch.

        Shape:   -> int64 (N,)
        """
        if not self.shuffle:
            return np.arange(len(self.X))  # as they stand: for evaluation
        # Both numbers seed: epochs differ, runs repeat
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.X))

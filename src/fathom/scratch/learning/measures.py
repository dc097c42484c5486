"""What one watches while a network learns: accuracy, sums over batches, times.

Source:  notes N1 §1.3.4; Dive into Deep Learning §4.4
"""

from __future__ import annotations

import time

import numpy as np


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of samples whose largest logit is that of their label.

    Shape:   logits (N, K), labels int64 (N,) -> ()
    Equals:  (logits.argmax(1) == labels).float().mean()
    Raises:  ValueError if the shapes do not fit, the batch is empty or a label is no class
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"accuracy: expected logits (N, K) and labels (N,), got {logits.shape} and {labels.shape}")
    if len(labels) == 0:
        raise ValueError(f"accuracy: the batch is empty; logits have shape {logits.shape}")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:  # a label that no column stands for could never be right
        raise ValueError(
            f"accuracy: labels must be 0…{logits.shape[1] - 1}, the {logits.shape[1]} columns of the logits; "
            f"got {labels.min()}…{labels.max()}"
        )
    return float((logits.argmax(axis=1) == labels).mean())  # of equal logits the first


class Accumulator:
    """Sums of several numbers over the batches of an epoch, such as loss, correct answers, samples.

    >>> sums = Accumulator(2)
    >>> sums.add(0.5, 64)
    >>> sums.add(0.25, 64)
    >>> sums[0], sums[1]
    (0.75, 128.0)
    """

    def __init__(self, num_sums: int) -> None:
        self.sums = [0.0] * num_sums  # Python floats: float64 however long the epoch

    def add(self, *values: float) -> None:
        """Add a number to each sum.

        Raises:  ValueError if their number is not that of the sums
        """
        if len(values) != len(self.sums):
            raise ValueError(f"Accumulator: it holds {len(self.sums)} sums, got {len(values)} values")
        self.sums = [total + float(value) for total, value in zip(self.sums, values, strict=True)]

    def reset(self) -> None:
        """Begin again at zero."""
        self.sums = [0.0] * len(self.sums)

    def __getitem__(self, index: int) -> float:
        return self.sums[index]


class Timer:
    """A stopwatch that remembers every time it took.

    >>> timer = Timer()
    >>> with timer:
    ...     _ = sum(range(1000))
    >>> len(timer.times_s), timer.total_s > 0
    (1, True)
    """

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self._started_s: float | None = None  # None while it is not running

    def start(self) -> None:
        """Start the watch."""
        self._started_s = time.perf_counter()  # a clock that never goes back

    def stop(self) -> float:
        """Stop it and give the time since the start, in seconds.

        Raises:  ValueError if it was not started
        """
        if self._started_s is None:
            raise ValueError("Timer: stop() before start()")
        self.times_s.append(time.perf_counter() - self._started_s)  # seconds
        self._started_s = None
        return self.times_s[-1]

    def __enter__(self) -> Timer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def total_s(self) -> float:
        """Sum of all times."""
        return sum(self.times_s)

    @property
    def mean_s(self) -> float:
        """Mean time; 0 before the first."""
        return self.total_s / len(self.times_s) if self.times_s else 0.0  # no division by 0

    @property
    def running_totals_s(self) -> list[float]:
        """Sum of the times up to each one."""
        return np.cumsum(self.times_s).tolist()  # k-th entry: when interval k ended

"""Measure how long things take."""

from __future__ import annotations

import time
from itertools import accumulate


class Timer:
    """A stopwatch that keeps every interval. It starts when it is made.

    ``times`` are the intervals in seconds; ``tik`` is when the current one began, on a clock that never goes back.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Begin an interval."""
        self.tik = time.perf_counter()

    def stop(self) -> float:
        """End the interval, keep it, and return its length in seconds."""
        self.times.append(time.perf_counter() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        """Return the mean of the intervals in seconds; 0 before the first."""
        return sum(self.times) / len(self.times) if self.times else 0.0

    def sum(self) -> float:
        """Return the intervals' sum in seconds."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Return the running sums of the intervals in seconds."""
        return list(accumulate(self.times))


class Benchmark:
    """Print how long the block of a ``with`` took: "description: 0.1234 sec"."""

    def __init__(self, description: str = "Done") -> None:
        self.description = description

    def __enter__(self) -> Benchmark:
        self.timer = Timer()
        return self

    def __exit__(self, *_: object) -> None:
        print(f"{self.description}: {self.timer.stop():.4f} sec")

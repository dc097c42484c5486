"""The gate before every epoch: contenders wait at it for their turn, and the clock runs only behind it.

Every library calls ``start_epoch`` and ``end_epoch`` from its own hooks, so that its set-up is left out and the epoch
is measured in the same way for all.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Metrics = Mapping[str, float]


class Gate:
    """Takes turns with the harness over two pipes.

    Args:
        num_epochs: how long the contender should plan to train.
        epochs_per_round: epochs between two stops.
    """

    def __init__(self, requests: BinaryIO, replies: BinaryIO, num_epochs: int, epochs_per_round: int) -> None:
        self.num_epochs = num_epochs
        self._requests, self._replies, self._per_round = requests, replies, epochs_per_round
        self._epoch = 0
        self._notes: dict[str, Any] = {}
        self._started = 0.0

    def note(self, **facts: Any) -> None:
        """Keep facts for the record, such as what was chosen."""
        self._notes |= facts

    def start_epoch(self) -> None:
        """Wait for the turn, if a round begins here, and start the clock."""
        if self._epoch % self._per_round == 0:
            if self._epoch == 0:
                self._send(event="ready", **self._notes)
            self._wait()
            gc.collect()
            self._started = time.perf_counter()

    def end_epoch(self, metrics: Metrics | Callable[[], Metrics]) -> None:
        """Stop the clock, if a round ends here; a callable is asked for the metrics after that."""
        elapsed = time.perf_counter() - self._started
        self._epoch += 1
        if self._epoch % self._per_round == 0:
            # Peak before the metrics are asked for: a test pass is no part of training.
            peak = peak_mib()
            values = metrics() if callable(metrics) else metrics
            plain = {name: float(value) for name, value in values.items()}
            self._send(event="round", elapsed_s=elapsed, metrics=plain, peak_mib=peak)

    def close(self) -> None:
        """Report that there are no more epochs."""
        self._send(event="done")

    def _wait(self) -> None:
        if self._requests.readline().strip() != b"go":
            # Libraries catch exceptions to tidy up; there is nothing here to save.
            os._exit(0)

    def _send(self, **message: Any) -> None:
        self._replies.write(json.dumps(message).encode() + b"\n")
        self._replies.flush()


def peak_mib() -> float:
    """Return the most memory this process ever had resident."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

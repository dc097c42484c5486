"""Many requests, one batch: what arrives while the model computes makes the next batch.

Nothing waits for company: a lone request is computed at once, and under load batches grow by themselves, because more
arrives while one is computed. So there is no delay to tune.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from fathom.web.guard import Refusal

Predict = Callable[[Sequence[Any], int], list[dict[str, Any]]]


class _Waiting(NamedTuple):
    samples: list[Any]
    top: int
    answer: asyncio.Future[list[dict[str, Any]]]


class Batcher:
    """Collects the samples of requests and has a model predict them together, in one thread of its own.

    Args:
        predict: the rows for some samples, with so many classes each.
        most: samples of a batch.
        waiting: samples that may wait; more are refused, so that nobody waits for ever and memory stays bounded.
    """

    def __init__(self, predict: Predict, *, most: int = 64, waiting: int = 1024) -> None:
        self.predict, self.most, self.limit = predict, most, waiting
        self.num_waiting = self.num_batches = self.num_samples = 0
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")  # a model computes one batch at a time
        self._task: asyncio.Task[None] | None = None

    async def submit(self, samples: list[Any], top: int = 1) -> list[dict[str, Any]]:
        """Return the prediction of each sample.

        Raises:  Refusal (503) if too many are waiting
        """
        if self.num_waiting + len(samples) > self.limit:
            raise Refusal(503, "too many samples are waiting; try again in a second", {"retry-after": "1"})
        answer: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(samples, top, answer))
        self.num_waiting += len(samples)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        """Compute until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._queue:
            batch = self._next_batch()
            samples = [sample for request in batch for sample in request.samples]
            self.num_waiting -= len(samples)
            try:
                rows = await loop.run_in_executor(self._thread, self.predict, samples, batch[0].top)
            except Exception as error:  # whatever a model raises is told to those who asked; the server goes on
                for request in batch:
                    if not request.answer.done():
                        request.answer.set_exception(error)
                continue
            self.num_batches += 1
            self.num_samples += len(samples)
            start = 0
            for request in batch:
                if not request.answer.done():  # a client may have left
                    request.answer.set_result(rows[start : start + len(request.samples)])
                start += len(request.samples)

    def _next_batch(self) -> list[_Waiting]:
        """Take requests in the order they came, up to ``most`` samples, all with the same ``top``."""
        batch = [self._queue.popleft()]
        size = len(batch[0].samples)
        while self._queue and self._queue[0].top == batch[0].top and size + len(self._queue[0].samples) <= self.most:
            batch.append(self._queue.popleft())
            size += len(batch[-1].samples)
        return batch

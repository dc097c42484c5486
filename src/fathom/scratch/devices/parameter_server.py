"""A parameter server with workers in real processes.

Each worker stands for a machine with several devices. It can read all the data, as from a distributed file system. A
step: the server sends the weights and which samples to use; a worker splits them over its devices and adds up their
gradients *before* it sends them, because the way between machines is the slow one; the server adds up what the workers
send and takes the step. Synchronous: it waits for all of them, and the step is that of one device. Asynchronous: it
takes a step with whatever comes first; no one waits, but a gradient belongs to weights that may be old.

Statistics of batch normalisation stay with the workers: use networks without it.

Source:  notes N1 §3.3; Li et al. 2014, Scaling Distributed Machine Learning with the Parameter Server
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fathom.scratch.devices.data_parallel import split_batch
from fathom.scratch.devices.messages import Message
from fathom.scratch.devices.worker_pool import Worker, WorkerPool
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module
from fathom.scratch.learning.optimizers import Optimizer


@dataclass(frozen=True)
class Update:
    """One asynchronous step: whose gradient it took, its mean loss, and how many steps old its weights were."""

    worker: int
    loss: float
    staleness: int  # 0 where nobody else stepped in between


@dataclass(frozen=True)
class Cluster:
    """The workers of a server, and how long it waits for them.

    Args:
        num_devices: devices in each worker.
        timeout_s: longest wait for any one answer.

    Raises:  ValueError if a worker has no device
    """

    num_workers: int = 2
    num_devices: int = 2
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if self.num_devices < 1:
            raise ValueError(f"Cluster: num_devices must be at least 1, got {self.num_devices}")


class ParameterServer:
    """Hold the parameters of a network and let worker processes compute the gradients of its cross-entropy.

    Use it in a ``with`` block: workers start at its beginning and are gone at its end.

    Args:
        net: what is trained; its weights change in place.
        optimizer: takes the steps, here on the server.
        network: what ``fathom.scratch.networks.create`` builds the same network from: name and options.
        X: samples that the workers can read.
        y: their labels.
        cluster: how many workers, each with how many devices.
        local_sum: whether a worker adds up its devices' gradients before it sends them.

    Shape:   X (N, …), y (N,) ->
    Raises:  ValueError if the samples do not fit; WorkerError if a worker does not start, dies, takes too long or
             answers wrongly
    """

    def __init__(
        self,
        net: Module,
        optimizer: Optimizer,
        network: tuple[str, dict[str, Any]],
        X: np.ndarray,
        y: np.ndarray,
        *,
        cluster: Cluster = Cluster(),
        local_sum: bool = True,
    ) -> None:
        if len(X) != len(y) or len(X) == 0:
            raise ValueError(f"ParameterServer: X and y must hold the same samples, got {X.shape} and {y.shape}")
        self.net, self.optimizer, self.network = net, optimizer, network
        self.X, self.y = X, y.astype(np.int64)  # labels as the messages' 8-byte integers
        self.num_devices, self.local_sum, self.timeout_s = cluster.num_devices, local_sum, cluster.timeout_s
        self.num_steps = 0  # which weights a gradient belongs to
        self.bytes_received = 0  # gradients
        self._pool = WorkerPool(cluster.num_workers, cluster.timeout_s)

    @property
    def processes(self) -> list[subprocess.Popen[bytes]]:
        """The workers' processes."""
        return [worker.process for worker in self._pool.workers]

    def __enter__(self) -> ParameterServer:
        self._pool.__enter__()
        name, options = self.network  # the worker builds the network itself: code never travels
        facts = {"network": name, "options": options, "num_devices": self.num_devices, "local_sum": self.local_sum}
        try:
            for worker in self._pool.workers:
                # the data once; later only numbers of samples go over
                worker.tell("setup", [self.X, self.y], self.timeout_s, **facts)
        except BaseException:
            self._pool.close(at_once=True)  # half a pool is of no use, and would wait for ever
            raise
        return self

    def __exit__(self, *failure: Any) -> None:
        self._pool.__exit__(*failure)

    def step(self, chosen: np.ndarray) -> float:
        """Take one synchronous step on the samples of these numbers; return their mean loss.

        Gradients are added up in the order of the workers, not of their answers: the same bits every time.

        Shape:   chosen int64 (B,) -> ()
        """
        busy = self._pool.workers[: len(chosen)]  # no worker without a sample
        for worker, shard in zip(busy, split_batch(chosen, len(busy)), strict=True):
            self._ask(worker, shard)
        answers: dict[int, Message] = {}
        waiting = list(busy)
        while waiting:
            worker = self._pool.wait_for_one(waiting)
            waiting.remove(worker)
            answers[worker.number] = self._receive_gradients(worker)
        in_order = [answers[worker.number] for worker in busy]  # a sum in floating point depends on its order
        self._apply(in_order, len(chosen))
        return sum(answer.facts["loss"] for answer in in_order) / len(chosen)  # sums over samples, divided once

    def run_asynchronously(self, batches: Iterable[np.ndarray]) -> list[Update]:
        """Hand the batches out to whichever worker is free, and take a step with each answer as it comes.

        Args:
            batches: the numbers of the samples of each.

        Shape:   chosen int64 (B,) ->; the numbers of each batch
        """
        updates: list[Update] = []
        todo = iter(batches)  # shared by both loops below
        sizes: dict[Worker, int] = {}  # of what each worker has in hand
        # zip asks the workers first: no batch is lost when they run out
        for worker, chosen in zip(self._pool.workers, todo, strict=False):
            self._ask(worker, chosen)
            sizes[worker] = len(chosen)
        while sizes:
            worker = self._pool.wait_for_one(list(sizes))
            answer, size = self._receive_gradients(worker), sizes.pop(worker)
            # steps taken since its weights were sent
            updates.append(Update(worker.number, answer.facts["loss"] / size, self.num_steps - answer.facts["step"]))
            self._apply([answer], size)
            for chosen in todo:  # one batch for the worker that has become free
                self._ask(worker, chosen)
                sizes[worker] = len(chosen)
                break
        return updates

    def _ask(self, worker: Worker, chosen: np.ndarray) -> None:
        # all weights with every request: workers keep no state between steps
        arrays = [*(parameter.data for parameter in self.net.parameters()), chosen.astype(np.int64)]
        worker.tell("work", arrays, self.timeout_s, step=self.num_steps)

    def _receive_gradients(self, worker: Worker) -> Message:
        answer = worker.hear(self.timeout_s)
        shapes = [parameter.shape for parameter in self.net.parameters()]
        num_lists, rest = divmod(len(answer.arrays), len(shapes))
        # One list of gradients, or one a device
        fits = num_lists > 0 and not rest and [array.shape for array in answer.arrays] == shapes * num_lists
        if answer.kind != "gradients" or not fits:
            worker.fail("sent something other than the gradients asked for")
        self.bytes_received += sum(array.nbytes for array in answer.arrays)
        return answer

    def _apply(self, answers: list[Message], num_samples: int) -> None:
        parameters = list(self.net.parameters())
        sums = [np.zeros_like(parameter.data) for parameter in parameters]
        for answer in answers:
            for start in range(0, len(answer.arrays), len(parameters)):  # one list of gradients, or one a device
                for total, array in zip(sums, answer.arrays[start : start + len(parameters)], strict=True):
                    total += array
        for parameter, total in zip(parameters, sums, strict=True):
            parameter.grad = Tensor(total / num_samples)  # the mean over the batch, as one device would have it
        self.optimizer.step()
        self.num_steps += 1

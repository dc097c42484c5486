"""The same network by every way of sharing the work among devices, beside one device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fathom.errors import UsageError
from fathom.lab.tours.tables import TourTable, load_digits
from fathom.scratch.devices.collective import AllReduce, naive_all_reduce, ring_all_reduce
from fathom.scratch.devices.data_parallel import data_parallel_step, gradient_of, replicate
from fathom.scratch.devices.mesh import Mesh
from fathom.scratch.devices.parameter_server import ParameterServer
from fathom.scratch.devices.pipeline import pipeline_step, schedule, split_stages, waiting_share
from fathom.scratch.engine.creation import manual_seed
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.learning.iterator import Batches
from fathom.scratch.learning.loops import evaluate_accuracy, train_step
from fathom.scratch.learning.losses import cross_entropy
from fathom.scratch.learning.measures import Timer
from fathom.scratch.learning.optimizers import SGD
from fathom.scratch.networks import create

MOST_DEVICES = 4
NUM_HIDDEN = 64
_NETWORK: tuple[str, dict[str, Any]] = ("mlp", {"input_shape": [1, 8, 8], "num_classes": 10, "hidden": [NUM_HIDDEN]})


@dataclass
class _Contest:
    """What every way of sharing the work is given, and the one device that all are compared with."""

    data: tuple[np.ndarray, np.ndarray]  # X (N, 8, 8), y (N,)
    test: tuple[np.ndarray, np.ndarray]
    order: list[np.ndarray]  # of each step the numbers of its samples
    lr: float
    seed: int
    reference: Module
    table: TourTable

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for chosen in self.order:
            yield self.data[0][chosen], self.data[1][chosen]

    def add(self, name: str, num_devices: str, net: Module, most_sent: float | None, timer: Timer) -> None:
        """Add a row: how far the weights are from those of one device, accuracy, traffic, time."""
        pairs = zip(net.parameters(), self.reference.parameters(), strict=True)
        apart = max(float(np.abs(a.data - b.data).max()) for a, b in pairs)  # the largest difference of any weight
        accuracy = evaluate_accuracy(net, *self.test)
        self.table.rows.append(
            (name, num_devices, "" if net is self.reference else f"{apart:.1e}", f"{accuracy:.1%}",
             "" if most_sent is None else f"{most_sent:,.0f}", f"{timer.total_s:.2f}")
        )  # fmt: skip


def tour_devices(epochs: int, batch_size: int, lr: float, seed: int) -> list[TourTable]:
    """Train the same network by every way of sharing the work, and compare with one device.

    Raises:  UsageError if a device would get no sample; WorkerError of the scratch devices if a worker process fails
    """
    if batch_size < MOST_DEVICES:
        raise UsageError(f"--batch-size {batch_size}: {MOST_DEVICES} devices need a sample each")
    data, test = load_digits()
    # the samples' numbers go through Batches: only their order is wanted
    numbers = Batches(np.arange(len(data[0])), np.arange(len(data[0])), batch_size, drop_last=True, seed=seed)
    order = [chosen for _ in range(epochs) for chosen, _ in numbers]  # the same order for every way
    table = TourTable(
        f"An MLP 64-64-10 on digits, {epochs} epochs, batch {batch_size}, SGD, lr {lr:g}, seed {seed}",
        ("way", "devices", "largest weight difference", "test accuracy", "most that one sends a step", "s"),
    )
    contest = _Contest(data, test, order, lr, seed, _make_net(seed), table)
    _one_device(contest)
    for name, all_reduce in (("naive", naive_all_reduce), ("ring", ring_all_reduce)):
        for num_devices in (2, MOST_DEVICES):
            _data_parallel(contest, f"data parallel, {name} all-reduce", all_reduce, num_devices)
    _pipeline(contest, batch_size)
    _mesh(contest, batch_size)
    _parameter_servers(contest)
    return [table]


def _one_device(contest: _Contest) -> None:
    optimizer, timer = SGD(contest.reference.parameters(), contest.lr), Timer()
    with timer:
        for X, y in contest.batches():
            train_step(contest.reference, optimizer, cross_entropy, X, y)
    contest.add("one device", "1", contest.reference, None, timer)


def _data_parallel(contest: _Contest, name: str, all_reduce: AllReduce, num_devices: int) -> None:
    replicas, timer = replicate(_make_net(contest.seed), num_devices), Timer()
    # one each: momentum would be kept on each device
    optimizers = [SGD(replica.parameters(), contest.lr) for replica in replicas]
    with timer:
        for X, y in contest.batches():
            data_parallel_step(replicas, optimizers, X, y, cross_entropy, all_reduce)
    contest.add(name, f"{num_devices}", replicas[0], _most_sent(replicas, all_reduce), timer)


def _pipeline(contest: _Contest, batch_size: int) -> None:
    net, timer = _make_net(contest.seed), Timer()
    assert isinstance(net, Sequential)
    first, second = split_stages(net, cut=3)  # flatten, linear, activation | linear
    # an optimiser over net reaches both stages: they share its parameters
    optimizer, num_micro_batches = SGD(net.parameters(), contest.lr), MOST_DEVICES
    with timer:
        for X, y in contest.batches():
            pipeline_step(first, second, X, y, cross_entropy, num_micro_batches)
            optimizer.step()
    waits = waiting_share(schedule(num_micro_batches))
    name = f"pipeline of two stages, {num_micro_batches} micro-batches, each waits {waits:.0%}"
    contest.add(name, "2", net, NUM_HIDDEN * batch_size, timer)  # the activations between the stages


def _mesh(contest: _Contest, batch_size: int) -> None:
    net, timer = _make_net(contest.seed), Timer()
    assert isinstance(net, Sequential)
    mesh = Mesh(net, 2, 3, lambda parameters: SGD(parameters, contest.lr))  # cut as above
    most = 0.0
    with timer:
        for X, y in contest.batches():
            sent = mesh.step(X, y, cross_entropy).sent
            # besides gradients within its column a device sends activations, or their gradients, within its row
            most = max(most, *sent[0], *sent[1])
    most += NUM_HIDDEN * -(-batch_size // 2)  # the larger half
    contest.add("mesh: two pipelines, each on half the batch", "2 × 2", mesh.rows[0], most, timer)


def _parameter_servers(contest: _Contest) -> None:
    num_steps = len(contest.order)
    for name, local_sum in (("parameter server, synchronous", True), ("the same without a local sum", False)):
        net, timer = _make_net(contest.seed), Timer()
        optimizer = SGD(net.parameters(), contest.lr)
        with ParameterServer(net, optimizer, _NETWORK, *contest.data, local_sum=local_sum) as server, timer:
            for chosen in contest.order:
                server.step(chosen)
        # 8 bytes a number, 2 workers
        contest.add(name, "2 processes × 2", net, server.bytes_received / 8 / num_steps / 2, timer)
    net, timer = _make_net(contest.seed), Timer()
    with ParameterServer(net, SGD(net.parameters(), contest.lr), _NETWORK, *contest.data) as server, timer:
        updates = server.run_asynchronously(iter(contest.order))
    stale = np.mean([update.staleness for update in updates])
    name = f"parameter server, asynchronous, weights {stale:.1f} steps old on average"
    contest.add(name, "2 processes × 2", net, server.bytes_received / 8 / num_steps, timer)


def _make_net(seed: int) -> Module:
    manual_seed(seed)
    name, options = _NETWORK
    return create(name, **options).double()  # float64, so that differences are those of the order of sums


def _most_sent(replicas: list[Module], all_reduce: AllReduce) -> int:
    """Count what the busiest device sends in one step."""
    totals = np.zeros(len(replicas), dtype=int)
    for copies in zip(*(replica.parameters() for replica in replicas), strict=True):
        # copies: the gradients themselves stay
        totals += all_reduce([gradient_of(parameter).copy() for parameter in copies])
    return int(totals.max())

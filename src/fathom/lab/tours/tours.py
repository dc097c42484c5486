"""What from-scratch code shows beside networks: the perceptron and its bound, several devices, signals through depth.

Each gives tables of text, ready to be printed or written as CSV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from fathom.data.sources import digits
from fathom.errors import UsageError
from fathom.scratch.devices.collective import AllReduce, naive_all_reduce, ring_all_reduce
from fathom.scratch.devices.data_parallel import data_parallel_step, gradient_of, replicate
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
from fathom.scratch.studies.perceptron import Perceptron, bound, margin, radius, xor
from fathom.scratch.studies.stability import (
    ACTIVATIONS,
    INITIALIZERS,
    fit_half,
    judge,
    product_of_matrices,
    signal_by_depth,
)

PAIRS = ((0, 1), (4, 9), (3, 8), (1, 8))
MOST_DEVICES = 4


@dataclass
class Table:
    """Rows under a header; all columns but the first ``num_names`` are numbers."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    num_names: int = 1


# Perceptron ---------------------------------------------------------------------------------------------------------


def tour_perceptron() -> list[Table]:
    """Train on pairs of digits and on XOR; count the updates beside the bound."""
    train, test = _load_digits()
    header = ("classes", "samples", "radius r", "margin ρ", "updates", "bound (r²+1)/ρ²", "test accuracy")
    table = Table("The perceptron's own rule: where a sample is wrong, add y·x to w and y to b", header)
    for first, second in PAIRS:
        X, y = _pair(*train, first, second)
        test_X, test_y = _pair(*test, first, second)
        perceptron = Perceptron(X.shape[1])
        outcome = perceptron.fit(X, y)
        r, rho = radius(X), margin(X, y)
        right = float((perceptron(test_X) == test_y).mean())
        table.rows.append(
            (f"{first} and {second}", f"{len(X)}", f"{r:.3f}", f"{rho:.3f}", f"{outcome.num_updates:,}",
             f"{bound(r, rho):,.0f}", f"{right:.1%}")
        )  # fmt: skip
    X, y = xor()
    perceptron = Perceptron(2)
    outcome = perceptron.fit(X, y)
    verdict = "never done: the weights repeat" if outcome.repeats else "done"
    table.rows.append(
        ("XOR", f"{len(X)}", f"{radius(X):.3f}", f"{margin(X, y):.3f}", verdict, "none: ρ = 0",
         f"{(perceptron(X) == y).mean():.1%}")
    )  # fmt: skip
    return [table]


def _load_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return training and test split, pixels from 0 to 1."""
    arrays = digits.load()
    assert arrays.test_images is not None
    assert arrays.test_labels is not None
    return (arrays.train_images / 255, arrays.train_labels), (arrays.test_images / 255, arrays.test_labels)


def _pair(images: np.ndarray, labels: np.ndarray, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.isin(labels, (first, second))
    return images[chosen].reshape(chosen.sum(), -1), np.where(labels[chosen] == first, -1, 1)


# Several devices ----------------------------------------------------------------------------------------------------

_NETWORK = ("mlp", {"input_shape": [1, 8, 8], "num_classes": 10, "hidden": [64]})


def tour_devices(epochs: int, batch_size: int, lr: float, seed: int) -> list[Table]:
    """Train the same network by every way of sharing the work, and compare with one device.

    Raises:  UsageError if a device would get no sample; WorkerError of the scratch devices if a worker process fails
    """
    if batch_size < MOST_DEVICES:
        raise UsageError(f"--batch-size {batch_size}: {MOST_DEVICES} devices need a sample each")
    data, test = _load_digits()
    numbers = Batches(np.arange(len(data[0])), np.arange(len(data[0])), batch_size, drop_last=True, seed=seed)
    order = [chosen for _ in range(epochs) for chosen, _ in numbers]
    reference = _make_net(seed)
    table = Table(
        f"An MLP 64-64-10 on digits, {epochs} epochs, batch {batch_size}, SGD, lr {lr:g}, seed {seed}",
        ("way", "devices", "largest weight difference", "test accuracy", "most that one sends a step", "s"),
    )

    def add(name: str, num_devices: str, net: Module, most_sent: float | None, timer: Timer) -> None:
        apart = max(
            float(np.abs(a.data - b.data).max()) for a, b in zip(net.parameters(), reference.parameters(), strict=True)
        )
        table.rows.append(
            (name, num_devices, "" if net is reference else f"{apart:.1e}", f"{evaluate_accuracy(net, *test):.1%}",
             "" if most_sent is None else f"{most_sent:,.0f}", f"{timer.total_s:.2f}")
        )  # fmt: skip

    optimizer, timer = SGD(reference.parameters(), lr), Timer()
    with timer:
        for chosen in order:
            train_step(reference, optimizer, cross_entropy, data[0][chosen], data[1][chosen])
    add("one device", "1", reference, None, timer)

    for name, all_reduce, num_devices in (
        ("data parallel, naive all-reduce", naive_all_reduce, 2),
        ("data parallel, naive all-reduce", naive_all_reduce, 4),
        ("data parallel, ring all-reduce", ring_all_reduce, 2),
        ("data parallel, ring all-reduce", ring_all_reduce, 4),
    ):
        replicas, timer = replicate(_make_net(seed), num_devices), Timer()
        optimizers = [SGD(replica.parameters(), lr) for replica in replicas]
        with timer:
            for chosen in order:
                data_parallel_step(replicas, optimizers, data[0][chosen], data[1][chosen], cross_entropy, all_reduce)
        add(name, f"{num_devices}", replicas[0], _most_sent(replicas, all_reduce), timer)

    net, timer = _make_net(seed), Timer()
    assert isinstance(net, Sequential)
    first, second = split_stages(net, cut=3)
    optimizer, num_micro_batches = SGD(net.parameters(), lr), MOST_DEVICES
    with timer:
        for chosen in order:
            pipeline_step(first, second, data[0][chosen], data[1][chosen], cross_entropy, num_micro_batches)
            optimizer.step()
    waits = waiting_share(schedule(num_micro_batches))
    add(f"pipeline of two stages, {num_micro_batches} micro-batches, each waits {waits:.0%}", "2", net,
        64 * batch_size, timer)  # fmt: skip

    for name, local_sum in (("parameter server, synchronous", True), ("the same without a local sum", False)):
        net, timer = _make_net(seed), Timer()
        with ParameterServer(net, SGD(net.parameters(), lr), _NETWORK, *data, local_sum=local_sum) as server, timer:
            for chosen in order:
                server.step(chosen)
        add(name, "2 processes × 2", net, server.bytes_received / 8 / len(order) / 2, timer)

    net, timer = _make_net(seed), Timer()
    with ParameterServer(net, SGD(net.parameters(), lr), _NETWORK, *data) as server, timer:
        updates = server.run_asynchronously(iter(order))
    stale = np.mean([update.staleness for update in updates])
    add(f"parameter server, asynchronous, weights {stale:.1f} steps old on average", "2 processes × 2", net,
        server.bytes_received / 8 / len(order), timer)  # fmt: skip
    return [table]


def _make_net(seed: int) -> Module:
    manual_seed(seed)
    name, options = _NETWORK
    return create(name, **options).double()


def _most_sent(replicas: list[Module], all_reduce: AllReduce) -> int:
    """Count what the busiest device sends in one step."""
    totals = np.zeros(len(replicas), dtype=int)
    for copies in zip(*(replica.parameters() for replica in replicas), strict=True):
        totals += all_reduce([gradient_of(parameter).copy() for parameter in copies])
    return int(totals.max())


# Stability ----------------------------------------------------------------------------------------------------------


def tour_stability(seed: int) -> list[Table]:
    """Send signals through 50 layers under every start and activation; multiply matrices; round to fp16."""
    signals = Table(
        "50 layers of 128 units: how the standard deviation changes on the way up (activations) and down (gradients)",
        ("initial weights", "activation", "activations", "", "gradients", ""),
        num_names=2,
    )
    for initializer in INITIALIZERS:
        for activation in ACTIVATIONS:
            signal = signal_by_depth(initializer, activation, seed=seed)
            up = math.sqrt(signal.activations[-1] / signal.activations[0])
            down = math.sqrt(signal.gradients[0] / signal.gradients[-1])
            signals.rows.append(
                (initializer, activation, f"× {up:.1e}", judge(signal.activations), f"× {down:.1e}",
                 judge(signal.gradients, start=-1))
            )  # fmt: skip
    products = Table(
        "The product of random 4×4 matrices: its largest entry",
        ("standard deviation of an entry", "after 10", "after 50", "after 100"),
    )
    for std in (1.0, 0.5, 0.2):
        largest = product_of_matrices(std=std, seed=seed)
        products.rows.append((f"{std:g}", *(f"{largest[n - 1]:.1e}" for n in (10, 50, 100))))
    half = Table(
        "Normal numbers rounded to fp16, which holds 6.1e-5 to 65,504 in full, down to 6e-8 coarsely",
        ("standard deviation", "times", "lost to 0", "kept coarsely", "lost to infinity"),
    )
    values = np.random.default_rng(seed).standard_normal(10_000)
    for std, scale in ((1.0, 1), (1e-5, 1), (1e-7, 1), (1e-7, 2**14), (1e5, 1)):
        fit = fit_half(std * values, scale)
        half.rows.append((f"{std:g}", f"{scale:,}", *(f"{x:.1%}" for x in (fit.zero, fit.coarse, fit.infinite))))
    return [signals, products, half]

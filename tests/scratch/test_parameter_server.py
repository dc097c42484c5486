"""The parameter server with real processes: equal to one device, quick to say who failed, and gone without a trace."""

import signal
import socket
import time

import numpy as np
import pytest

from fathom.data.sources import digits
from fathom.scratch.devices import messages, worker_pool
from fathom.scratch.devices.parameter_server import Cluster, ParameterServer
from fathom.scratch.devices.worker_pool import WorkerError
from fathom.scratch.engine.creation import manual_seed
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.learning.iterator import Batches
from fathom.scratch.learning.loops import evaluate_accuracy, train_step
from fathom.scratch.learning.losses import cross_entropy
from fathom.scratch.learning.optimizers import SGD
from fathom.scratch.networks import create

OPTIONS = {"input_shape": [1, 8, 8], "num_classes": 10, "hidden": [16]}


@pytest.fixture(scope="module")
def data():
    arrays = digits.load()
    return arrays.train_images[:400] / 255, arrays.train_labels[:400]


def make_net():
    manual_seed(3)
    return create("mlp", **OPTIONS).double()


def serve(data, net=None, lr=0.5, **options):
    net = make_net() if net is None else net
    return ParameterServer(net, SGD(net.parameters(), lr), ("mlp", OPTIONS), *data, **options)


def is_gone(process):
    return process.returncode is not None  # ended, and waited for: no zombie


def batches_of(data, size, num_epochs=1):
    batches = Batches(*data, size, seed=1)
    for epoch in range(num_epochs):
        order = batches.order(epoch)
        yield from (order[start : start + size] for start in range(0, len(order), size))


def test_synchronous_steps_equal_those_of_one_device(data):
    single, served = make_net(), make_net()
    optimizer = SGD(single.parameters(), 0.5)
    with serve(data, served, cluster=Cluster(num_workers=3, num_devices=2)) as server:
        processes = server.processes
        for chosen in [*batches_of(data, 50)][:5] + [np.array([7, 9])]:  # two samples for three workers
            expected = train_step(single, optimizer, cross_entropy, data[0][chosen], data[1][chosen])
            assert server.step(chosen) == pytest.approx(expected, rel=1e-12)
    # Five steps with a sum from each of three workers, and one for which there are two samples only
    assert server.bytes_received == 17 * sum(parameter.data.nbytes for parameter in served.parameters())
    for a, b in zip(single.parameters(), served.parameters(), strict=True):
        np.testing.assert_allclose(b.data, a.data, rtol=1e-10, atol=1e-13)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert all(is_gone(process) for process in processes)


def test_without_a_local_sum_more_is_sent_for_the_same_step(data):
    single, served = make_net(), make_net()
    train_step(single, SGD(single.parameters(), 0.5), cross_entropy, data[0][:40], data[1][:40])
    with serve(data, served, cluster=Cluster(num_workers=1), local_sum=False) as server:
        server.step(np.arange(40))
    assert server.bytes_received == 2 * sum(parameter.data.nbytes for parameter in served.parameters())
    for a, b in zip(single.parameters(), served.parameters(), strict=True):
        np.testing.assert_allclose(b.data, a.data, rtol=1e-10, atol=1e-13)


def test_asynchronous_steps_converge(data):
    net = make_net()
    with serve(data, net, cluster=Cluster(num_devices=1)) as server:
        updates = server.run_asynchronously(batches_of(data, 40, num_epochs=15))
    assert len(updates) == 150 == server.num_steps
    assert {update.worker for update in updates} == {0, 1}
    assert max(update.staleness for update in updates) >= 1  # the price of not waiting
    # of the network itself: the loss of an update is as old as the weights that a slow worker began with
    before, after = (float(cross_entropy(each(Tensor(data[0])), Tensor(data[1])).data) for each in (make_net(), net))
    assert after < 0.25 * before
    assert evaluate_accuracy(net, *data) > 0.92  # how the workers take turns is the machine's: 0.95 was seen


def test_a_killed_worker_is_named_at_once(data):
    began = time.monotonic()
    with serve(data) as server:
        processes = server.processes
        server.step(np.arange(20))
        processes[1].kill()
        with pytest.raises(WorkerError, match=r"^worker 1 \(process \d+\): was killed by signal 9$"):
            server.step(np.arange(20))
    assert time.monotonic() - began < 20  # and not the timeout of 30
    assert all(is_gone(process) for process in processes)


def test_a_killed_worker_is_named_in_asynchronous_work_too(data):
    def batches(server):
        for number, chosen in enumerate(batches_of(data, 20, num_epochs=50)):
            if number == 3:
                server.processes[0].kill()
            yield chosen

    with serve(data) as server, pytest.raises(WorkerError, match=r"^worker 0 .* killed by signal 9"):
        server.run_asynchronously(batches(server))


def test_a_stuck_worker_is_named_when_its_time_is_up(data):
    with serve(data) as server:
        processes = server.processes
        server.timeout_s = server._pool.timeout_s = 1.0
        processes[0].send_signal(signal.SIGSTOP)
        with pytest.raises(WorkerError, match=r"^worker 0 .*: no answer within 1 s$"):
            server.step(np.arange(20))
        processes[0].send_signal(signal.SIGCONT)
    assert all(is_gone(process) for process in processes)


def test_workers_are_killed_when_the_work_fails(data):
    server = serve(data).__enter__()
    processes = server.processes
    processes[0].send_signal(signal.SIGSTOP)  # would not notice a closed connection
    server.__exit__(KeyboardInterrupt, None, None)
    assert all(is_gone(process) for process in processes)


def test_an_error_in_a_worker_comes_back_as_its_words(data):
    with serve(data) as server, pytest.raises(WorkerError, match=r"worker 1 .*IndexError: .*out of bounds"):
        server.step(np.array([0, 1, 10_001, 10_002]))


def test_a_worker_that_cannot_start_is_named(data, monkeypatch):
    monkeypatch.setattr(worker_pool.sys, "executable", "/bin/false")
    with pytest.raises(WorkerError, match=r"worker [01] .*: no connection; it ended with code 1"), serve(data):
        pass


def test_strangers_are_turned_away(data, monkeypatch):
    """Who calls without the token, or with nonsense, is not taken for a worker; the real ones still get in."""
    welcome, strangers = worker_pool.WorkerPool._welcome, []

    def intruded(self, listener, token):
        for number in range(2):
            stranger = socket.create_connection(listener.getsockname(), timeout=5)
            strangers.append(stranger)
            if number:
                messages.send(stranger, "hello", number=0, token="guessed")
            else:
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        welcome(self, listener, token)

    monkeypatch.setattr(worker_pool.WorkerPool, "_welcome", intruded)
    with serve(data) as server:
        assert np.isfinite(server.step(np.arange(10)))
    for stranger in strangers:
        with pytest.raises(messages.Closed):
            messages.receive(stranger, 5)
        stranger.close()


def test_refusals(data):
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        serve(data, cluster=Cluster(num_workers=0))
    with pytest.raises(ValueError, match="num_devices must be at least 1, got 0"):
        serve(data, cluster=Cluster(num_devices=0))
    with pytest.raises(ValueError, match=r"got \(400, 1, 8, 8\) and \(399,\)"):
        serve((data[0], data[1][:-1]))

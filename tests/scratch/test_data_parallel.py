"""Data parallel and pipeline: whatever the number of devices, the step is that of one device."""

import numpy as np
import pytest

from fathom.scratch.devices.collective import naive_all_reduce, ring_all_reduce
from fathom.scratch.devices.data_parallel import data_parallel_step, gradient_of, replicate, split_batch
from fathom.scratch.devices.mesh import Mesh
from fathom.scratch.devices.pipeline import pipeline_step, schedule, split_stages, waiting_share
from fathom.scratch.engine.creation import manual_seed
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.learning.loops import train_step
from fathom.scratch.learning.losses import cross_entropy
from fathom.scratch.learning.optimizers import SGD, Adam
from fathom.scratch.networks import create


def make_net(name="lenet", shape=(1, 12, 12), **options):
    manual_seed(0)
    return create(name, input_shape=shape, num_classes=4, **options).double()


@pytest.fixture(scope="module")
def batch():
    generator = np.random.default_rng(0)
    return generator.standard_normal((10, 1, 12, 12)), generator.integers(0, 4, 10)


def same_weights(one, other):
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("all_reduce", [naive_all_reduce, ring_all_reduce])
@pytest.mark.parametrize("num_devices", [1, 2, 3, 4])
def test_data_parallel_steps_equal_those_of_one_device(batch, num_devices, all_reduce):
    X, y = batch  # 10 samples: for 3 and 4 devices the shards are unequal
    single = make_net()
    optimizer = Adam(single.parameters(), lr=0.01)
    replicas = replicate(make_net(), num_devices)
    optimizers = [Adam(replica.parameters(), lr=0.01) for replica in replicas]
    for _ in range(3):
        expected = train_step(single, optimizer, cross_entropy, X, y)
        loss = data_parallel_step(replicas, optimizers, X, y, cross_entropy, all_reduce)
        assert loss == pytest.approx(expected, rel=1e-12)
    for replica in replicas:
        same_weights(replica, single)
        for a, b in zip(replica.parameters(), replicas[0].parameters(), strict=True):
            assert a.data.tobytes() == b.data.tobytes()


def test_replicas_share_nothing():
    net = make_net()
    replica, other = replicate(net, 2)
    next(replica.parameters()).data[...] = 0
    assert next(net.parameters()).data.any()
    assert next(other.parameters()).data.any()


@pytest.mark.parametrize("num_micro_batches", [1, 3, 10])
@pytest.mark.parametrize("cut", [2, 7])
def test_pipeline_gradients_equal_those_of_one_device(batch, num_micro_batches, cut):
    X, y = batch
    single, cut_up = make_net(), make_net()
    cross_entropy(single(Tensor(X)), Tensor(y)).backward()
    first, second = split_stages(cut_up, cut)
    loss = pipeline_step(first, second, X, y, cross_entropy, num_micro_batches)
    assert loss == pytest.approx(cross_entropy(single(Tensor(X)), Tensor(y)).item(), rel=1e-12)
    for a, b in zip(single.parameters(), cut_up.parameters(), strict=True):
        np.testing.assert_allclose(gradient_of(b), gradient_of(a), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("all_reduce", [naive_all_reduce, ring_all_reduce])
@pytest.mark.parametrize(("num_rows", "cut", "num_micro_batches"), [(1, 2, 3), (2, 7, 2), (3, 4, 1), (4, 7, 2)])
def test_a_mesh_steps_as_one_device(batch, num_rows, cut, num_micro_batches, all_reduce):
    X, y = batch  # 10 samples: in 3 and 4 rows the shards are unequal
    single, start = make_net(), make_net()
    optimizer = SGD(single.parameters(), lr=0.1, momentum=0.9)
    mesh = Mesh(
        start,
        num_rows,
        cut,
        lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
        num_micro_batches=num_micro_batches,
        all_reduce=all_reduce,
    )
    for _ in range(3):
        expected = train_step(single, optimizer, cross_entropy, X, y)
        assert mesh.step(X, y, cross_entropy).loss == pytest.approx(expected, rel=1e-12)
    for row in mesh.rows:
        same_weights(row, single)
        for a, b in zip(row.parameters(), mesh.rows[0].parameters(), strict=True):
            assert a.data.tobytes() == b.data.tobytes()
    same_weights(start, make_net())  # the network that was copied stayed as it was


def test_a_column_sends_the_gradients_of_its_own_layers(batch):
    mesh = Mesh(make_net(), 2, 7, lambda parameters: SGD(parameters, lr=0.1))
    sent = mesh.step(*batch, cross_entropy).sent
    for column, stage in enumerate(mesh.stages[0]):
        # 2 (D − 1)/D of the numbers from each of D = 2 devices
        assert sum(sent[column]) == 2 * sum(p.data.size for p in stage.parameters())
    with pytest.raises(ValueError, match="num_devices must be at least 1"):
        Mesh(make_net(), 0, 7, lambda parameters: SGD(parameters, lr=0.1))
    with pytest.raises(ValueError, match="cut must be from 1"):
        Mesh(make_net(), 2, 0, lambda parameters: SGD(parameters, lr=0.1))


@pytest.mark.parametrize("m", [1, 2, 5])
def test_schedule_of_the_pipeline(m):
    plan = schedule(m)
    assert len(plan) == 4 * m
    assert len({(work.tick, work.device) for work in plan}) == len(plan)  # one thing at a time
    when = {(work.device, work.backward, work.micro_batch): work.tick for work in plan}
    for i in range(m):
        ticks = [when[0, False, i], when[1, False, i], when[1, True, i], when[0, True, i]]
        assert ticks == sorted(set(ticks))
    assert waiting_share(plan) == pytest.approx(1 / (m + 1))


def test_refusals(batch):
    X, y = batch
    with pytest.raises(ValueError, match="num_devices must be at least 1, got 0"):
        replicate(make_net(), 0)
    with pytest.raises(ValueError, match=r"10 samples \(shape \(10, 1, 12, 12\)\) for 11 devices"):
        split_batch(X, 11)
    with pytest.raises(ValueError, match="cut must be from 1 to 11, got 12"):
        split_stages(make_net(), 12)
    with pytest.raises(ValueError, match="num_micro_batches must be at least 1, got 0"):
        schedule(0)
    unused = [make_net()]
    with pytest.raises(ValueError, match=r"shape \(6, 1, 5, 5\) has no gradient"):
        data_parallel_step(
            unused, [SGD(unused[0].parameters(), 0.1)], X, y, lambda logits, labels: Tensor(1.0, requires_grad=True)
        )

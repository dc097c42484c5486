"""Batches read from files by worker processes: the order and augmentation of memory, errors as one line, clean ends."""

import gc
import multiprocessing
import os
import signal
import time
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.data.loaders.files import FileLoader, explain_dead_worker
from fathom.data.loaders.memory import MemoryLoader
from fathom.data.loaders.workers import default_workers
from fathom.errors import FathomError, UsageError

N, SIZE = 50, 8
X = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (N, 3, 12, 12), dtype=np.uint8))
Y = torch.arange(N) % 7


class Images(Dataset):
    """As a folder of images: one sample at a time."""

    def __init__(self, broken=(), error=FathomError):
        self.broken, self.error = broken, error

    def __len__(self):
        return N

    def __getitem__(self, index):
        if index in self.broken:
            raise self.error(f"image {index} is damaged")
        return X[index], int(Y[index])


def make_loader(dataset=None, **options):
    return FileLoader(
        Images() if dataset is None else dataset, SIZE, **{"shuffle": True, "seed": 5, "workers": 0} | options
    )


def read(loader):
    return [(X.clone(), y.clone()) for X, y in loader]


def assert_same(batches, others):
    assert len(batches) == len(others)
    for (X1, y1), (X2, y2) in zip(batches, others, strict=True):
        assert torch.equal(X1, X2)
        assert torch.equal(y1, y2)


@pytest.fixture(autouse=True)
def no_worker_survives():
    yield
    gc.collect()
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_order_and_augmentation_are_those_of_memory(workers):
    augment = make_augmentation("flip,crop:padding=2")
    files = make_loader(workers=workers, augment=augment)
    memory = MemoryLoader(X, Y, SIZE, shuffle=True, seed=5, augment=augment)
    assert len(files) == len(memory) == 7
    for _ in range(2):  # the second pass is the next epoch's, from the same workers
        assert_same(read(files), read(memory))
    files.seek(9, 3)
    memory.seek(9, 3)
    assert_same(read(files), read(memory))
    files.close()


def test_without_shuffling_the_order_is_the_stored_one():
    batches = read(make_loader(shuffle=False))
    assert torch.equal(torch.cat([y for _, y in batches]), Y)
    assert [len(y) for _, y in batches] == [8, 8, 8, 8, 8, 8, 2]


def test_an_abandoned_pass_does_not_disturb_the_next():
    expected = make_loader()
    expected.seek(3, 0)
    loader = make_loader(workers=2)
    next(iter(loader))
    loader.seek(3, 0)
    assert_same(read(loader), read(expected))
    loader.close()


def test_reading_draws_nothing_from_the_run_s_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    loader = make_loader(workers=2)
    read(loader)
    loader.close()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_refused_image_is_the_refusal_alone(workers):
    loader = make_loader(Images(broken={20, 33}), workers=workers, shuffle=False)
    passed = []
    with pytest.raises(FathomError) as caught:
        passed.extend(y for _, y in loader)
    assert str(caught.value) == "image 20 is damaged"
    assert len(passed) == 2  # the batches before it arrived


def test_after_a_refusal_the_loader_can_be_used_again():
    dataset = Images(broken={20})
    loader = make_loader(dataset, workers=1)
    with pytest.raises(FathomError, match="image 20 is damaged"):
        read(loader)
    dataset.broken = set()
    loader.seek(0, 0)
    expected = make_loader()
    assert_same(read(loader), read(expected))
    loader.close()


def test_another_error_keeps_its_kind():
    loader = make_loader(Images(broken={20}, error=ZeroDivisionError), workers=1)
    with pytest.raises(ZeroDivisionError):
        read(loader)


def test_closing_ends_the_workers_at_once():
    loader = make_loader(workers=2)
    next(iter(loader))
    assert len(multiprocessing.active_children()) == 2
    loader.close()
    assert multiprocessing.active_children() == []
    loader.close()  # once more does no harm


def test_a_loader_that_is_forgotten_ends_its_workers():
    loader = make_loader(workers=2)
    read(loader)
    assert len(multiprocessing.active_children()) == 2
    del loader  # the fixture looks for what is left


def test_workers_are_no_more_than_batches():
    loader = make_loader(workers=100)
    read(loader)
    assert len(multiprocessing.active_children()) == len(loader)
    loader.close()


def test_many_workers_are_taken_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader = make_loader(workers=7)
        read(loader)
        loader.close()


@pytest.mark.skipif(not hasattr(os, "setpgid"), reason="needs process groups")
def test_a_signal_to_the_group_does_not_reach_the_workers():
    loader = make_loader(workers=2)
    read(loader)  # after which both have begun
    batches = iter(loader)
    next(batches)
    groups = {os.getpgid(child.pid) for child in multiprocessing.active_children()}
    assert os.getpgid(0) not in groups
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGINT)
        assert len(list(batches)) == 6
    finally:
        signal.signal(signal.SIGINT, old)
    loader.close()


# torch is told of the death in the midst of anything, also of opening a file of its own
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_killed_worker_is_told():
    loader = make_loader(workers=1)
    batches = iter(loader)
    next(batches)
    (child,) = multiprocessing.active_children()

    def kill_and_read():
        os.kill(child.pid, signal.SIGKILL)
        list(batches)

    with pytest.raises((FathomError, RuntimeError)) as caught:  # the latter where torch's own signal comes first
        kill_and_read()
    line = str(explain_dead_worker(caught.value) or caught.value)
    assert line == "a process that reads images was killed (was the machine short of memory?); try fewer --workers"
    loader.close()


def test_only_a_worker_s_death_is_taken_for_one():
    assert explain_dead_worker(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    bus = RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. … might be out of shared memory")
    assert "shared memory is short" in str(explain_dead_worker(bus))


def test_another_device_gets_a_loader_of_its_own():
    loader = make_loader(workers=1)
    next(iter(loader))
    loader.to(torch.device("meta"))  # stands for an accelerator, whose batches are pinned
    assert multiprocessing.active_children() == []
    assert loader.device.type == "meta"


def test_an_empty_set_and_an_empty_batch_are_refused():
    class Nothing(Images):
        def __len__(self):
            return 0

    with pytest.raises(UsageError, match="no samples"):
        make_loader(Nothing())
    with pytest.raises(UsageError, match="batch size must be at least 1"):
        FileLoader(Images(), 0)


def test_there_is_a_worker_per_core():
    assert 1 <= default_workers() <= 8

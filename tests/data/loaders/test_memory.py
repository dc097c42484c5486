"""The in-memory loader against naive indexing, and its promise that order is a pure function of (seed, epoch)."""

import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.loaders import memory
from fathom.data.loaders.memory import MemoryLoader
from fathom.data.loaders.order import Order, mix
from fathom.errors import UsageError


def numbered(n: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Examples whose every value is their own number."""
    y = torch.arange(n)
    return y.view(-1, *[1] * len(shape)).expand(n, *shape).contiguous().to(torch.float32), y


def orders(loader: MemoryLoader) -> list[list[int]]:
    return [y.tolist() for _, y in loader]


def add_noise(X: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return X + torch.rand(X.shape, generator=generator)


@settings(deadline=None, max_examples=150)
@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 45),
    shape=st.lists(st.integers(0, 4), max_size=3),
    chunk_bytes=st.integers(1, 2000),
    shuffle=st.booleans(),
    data=st.data(),
)
def test_chunked_gather_equals_naive_indexing(n, batch_size, shape, chunk_bytes, shuffle, data):
    X, y = torch.arange(n * torch.Size(shape).numel()).view(n, *shape), torch.arange(2 * n).view(n, 2)
    index = None
    if data.draw(st.booleans(), "with an index"):
        index = torch.tensor(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=2 * n), "index"))
    epoch = data.draw(st.integers(0, 3), "epoch")
    loader = MemoryLoader(X, y, batch_size, shuffle=shuffle, seed=7, index=index)
    first = data.draw(st.integers(0, len(loader)), "first")

    rows = torch.arange(n) if index is None else index
    if shuffle:
        rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(mix(7, epoch)))]
    expected = [(X[part], y[part]) for part in rows.split(batch_size)][first:]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_CHUNK_BYTES", chunk_bytes)
        loader.seek(epoch, first)
        batches = list(loader)
    assert len(loader) == -(-len(rows) // batch_size)
    assert len(batches) == len(expected)
    for (X_part, y_part), (X_naive, y_naive) in zip(batches, expected, strict=True):
        assert X_part.shape == X_naive.shape
        assert torch.equal(X_part, X_naive)
        assert torch.equal(y_part, y_naive)


def test_order_is_a_pure_function_of_seed_and_epoch():
    X, y = numbered(50, 2)
    loader = MemoryLoader(X, y, 8, shuffle=True, seed=3)
    first, second = orders(loader), orders(loader)
    assert sorted(number for batch in first for number in batch) == list(range(50))
    assert first != second

    torch.manual_seed(99)  # nothing global matters
    other = MemoryLoader(X, y, 8, shuffle=True, seed=3)
    other.seek(1)
    assert orders(other) == second
    other.seek(0)
    assert orders(other) == first
    assert orders(MemoryLoader(X, y, 8, shuffle=True, seed=4)) != first


@pytest.mark.parametrize("epoch", [0, 5])
def test_seek_gives_exactly_the_tail(epoch):
    X, y = numbered(50, 1, 3, 3)
    loader = MemoryLoader(X, y, 7, shuffle=True, seed=1, augment=add_noise)
    loader.seek(epoch)
    whole = [(part.clone(), labels) for part, labels in loader]
    for first in range(len(loader) + 1):
        loader.seek(epoch, first)
        tail = list(loader)
        assert len(tail) == len(whole) - first
        assert all(torch.equal(a, b) and torch.equal(s, t) for (a, s), (b, t) in zip(tail, whole[first:], strict=True))


def test_the_place_is_taken_when_the_pass_begins():
    loader = MemoryLoader(*numbered(20, 1), 5, shuffle=True)
    loader.seek(4)
    fourth = orders(loader)
    loader.seek(4)
    begun = iter(loader)
    loader.seek(0)
    assert [y.tolist() for _, y in begun] == fourth


def test_augmentation_depends_on_seed_epoch_and_batch_alone():
    X, y = torch.zeros(12, 1, 2, 2), torch.arange(12)

    def noise(seed, epoch):
        loader = MemoryLoader(X, y, 4, seed=seed, augment=add_noise)
        loader.seek(epoch)
        return [part for part, _ in loader]

    before = torch.get_rng_state()
    first = noise(0, 0)
    assert torch.equal(torch.get_rng_state(), before)  # the global generator is not drawn from

    torch.manual_seed(12345)
    again = noise(0, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    distinct = [*first, *noise(0, 1), *noise(1, 0)]
    assert all(not torch.equal(a, b) for i, a in enumerate(distinct) for b in distinct[:i])


def test_a_subset_is_never_copied():
    X, y = numbered(1000, 1, 4, 4)
    index = torch.arange(0, 1000, 2)
    loader = MemoryLoader(X, y, 100, index=index, shuffle=True).to(torch.device("cpu"))
    assert loader.X.data_ptr() == X.data_ptr()
    assert loader.y.data_ptr() == y.data_ptr()
    assert loader.index is not None
    assert loader.index.data_ptr() == index.data_ptr()
    whole = MemoryLoader(X, y, 100)
    assert next(iter(whole))[0].data_ptr() == X.data_ptr()  # stored order: a view


def test_work_is_per_chunk_not_per_sample():
    """Twenty times the samples in as many batches: the same Python, to a few calls."""

    def count_calls(batch_size: int) -> int:
        X, y = torch.zeros(20 * batch_size, 2), torch.zeros(20 * batch_size)
        loader = MemoryLoader(X, y, batch_size, shuffle=True)
        calls = 0

        def profile(frame, event, arg):
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            for _ in loader:
                pass
        finally:
            sys.setprofile(None)
        return calls

    assert count_calls(100) <= count_calls(5) + 10


def test_a_set_that_is_not_contiguous_is_not_copied_either():
    X = torch.arange(6 * 4 * 5 * 3).view(6, 4, 5, 3).permute(0, 3, 1, 2)  # as a channels-last array arrives
    loader = MemoryLoader(X, torch.arange(6), 2)
    X_part, _ = next(iter(loader))
    assert X_part.data_ptr() == X.data_ptr()
    assert torch.equal(X_part, X[:2])
    shuffled = MemoryLoader(X, torch.arange(6), 4, shuffle=True)
    for part, numbers in shuffled:
        assert torch.equal(part, X[numbers])


def test_wrong_use_is_refused():
    X, y = numbered(5, 2)
    with pytest.raises(UsageError, match="batch size must be at least 1"):
        MemoryLoader(X, y, 0)
    with pytest.raises(UsageError, match="no samples"):
        MemoryLoader(X, y, 2, index=torch.tensor([], dtype=torch.int64))
    with pytest.raises(UsageError, match="5 samples but 4 labels"):
        MemoryLoader(X, y[:4], 2)


def test_mix_separates_neighbours():
    seeds = {mix(a, b, c) for a in range(12) for b in range(12) for c in range(12)}
    assert len(seeds) == 12**3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix(1, 2) != mix(2, 1)
    bits = [bin(mix(0, i) ^ mix(0, i + 1)).count("1") for i in range(500)]
    assert 28 < sum(bits) / len(bits) < 35  # about half of 63 bits turn over


def test_order_without_shuffling_is_the_stored_one():
    order = Order(3, 2, shuffle=False, seed=0)
    assert order.start_pass() == (0, 0, None)
    assert order.start_pass() == (1, 0, None)

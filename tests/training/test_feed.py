"""The loop's view of a loader: place, count, device, and going back to a place."""

import random

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from fathom.data.loaders.memory import MemoryLoader
from fathom.errors import FathomError
from fathom.training import feed as feed_module
from fathom.training.feed import Feed
from fathom.training.random_state import random_state, restore_random_state

CPU = torch.device("cpu")


def numbered(n: int = 20) -> TensorDataset:
    return TensorDataset(torch.arange(n).float().view(-1, 1), torch.arange(n))


def labels(batches) -> list[list[int]]:
    return [batch[1].tolist() for batch, _, _ in batches]


@pytest.fixture
def accelerator(monkeypatch) -> torch.device:
    """Stands in for a device with a memory of its own; it holds shapes, no values."""
    monkeypatch.setattr(feed_module, "random_state", lambda device: {})
    return torch.device("meta")


class Shuffled:
    """A loader as one writes it: Python's generator shuffles, torch's adds noise to each batch."""

    def __len__(self):
        return 5

    def __iter__(self):
        order = list(range(20))
        random.shuffle(order)
        for i in range(0, 20, 4):
            yield torch.rand(4), torch.tensor(order[i : i + 4])


def test_counts_by_the_last_part():
    feed = Feed([(torch.zeros(5, 2), torch.zeros(3)), torch.zeros(4), {"a": [1], "b": torch.zeros(7)}, ([1, 2], {})])
    assert [count for _, count, _ in feed.batches()] == [3, 4, 7, 0]


def test_limit_and_length():
    loader = DataLoader(numbered(), batch_size=4)
    feed = Feed(loader, limit=2)
    assert len(feed) == 2
    assert labels(feed.batches()) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert labels(feed.batches(0, 1)) == [[4, 5, 6, 7]]
    assert labels(feed.batches(0, 2)) == []
    assert len(Feed(loader, limit=99)) == 5


@pytest.mark.parametrize("make_loader", [Shuffled, lambda: DataLoader(numbered(), batch_size=4, shuffle=True)])
def test_a_loader_that_cannot_seek_finds_its_place_again(make_loader):
    torch.manual_seed(0)
    random.seed(0)
    feed = Feed(make_loader())
    labels(feed.batches(0))
    pass_under_way = feed.batches(1)
    begun = [next(pass_under_way) for _ in range(2)]
    state, generators = feed.state_dict(), random_state(CPU)
    rest = [(X.tolist(), y.tolist()) for (X, y), _, _ in pass_under_way]
    after = random_state(CPU)

    torch.manual_seed(77)
    random.seed(77)
    resumed = Feed(make_loader())
    resumed.load_state_dict(state)
    restore_random_state(generators, CPU)
    assert [(X.tolist(), y.tolist()) for (X, y), _, _ in resumed.batches(1, 2)] == rest
    assert torch.equal(torch.get_rng_state(), after["torch"])
    assert random.getstate() == after["python"]
    assert len(begun) + len(rest) == 5


def test_looking_at_an_example_costs_the_first_pass_nothing():
    torch.manual_seed(0)
    random.seed(0)
    plain = [y.tolist() for _, y in Shuffled()]
    torch.manual_seed(0)
    random.seed(0)
    feed = Feed(Shuffled())
    assert feed.batch_size is None
    assert feed.example_input().shape == (1,)
    assert feed.batch_size == 4
    assert labels(feed.batches()) == plain
    assert labels(feed.batches(1)) != plain


def test_looking_at_an_example_of_a_loader_that_seeks_leaves_no_trace():
    loader = MemoryLoader(torch.zeros(9, 3), torch.arange(9), 4, shuffle=True, augment=lambda X, g: X + torch.rand(1))
    feed, before = Feed(loader), torch.get_rng_state()
    assert feed.example_input().shape == (1, 3)
    assert torch.equal(torch.get_rng_state(), before)
    first = labels(feed.batches(0))
    assert labels(feed.batches(0)) == first
    assert labels(feed.batches(1)) != first


@pytest.mark.parametrize(
    "make_loader", [Shuffled, lambda: MemoryLoader(torch.zeros(20, 1), torch.arange(20), 4, shuffle=True)]
)
def test_repeat_gives_the_first_batches_forever_also_when_resumed(make_loader):
    torch.manual_seed(0)
    random.seed(0)
    feed = Feed(make_loader(), limit=2, repeat=True)
    first = [X.tolist() for (X, _), _, _ in feed.batches(0)], labels(feed.batches(0))
    assert len(first[1]) == 2
    assert labels(feed.batches(3)) == first[1]
    assert labels(feed.batches(3, 1)) == first[1][1:]
    random.seed(5)
    resumed = Feed(make_loader(), limit=2, repeat=True)
    resumed.load_state_dict(feed.state_dict())
    before = torch.get_rng_state()
    assert [X.tolist() for (X, _), _, _ in resumed.batches(2)] == first[0]
    assert labels(resumed.batches(2)) == first[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_one_batch_is_always_on_its_way_to_another_device(accelerator):
    """On an accelerator the next copy is asked for before this batch is worked on."""
    asked = []

    class Spied(list):
        def __iter__(self):
            for item in list.__iter__(self):
                asked.append(int(item[1][0]))
                yield item

    batches = [(torch.full((2,), i), torch.full((2,), i)) for i in range(4)]
    feed = Feed(Spied(batches))
    feed.to(accelerator)
    seen = []
    for batch, count, _ in feed.batches(0, 1):
        seen.append((batch[0].device.type, batch[1].device.type, count, asked[-1]))
    assert seen == [("meta", "meta", 2, 2), ("meta", "meta", 2, 3), ("meta", "meta", 2, 3)]
    assert list(Feed([]).batches()) == []
    empty = Feed([])
    empty.to(accelerator)
    assert list(empty.batches()) == []


def test_nested_batches_are_moved_whole(accelerator):
    feed = Feed([{"x": [torch.zeros(2), (torch.zeros(2), "name")], "n": 3, "y": torch.zeros(2)}])
    feed.to(accelerator)
    ((batch, count, _),) = feed.batches()
    assert count == 2
    assert batch["x"][0].device.type == batch["x"][1][0].device.type == batch["y"].device.type == "meta"
    assert (batch["x"][1][1], batch["n"]) == ("name", 3)


def test_no_example_is_an_error():
    with pytest.raises(FathomError, match="gave no batch"):
        Feed([]).example_input()

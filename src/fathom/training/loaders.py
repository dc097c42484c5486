"""Loaders as a user gives them: one for training, one for validation, with a length or without."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError, UsageError
from fathom.training.random_state import kept_random_state, random_state, restore_random_state

_SEARCH_S = 10.0  # to find the sample at which a data set fails; longer nobody waits for an error


class Loaders:
    """Loaders in the form of a data module."""

    def __init__(self, train: Iterable[Any], val: Iterable[Any] | None = None) -> None:
        self.train, self.val = train, val

    def train_dataloader(self) -> Iterable[Any]:
        """Return the batches to learn from."""
        return self.train

    def val_dataloader(self) -> Iterable[Any] | None:
        """Return the batches to evaluate on, if there are any."""
        return self.val

    def test_dataloader(self) -> Iterable[Any]:
        """Return the batches given."""
        return self.train


def as_data(data: Any, val: Any = None) -> Any:
    """Return a data module as it is, and loaders as one.

    Raises:  UsageError for what gives no batches, with what to do
    """
    if hasattr(data, "train_dataloader"):  # duck-typed: Lightning's data modules count too
        if val is not None:
            raise UsageError("the data module has its own validation batches; leave the second loader out")
        return data
    check_loader(data)
    if val is not None:
        check_loader(val)
    return Loaders(data, val)


def count_samples(batch: Any) -> int:
    """Count by the last part: in (X, y) the targets."""
    while isinstance(batch, (tuple, list, dict)) and batch:
        # dictionaries keep their order
        batch = batch[-1] if not isinstance(batch, dict) else next(reversed(batch.values()))
    return len(batch)


def check_loader(loader: Any) -> None:
    """Refuse what gives no batches.

    Raises:  UsageError
    """
    kind = type(loader).__name__
    if isinstance(loader, torch.utils.data.Dataset):  # a Dataset can be iterated, so the check below would pass it
        raise UsageError(f"a {kind} gives samples, not batches; wrap it: DataLoader(dataset, batch_size=32)")
    # a list of tensors may be batches
    is_sample = isinstance(loader, tuple) and loader and all(isinstance(part, Tensor) for part in loader)
    # arrays and frames iterate over rows or column names, not batches
    if is_sample or isinstance(loader, Tensor) or type(loader).__module__.partition(".")[0] in ("numpy", "pandas"):
        raise UsageError(
            f"a {kind} gives no batches; wrap it: DataLoader(TensorDataset(X, y), batch_size=32), or fathom.train(…)"
        )
    if isinstance(loader, (str, dict)) or not hasattr(loader, "__iter__"):
        raise UsageError(
            f"a {kind} has no train_dataloader and gives no batches; give a DataModule, such as Digits(), or a loader"
        )


def count_batches(loader: Any) -> int | None:
    """Return the length of a loader; None where it has none, as over an IterableDataset.

    Raises:  FathomError if there is no batch
    """
    try:
        number = len(loader)  # a DataLoader over an IterableDataset has __len__, which raises TypeError
    except TypeError:
        return None
    if number == 0:
        raise FathomError("the training loader has no batch: fewer samples than one batch, or none at all")
    return number


class Stream:
    """Passes over a loader one after another, cut into epochs of ``steps`` batches each."""

    def __init__(self, loader: Any, steps: int, device: torch.device) -> None:
        self.loader, self.steps, self.device = loader, steps, device
        self._source: Iterator[Any] | None = None  # the pass under way
        self._began_at = 0  # number of its first batch, counted in the epoch under way
        self._began_with: dict[str, Any] | None = None  # random state before it

    def open(self, first: int) -> Iterator[Any]:
        """Yield the batches of the epoch under way from number ``first`` on."""
        if self._source is None:
            self._source = self._resume(first)
        for number in range(first, self.steps):
            batch = next(self._source, None)  # None marks the end: no loader gives None as a batch
            if batch is None:
                # the pass ended within the epoch: begin the next one
                self._began_at, self._began_with = number, random_state(self.device)
                self._source = guarded(iter(self.loader), self.loader)
                batch = next(self._source, None)
            if batch is None:  # still none: an iterator, which is used up for good
                raise FathomError(
                    f"the training loader ended after {number} of {self.steps} batches and cannot be iterated again; "
                    "lower steps_per_epoch or max_epochs"
                )
            yield batch
        self._began_at -= self.steps  # counted from the next epoch on, hence at most 0

    def _resume(self, first: int) -> Iterator[Any]:
        """Begin the first pass, or go to where a saved one was."""
        if self._began_with is None:  # a new run, or a checkpoint of before the first batch
            self._began_at, self._began_with = first, random_state(self.device)
            return guarded(iter(self.loader), self.loader)
        # the shuffle must be drawn as before, and then what the steps drew since must stand
        with kept_random_state(self.device):
            restore_random_state(self._began_with, self.device)
            source = guarded(iter(self.loader), self.loader)
            # read and passed over: a loader without length cannot skip
            for _ in itertools.islice(source, first - self._began_at):
                pass
        return source

    def state_dict(self) -> dict[str, Any]:
        """Return where the pass under way began, and with which random state."""
        return {"began_at": self._began_at, "began_with": self._began_with}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it up; the pass is opened anew."""
        self._source, self._began_at, self._began_with = None, int(state["began_at"]), state["began_with"]


def guarded(source: Iterator[Any], loader: Any) -> Iterator[Any]:
    """Pass batches on; where reading fails, name the sample.

    Raises:  FathomError
    """
    while True:
        try:
            batch = next(source)
        except StopIteration:
            return
        except FathomError:  # it says already what is wrong and where
            raise
        except Exception as error:
            raise FathomError(_describe_failure(loader, error)) from error
        yield batch


def _describe_failure(loader: Any, error: Exception) -> str:
    dataset: Any = getattr(loader, "dataset", None)
    # the last line: worker errors carry a whole traceback before it
    what = f"{type(error).__name__}: {str(error).strip().splitlines()[-1] if str(error).strip() else 'no message'}"
    # an IterableDataset has no sample to name
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        return f"the loader cannot give a batch ({what})"
    began = time.monotonic()
    first: Any = None  # read again one by one: the loader does not say which sample it was
    for index in range(len(dataset)):
        try:
            sample = dataset[index]
        except Exception as cause:
            return (
                f"sample {_own_number(dataset, index)} of the data set cannot be read ({type(cause).__name__}: {cause})"
            )
        form = _form(sample)
        if first is None:
            first = form
        elif form != first:
            number = _own_number(dataset, index)
            # one that cannot be stacked with the others makes the collate function fail
            return f"sample {number} of the data set is {form}, and others are {first}: they make no batch"
        if time.monotonic() - began > _SEARCH_S:
            break
    return f"the loader cannot make a batch of samples ({what})"


def _own_number(dataset: Any, index: int) -> int:
    """Return a sample's number in the data set that a user made, of which this may be a part."""
    while isinstance(dataset, torch.utils.data.Subset):  # a Subset may be one of a Subset
        index, dataset = int(dataset.indices[index]), dataset.dataset
    return index


def _form(sample: Any) -> str:
    if isinstance(sample, (tuple, list)):
        return f"a {type(sample).__name__} of {len(sample)} ({', '.join(map(_form, sample))})"
    if isinstance(sample, dict):
        return f"a dict of {', '.join(map(str, sample))}"
    shape = getattr(sample, "shape", None)
    return type(sample).__name__ + (f" {tuple(shape)}" if shape is not None and len(shape) else "")

"""DataLoaders: how long they make the training wait, what they yield, and whether a second pass yields the same."""

from __future__ import annotations

import random
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, SequentialSampler, Subset
from torch.utils.data import dataloader as loading

from fathom.doctor.observer.networks.evaluations import LEAST_ROWS, are_near, rows_of
from fathom.doctor.observer.networks.probes import kept_random_state
from fathom.doctor.observer.part import Part
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import LoaderRecord, RootRecord
from fathom.doctor.observer.sampling import FIRST_STEPS
from fathom.doctor.observer.statistics import all_tensors, digest, first_tensor

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer

MOST_DIGESTS = 4000  # samples of a loader whose digests are compared with those of others
LEAST_VALUES = 8  # of a sample, before it counts as the same as another one
_SEEDING = {"np", "numpy", "random", "torch", "seed", "manual_seed"}
MOST_KEPT = 1000  # samples of a first pass that those of a second one are compared with
MOST_BYTES = 50_000_000  # of a loader's samples that are digested


class _Pass:
    """One pass over a loader."""

    def __init__(self, record: LoaderRecord) -> None:
        self.record = record
        self.batches = self.backwards = 0
        self.calls_in_training_mode = self.calls = 0
        self.roots: set[int] = set()


class Loaders(Part):
    """Follows the iteration of DataLoaders."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self._known: weakref.WeakKeyDictionary[Any, LoaderRecord] = weakref.WeakKeyDictionary()
        self._passes: weakref.WeakKeyDictionary[Any, _Pass] = weakref.WeakKeyDictionary()
        self._current: _Pass | None = None
        self._made: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._batch_addresses: list[int] = []
        self.last_batch: Any = None  # of the pass under way
        self._bytes = 0
        self._rows: dict[int, list[Tensor]] = {}  # of the first pass, by the loader's record

    def install(self) -> list[Any]:
        wrap = self.observer.patches.wrap
        wrap(DataLoader, "__init__", self._loader_made)
        wrap(DataLoader, "__iter__", self._begun)
        wrap(loading._BaseDataLoaderIter, "__next__", self._next)
        return []

    def is_batch(self, tensor: Tensor) -> bool:
        """Whether a tensor is one that a loader yielded of late, so that its first dimension is the batch."""
        return not tensor.is_sparse and tensor.untyped_storage().data_ptr() in self._batch_addresses

    @property
    def batch_size(self) -> int | None:
        """Samples in a batch of the pass under way, as its loader was made for; None between passes."""
        return None if self._current is None else self._current.record.batch_size

    def epochs_begun(self) -> int:
        """Return how many passes over the loader that is trained on have begun."""
        return max((record.passes for record in self.record.loaders if record.is_training), default=0)

    def backward_called(self) -> None:
        """Note that what the current pass yields is learned from."""
        if self._current is not None:
            self._current.backwards += 1
            self._current.record.is_training = True

    def called(self, in_training_mode: bool, root: RootRecord) -> None:
        """Note that a network was called on what the current pass yields."""
        if self._current is not None:
            self._current.record.roots.add(self.record.roots.index(root))
            self._current.calls += 1
            self._current.calls_in_training_mode += in_training_mode
            if in_training_mode:
                self._current.roots.add(self.record.roots.index(root))

    def finish(self) -> None:
        """End the pass that is under way."""
        self._end_pass()

    def _loader_made(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = original(*args, **kwargs)
        if not self.observer.is_idle():
            with self.observer.own_work("loader"):
                self._made[args[0]] = user_place()
        return result

    def _begun(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        iterator = original(*args, **kwargs)
        if not self.observer.is_idle():
            with self.observer.own_work("loader"):
                self._end_pass()
                loader = args[0]
                record = self._known.get(loader)
                if record is None:
                    record = self._known[loader] = self._describe(loader)
                    self.record.loaders.append(record)
                record.passes += 1
                self._current = self._passes[iterator] = _Pass(record)
                self.observer.modules.wake()  # an evaluation may begin
            self.observer.check_limits()
        return iterator

    def _next(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        begun = time.perf_counter()
        try:
            batch = original(*args, **kwargs)
        except StopIteration:
            if self._current is not None and self._passes.get(args[0]) is self._current:
                with self.observer.own_work("loader"):
                    self._current.record.most_batches = max(self._current.record.most_batches, self._current.batches)
                    self._end_pass()
            raise
        waited = time.perf_counter() - begun
        current = self._passes.get(args[0])
        if current is not None and not self.observer.is_idle():
            self._current = current
            self.last_batch = batch
            record = current.record
            record.batches += 1
            current.batches += 1
            if current.batches > record.most_batches:
                record.most_batches = current.batches
            if current.batches == 1:  # starts workers, fills caches
                record.first_wait_s += waited
            else:
                record.wait_s += waited
            is_new = record.passes == 1 and record.samples_seen < MOST_DIGESTS and self._bytes < MOST_BYTES
            if is_new or current.batches == 1 or self.observer.step <= FIRST_STEPS:
                with self.observer.own_work("loader"):
                    self._look_at(current, batch)
        return batch

    def _look_at(self, current: _Pass, batch: Any) -> None:
        record = current.record
        tensors = all_tensors(batch)
        self._batch_addresses = [t.untyped_storage().data_ptr() for t in tensors if not t.is_sparse]
        x = first_tensor(batch)
        if x is None or not x.dim():
            return
        if record.batches == 1:
            record.integer_targets = len(tensors) > 1 and not tensors[-1].is_floating_point()
        if current.batches == 1 and record.passes <= 4:
            record.digests.append(digest(x))
        if record.passes == 1 and record.samples_seen < MOST_DIGESTS and self._bytes < MOST_BYTES:
            self._bytes += x.numel() * x.element_size()
            record.samples_seen += len(x)
            digests = [digest(sample) for sample in x]
            record.sample_digests.update(digests)
            self._compare_labels(record, x, tensors[-1], digests)
            self.observer.samples.loaded(record, x, tensors[-1])
            if sum(map(len, kept := self._rows.setdefault(id(record), []))) < MOST_KEPT:
                kept.append(rows_of(x))
        elif record.passes == 2 and current.batches == 1 and not record.is_training:
            self._compare_passes(record, x)

    def _compare_passes(self, record: LoaderRecord, x: Tensor) -> None:
        """Note which of the samples of a second pass are new, and whether they are altered ones of the first."""
        if record.num_batches is None or record.most_batches < record.num_batches or record.samples_seen > MOST_KEPT:
            return  # the first pass did not see all of them
        known = record.sample_digests
        new = torch.tensor([digest(sample) not in known for sample in x])
        first, again = torch.cat(self._rows[id(record)]), rows_of(x)
        if len(again) >= LEAST_ROWS and first.shape[1] == again.shape[1]:
            share = float(new.double().mean())
            record.altered_share = share if share < 1 or are_near(first, again) else 0.0

    def _compare_labels(self, record: LoaderRecord, x: Tensor, y: Tensor, digests: list[str]) -> None:
        """Count inputs that come again with another label; short ones, such as a few categories, may well do so."""
        if y.shape != x.shape[:1] or y.is_floating_point() or not x.is_floating_point() or x[0].numel() < LEAST_VALUES:
            return
        for key, label in zip(digests, y.tolist(), strict=True):
            first = record.labels.setdefault(key, label)
            if first != label:
                record.contradictions += 1
                record.labels[key] = label

    def _end_pass(self) -> None:
        current, self._current = self._current, None
        self.last_batch = None
        if current is None or current.record.passes_ended >= current.record.passes:
            return
        record = current.record
        record.passes_ended = record.passes
        if current.backwards:
            record.passes_training += 1
        elif current.calls >= 1 and current.calls_in_training_mode:
            record.evaluations_in_training_mode += 1
            record.evaluated_roots |= current.roots

    def _describe(self, loader: Any) -> LoaderRecord:
        dataset = loader.dataset
        try:
            num_batches = len(loader)
        except (TypeError, NotImplementedError):  # a stream has no length
            num_batches = None
        record = LoaderRecord(
            place=self._made.get(loader, "") or user_place(),
            dataset=type(dataset).__name__,
            dataset_id=id(base_of(dataset)),
            num_batches=num_batches,
            batch_size=loader.batch_size,
            is_sequential=isinstance(loader.sampler, SequentialSampler),
            num_workers=loader.num_workers,
        )
        record.has_worker_init = loader.worker_init_fn is not None
        record.seeds_workers_alike = record.num_workers > 1 and seeds_alike(loader.worker_init_fn)
        record.generators = _generators(base_of(dataset))
        return record


def base_of(dataset: Any) -> Any:
    """Return the data set that subsets are taken from."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return dataset


def seeds_alike(worker_init: Any) -> bool:
    """Whether a function for workers does nothing but seed generators, and leaves two workers with the same ones.

    It is called here, for workers 0 and 1, if its code names nothing beyond seeding; all generators are put back.
    """
    code = getattr(worker_init, "__code__", None)
    if code is None or code.co_freevars or not _SEEDING & set(code.co_names):
        return False
    others = (worker_init.__globals__.get(name) for name in code.co_names if name not in _SEEDING)
    if not all(isinstance(value, int) for value in others):  # constants alone
        return False
    states = []
    with kept_random_state():
        for worker in (0, 1):
            torch.manual_seed(worker)  # as PyTorch itself seeds them, each in its own way
            random.seed(worker)
            np.random.seed(worker)
            try:
                worker_init(worker)
            except Exception:  # one that needs its worker
                return False
            numpy, pytorch = str(np.random.get_state()), digest(torch.get_rng_state())
            states.append({"np": numpy, "random": str(random.getstate()), "torch": pytorch})
    names = {"np": {"np", "numpy"}, "random": {"random"}, "torch": {"torch"}}
    return any(states[0][key] == states[1][key] for key, own in names.items() if own & set(code.co_names))


def _generators(dataset: Any) -> list[str]:
    """Return the random generators of its own that a data set draws from: every worker begins with a copy of them."""
    kinds = (np.random.Generator, np.random.RandomState, random.Random, torch.Generator)
    found = [f"self.{name}" for name, value in getattr(dataset, "__dict__", {}).items() if isinstance(value, kinds)]
    code = getattr(getattr(type(dataset), "__getitem__", None), "__code__", None)
    values = getattr(getattr(type(dataset), "__getitem__", None), "__globals__", {})
    names = code.co_names if code is not None else ()
    return found + [name for name in names if isinstance(values.get(name), kinds)]

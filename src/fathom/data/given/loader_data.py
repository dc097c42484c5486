"""Data sets and loaders of a user as data that the recipes can build a model for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler, Subset, default_collate

from fathom.choices import Task
from fathom.data.module import LabelledData
from fathom.data.splits.split import split
from fathom.errors import FathomError, UsageError
from fathom.preprocess import Preprocess

_BATCH_SIZE = 32  # small: the data may be of any size per sample
_EVALUATION_BATCH = 256  # no gradients are kept, so more fit


@dataclass(frozen=True)
class GivenLoaders:
    """What was given: a data set or a loader for each split.

    Attributes:
        num_outputs: classes or targets, where a network that was given says so; None finds out.
    """

    train: Any
    val: Any = None
    test: Any = None
    class_names: tuple[str, ...] = ()
    num_outputs: int | None = None


class LoaderData(LabelledData):
    """Batches (X, y) of a user's own loaders, or of data sets that are divided and served here.

    Samples reach the network as they are, bytes scaled to 0…1: what a data set normalises is not normalised again.

    Args:
        batch_size: of data sets; a loader has its own. None takes 32.
        share: of a data set that is held out for validation, and as much again for the test, where none is given.
    Raises:  UsageError for samples that are no pair of input and target
    """

    def __init__(
        self, given: GivenLoaders, batch_size: int | None = None, *, share: float = 0.1, seed: int = 0, loss: str = ""
    ) -> None:
        self.seed, self.parts = seed, _divide(given, share, seed)
        train = self.parts["train"]
        self.name = type(_dataset_of(train) or train).__name__  # the class of the user's data set, or of the loader
        is_set = isinstance(train, Dataset)
        self.batch_size = (batch_size or _BATCH_SIZE) if is_set else int(getattr(train, "batch_size", None) or 1)
        self._X, y = _first_batch(train)  # one batch tells shapes and types
        # whole numbers that are no bytes are tokens, for an embedding
        self.input_dtype = None if self._X.is_floating_point() or self._X.dtype == torch.uint8 else self._X.dtype
        self.task, self.multilabel = _task(y, loss)
        self.class_names = given.class_names or _class_names(train)
        self._num_outputs = given.num_outputs if not self.class_names else len(self.class_names)
        if self._num_outputs is None:
            self._num_outputs = _count_outputs(train, y, self.task)
        if not is_set and self.parts.get("val") is None:  # a data set is cut here; a loader cannot be
            self.notes = ["no validation: give two loaders, (train, val), to see how well it generalises"]

    @property
    def num_train(self) -> int:
        """Samples of the training split; of a loader without a length those of one batch."""
        return _count(self.parts["train"], self.batch_size)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self._X.shape[1:])

    @property
    def num_outputs(self) -> int:
        """Classes, labels or targets."""
        if self._num_outputs is None:
            raise UsageError(f"how many classes {self.name} has is not known; give class_names=[…]")
        return self._num_outputs

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return 0 and 1: samples are not normalised again."""
        return [0.0], [1.0]

    def preprocess(self, size: Sequence[int] | None = None) -> Preprocess:
        """Make what scales bytes to 0…1 and leaves all else alone."""
        return Preprocess(size=size)

    def describe(self) -> dict[str, Any]:
        """Return the sizes of the splits and the names of the classes."""
        sizes = {name: _count(part, self.batch_size) for name, part in self.parts.items()}
        names = {"class_names": list(self.class_names)} if self.class_names else {}
        return {"splits": sizes, "balance": self.balance, "notes": list(self.notes), **names}

    def example_input(self) -> Tensor:
        """Return one sample as a batch of one."""
        return self._X[:1]  # from the first batch, so no reading again

    def train_dataloader(self) -> Iterable[Any]:
        """Return the loader that was given, or shuffled batches of the data set."""
        part = self.parts["train"]
        # a loader orders its own batches
        return DataLoader(part, self.batch_size, shuffle=True) if isinstance(part, Dataset) else part

    def train_eval_dataloader(self) -> Iterable[Any]:
        """Return the training split, of a data set in its order."""
        return _in_order(self.parts["train"])

    def val_dataloader(self) -> Iterable[Any] | None:
        """Return the validation split; None without one."""
        return _in_order(self.parts["val"]) if "val" in self.parts else None

    def test_dataloader(self) -> Iterable[Any] | None:
        """Return the test split; None without one."""
        return _in_order(self.parts["test"]) if "test" in self.parts else None

    @property
    def shows_images(self) -> bool:
        """Whether images of the test split can be found by their place in it."""
        part = self.parts.get("test")
        is_ordered = isinstance(part, Dataset) or isinstance(getattr(part, "sampler", None), SequentialSampler)
        return is_ordered and hasattr(_dataset_of(part), "__getitem__") and len(self.input_shape) == 3

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split, each stretched to 0…255: how they were normalised is not known."""
        dataset: Any = _dataset_of(self.parts["test"])
        return [_to_bytes(torch.as_tensor(dataset[i][0])) for i in indices]


def _divide(given: GivenLoaders, share: float, seed: int) -> dict[str, Any]:
    """Return the splits that there are; a single data set is cut into three."""
    train, parts = given.train, {"val": given.val, "test": given.test}
    # an IterableDataset has no length to cut
    if isinstance(train, Dataset) and not isinstance(train, IterableDataset) and share:
        rows: Any = np.arange(len(train))  # type: ignore[arg-type]
        for i, name in enumerate(("test", "val")):
            if parts[name] is None:
                # the same number held out each time: a share of the whole, at most half of the rest
                kept, held_out = split(len(rows), min(0.5, share * len(train) / len(rows)), seed + i)  # type: ignore[arg-type]
                if len(held_out):
                    parts[name] = Subset(given.train, rows[held_out].tolist())
                rows = rows[kept]
        train = Subset(given.train, rows.tolist())
    return {"train": train} | {name: part for name, part in parts.items() if part is not None}


def _dataset_of(part: Any) -> Any:
    while isinstance(part, (DataLoader, Subset)):  # to the innermost: names and targets are there
        # over a list or array, which is no data set
        if isinstance(part, Subset) and not isinstance(part.dataset, Dataset):
            break
        part = part.dataset
    return part


def _first_batch(part: Any) -> tuple[Tensor, Tensor]:
    try:
        if isinstance(part, Dataset) and not isinstance(part, IterableDataset):
            batch = default_collate([part[0]])  # one sample: a whole batch may take long to read
        else:
            batch = next(iter(DataLoader(part, 1) if isinstance(part, Dataset) else part))
    except StopIteration:
        raise FathomError("the training loader gave no batch") from None
    except FathomError:
        raise
    except Exception as error:
        raise FathomError(f"sample 0 of the data set cannot be read ({type(error).__name__}: {error})") from error
    # what a module's _pair accepts
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2 and all(isinstance(p, Tensor) for p in batch)):
        raise UsageError(
            f"data: a sample is a {type(batch).__name__}"
            + (f" of {len(batch)}" if hasattr(batch, "__len__") else "")
            + ", and fathom.train takes pairs (input, target) of tensors or numbers; "
            "Trainer.fit takes any batch, with a module that says what to do with it"
        )
    if batch[0].ndim < 2:
        raise UsageError("data: an input is a single number; give samples of shape (D,): X[:, None]")
    return batch[0], batch[1]


def _task(y: Tensor, loss: str) -> tuple[Task, bool]:
    if loss == "bce_with_logits" and y.ndim == 2 and y.shape[1] > 1:  # several labels, each 0 or 1
        return "classification", True
    if y.is_floating_point() and loss != "bce_with_logits":
        return "regression", False
    return "classification", y.ndim == 2 and y.shape[1] > 1  # (N, K) of whole numbers: labels too


def _class_names(part: Any) -> tuple[str, ...]:
    dataset = _dataset_of(part)
    return tuple(map(str, getattr(dataset, "classes", None) or ()))


def _count_outputs(part: Any, y: Tensor, task: Task) -> int | None:
    if task == "regression" or y.ndim == 2:  # targets or labels of one sample
        return y[0].numel()
    dataset = _dataset_of(part)
    labels = getattr(dataset, "targets", None)  # torchvision's name for the labels
    if labels is None and isinstance(getattr(dataset, "tensors", None), tuple):
        labels = dataset.tensors[-1]  # TensorDataset: the last of its tensors
    return None if labels is None else int(torch.as_tensor(labels).max()) + 1


def _count(part: Any, batch_size: int) -> int:
    dataset = _dataset_of(part) if not isinstance(part, Subset) else part
    # the samples where they can be counted, else batches times their size
    for counted, factor in ((part if isinstance(part, Dataset) else dataset, 1), (part, batch_size)):
        try:
            return len(counted) * factor  # type: ignore[arg-type]
        except TypeError:
            continue
    return batch_size


def _in_order(part: Any) -> Iterable[Any]:
    return DataLoader(part, _EVALUATION_BATCH) if isinstance(part, Dataset) else part


def _to_bytes(image: Tensor) -> np.ndarray:
    if image.dtype == torch.uint8:
        return image.numpy()
    low, high = float(image.min()), float(image.max())  # of one image: contrast is for looking only
    # a flat image, or one with NaN, is black
    scale = 255 / (high - low) if high > low and math.isfinite(high - low) else 0.0
    return ((image - low) * scale).clamp(0, 255).to(torch.uint8).numpy()

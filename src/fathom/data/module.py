"""Where samples come from: loaders for training, validation and test, and what a model must know of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fathom.data.arrays import Arrays
from fathom.data.loaders.memory import Augmentation, MemoryLoader
from fathom.data.splits.balance import class_weights, count_classes, describe_balance
from fathom.data.splits.folds import Fold, describe_small_classes
from fathom.data.splits.split import stratified_split
from fathom.errors import UsageError
from fathom.phrases import counted
from fathom.preprocess import Preprocess, TargetScale

Balance = Literal["none", "weights", "sampler"]

_BLOCK = 512  # samples at a time, few enough to stay in the cache


class DataModule:
    """The source of training, validation and test batches; subclass it to bring your own.

    ``train_dataloader`` is all a trainer needs; ``val_dataloader`` and ``test_dataloader`` may give None. A loader is
    any iterable of batches; one with ``seek(epoch, batch)`` makes resuming exact.
    """

    name = "data"
    task: Literal["classification", "regression", "language"] = "classification"
    class_names: tuple[str, ...] = ()
    batch_size: int = 1

    def train_dataloader(self) -> Iterable[Any]:
        """Return the batches to learn from."""
        raise NotImplementedError(f"{type(self).__name__} must define train_dataloader()")

    def val_dataloader(self) -> Iterable[Any] | None:
        """Return the batches that choose between models, cut from the training data."""
        return None

    def test_dataloader(self) -> Iterable[Any] | None:
        """Return the batches used once, at the end."""
        return None


class LabelledData(DataModule):
    """A data module that the recipes can build a model for: it knows its shapes, its statistics and its images.

    ``notes`` are lines about the data that a user should read, ``details`` further ones for the log alone, ``unit`` is
    what ``num_train`` counts. ``balance`` says how classes of unequal size get the same say: "sampler" draws them
    equally often, "weights" is for the loss.
    """

    notes: Sequence[str] = ()
    details: Sequence[str] = ()
    unit = "sample"
    balance: Balance = "none"
    soft: Tensor | None = None  # a teacher's logits of every row, given beside the labels in training

    @property
    def num_train(self) -> int:
        """Number of samples learned from."""
        raise NotImplementedError

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample as a loader gives it: (C, H, W) or (D,)."""
        raise NotImplementedError

    @property
    def num_outputs(self) -> int:
        """Number of classes, or of targets in a regression."""
        raise NotImplementedError

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of each channel over the training split alone, in 0…1 units."""
        raise NotImplementedError

    def labels_by_split(self) -> dict[str, Tensor]:
        """Return the labels of each part there is, train first."""
        return {}

    def class_weights(self) -> list[float] | None:
        """Return the weight of each class in the loss; None where all samples weigh the same."""
        if self.balance != "weights":
            return None
        return class_weights(count_classes(self.labels_by_split()["train"], self.num_outputs))

    def describe(self) -> dict[str, Any]:
        """Return what a report should say of the data: the parts' sizes, classes counted part by part, the notes."""
        labels = self.labels_by_split()
        sizes = {name: len(part) for name, part in labels.items()}
        description: dict[str, Any] = {"splits": sizes, "balance": self.balance, "notes": list(self.notes)}
        if self.task == "classification":
            names = self.class_names or tuple(map(str, range(self.num_outputs)))
            counts = {name: count_classes(part, len(names)) for name, part in labels.items()}
            description |= {"class_names": list(names), "counts": counts}
        return description

    def preprocess(self, size: Sequence[int] | None = None) -> Preprocess:
        """Make what a model does to a stored sample before its network sees it; ``size`` is for images."""
        return Preprocess() if self.task != "classification" else Preprocess(*self.statistics(), size=size)

    def target_scale(self) -> TargetScale | None:
        """Make what brings a network's output to the units of the data; None where it is in them."""
        return None

    def matches(self, preprocess: Preprocess) -> bool:
        """Whether a model with this preprocessing can be evaluated on these data."""
        return True

    def example_input(self) -> Tensor:
        """Return the inputs of one sample as a batch of one."""
        raise NotImplementedError

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split, uint8 (C, H, W)."""
        raise NotImplementedError

    def test_sample_names(self) -> tuple[str, list[str]] | None:
        """Return what the samples of the test split are called in their files: ("file", paths) or ("row", numbers)."""
        return None

    def train_eval_dataloader(self) -> Iterable[Any]:
        """Return the training split in its stored order, without augmentation."""
        raise NotImplementedError

    def close(self) -> None:
        """End the processes that read files, if there are any."""


def join_soft_targets(y: Tensor, soft: Tensor | None) -> Tensor:
    """Put a teacher's logits beside the labels, (N,) and (N, C) -> float32 (N, 1 + C); without, the labels."""
    return y if soft is None else torch.cat([y[:, None].float(), soft], 1)


def check_fraction(val: float) -> None:
    """Refuse a validation share outside [0, 1)."""
    if not 0 <= val < 1:
        raise UsageError(f"validation share {val}: it must be at least 0 and below 1")


def check_balance(balance: Balance, task: str, name: str) -> None:
    """Refuse to balance what has no classes."""
    if balance != "none" and task != "classification":
        raise UsageError(f"--balance is for classes; {name} is a matter of {task}")


def check_batch_size(batch_size: int, num_train: int, name: str) -> None:
    """Refuse a batch that the training split cannot fill."""
    if batch_size > num_train:
        raise UsageError(
            f"batch size {batch_size} is larger than the {num_train:,} training samples of {name}; "
            f"choose at most {num_train}"
        )


class ArrayData(LabelledData):
    """A data set wholly in memory, with a stratified, seeded validation split cut from its training split.

    Args:
        arrays: images uint8 (N, C, H, W) with labels int64 (N,), or features float32 (N, D) with targets (N, K).
        val: share of the training split held out for validation; 0 for none.
        augment: applied to training batches only.
        seed: of the order, and of the split unless ``split_seed`` is given.
        fold: of a cross-validation: this part of the training data takes the place of the test split.
        balance: give classes of unequal size the same say.
    Raises:  UsageError if the batch is larger than the training split or ``val`` is not in [0, 1)
    """

    def __init__(
        self,
        arrays: Arrays,
        batch_size: int = 256,
        *,
        name: str = "data",
        val: float = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        split_seed: int | None = None,
        fold: Fold | None = None,
        balance: Balance = "none",
    ) -> None:
        check_fraction(val)
        split_seed = seed if split_seed is None else split_seed
        self.name, self.batch_size, self.augment, self.seed = name, batch_size, augment, seed
        self.class_names = arrays.class_names
        self.task = "classification" if np.issubdtype(arrays.train_labels.dtype, np.integer) else "regression"
        check_balance(balance, self.task, name)
        self.balance = balance
        self.X, self.y = torch.from_numpy(arrays.train_images), torch.from_numpy(arrays.train_labels)
        self.test: tuple[Tensor, Tensor] | None = None
        if arrays.test_images is not None and arrays.test_labels is not None:
            self.test = torch.from_numpy(arrays.test_images), torch.from_numpy(arrays.test_labels)
        self.train_index: Tensor | None = None
        self.val_index: Tensor | None = None
        rows = np.arange(len(arrays.train_labels))
        if fold is not None:
            rows, tested = fold.cut(arrays.train_labels, split_seed)
            self.test = self.X[tested], self.y[tested]
            self.train_index = torch.from_numpy(rows)
            scarce = describe_small_classes(arrays.train_labels, fold.of, self.class_names)
            self.notes = [fold.describe(counted(len(tested), "sample")), *scarce]
        if val:
            train, held_out = (rows[part] for part in stratified_split(arrays.train_labels[rows], val, split_seed))
            if not len(held_out):
                raise UsageError(
                    f"validation share {val}: it holds out none of {len(train)} samples; enlarge it or use 0"
                )
            self.train_index, self.val_index = torch.from_numpy(train), torch.from_numpy(held_out)
        check_batch_size(batch_size, self.num_train, name)
        if self.task == "classification":
            description = self.describe()
            found = describe_balance(description["counts"]["train"], description["class_names"], balance)
            self.notes = [*self.notes, found] if found else self.notes

    def labels_by_split(self) -> dict[str, Tensor]:
        """Return the labels of each part."""
        parts = {"train": self.y if self.train_index is None else self.y[self.train_index]}
        if self.val_index is not None:
            parts["val"] = self.y[self.val_index]
        if self.test is not None:
            parts["test"] = self.test[1]
        return parts

    @property
    def num_train(self) -> int:
        """Number of samples learned from."""
        return len(self.X) if self.train_index is None else len(self.train_index)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one stored sample: (C, H, W) or (D,)."""
        return tuple(self.X.shape[1:])

    @property
    def num_outputs(self) -> int:
        """Number of classes, or of targets in a regression."""
        if self.task == "regression":
            return self.y[0].numel()
        return len(self.class_names) or int(self.y.max()) + 1

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of each channel over the training split alone, in 0…1 units.

        Sums are taken over blocks of samples, so that no floating copy of the whole set ever exists, and in double
        precision, where those of bytes are exact. A channel that never varies gets the standard deviation 1.

        Equals:  torch.std_mean(…, correction=0) over all dimensions but that of the channels
        """
        channels = self.X.shape[1]
        total = torch.zeros(channels, dtype=torch.float64)
        squares = torch.zeros(channels, dtype=torch.float64)
        for start in range(0, self.num_train, _BLOCK):
            rows = slice(start, start + _BLOCK)
            part = self.X[rows] if self.train_index is None else self.X[self.train_index[rows]]
            values = part.transpose(0, 1).reshape(channels, -1).double()
            total += values.sum(1)
            squares += values.square_().sum(1)
        count = self.num_train * self.X[0, 0].numel()
        scale = 255.0 if self.X.dtype == torch.uint8 else 1.0
        mean = total / count
        variance = squares / count - mean**2
        std = torch.where(variance > 1e-12 * squares / count, variance.clamp(min=0).sqrt() / scale, 1.0)
        return (mean / scale).tolist(), std.tolist()

    def example_input(self) -> Tensor:
        """Return one sample as a batch of one."""
        return self.X[:1]

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split, uint8 (C, H, W)."""
        assert self.test is not None
        return [self.test[0][i].cpu().numpy() for i in indices]

    def train_dataloader(self) -> MemoryLoader:
        """Return shuffled, augmented batches of the training split."""
        return MemoryLoader(
            self.X,
            join_soft_targets(self.y, self.soft),
            self.batch_size,
            shuffle=True,
            seed=self.seed,
            index=self.train_index,
            augment=self.augment,
            is_balanced=self.balance == "sampler",
        )

    def train_eval_dataloader(self) -> MemoryLoader:
        """Return the training split in its stored order, without augmentation."""
        return MemoryLoader(self.X, self.y, max(self.batch_size, 500), index=self.train_index)

    def val_dataloader(self) -> MemoryLoader | None:
        """Return the held-out split in its stored order; None without one."""
        if self.val_index is None:
            return None
        return MemoryLoader(self.X, self.y, max(self.batch_size, 500), index=self.val_index)

    def test_dataloader(self) -> MemoryLoader | None:
        """Return the official test split in its stored order; None where the set has none."""
        if self.test is None:
            return None
        return MemoryLoader(*self.test, max(self.batch_size, 500))

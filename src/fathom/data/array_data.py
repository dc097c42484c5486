"""Arrays in memory as a data module: the named data sets, and anything that fits NumPy."""

from __future__ import annotations

import numpy as np
import torch

from fathom.choices import Balance
from fathom.data.arrays import Arrays
from fathom.data.divided import InMemoryData, Rows
from fathom.data.loaders.memory import Augmentation
from fathom.data.module import check_balance, check_batch_size
from fathom.data.splits.division import Division, as_division
from fathom.data.splits.folds import describe_small_classes
from fathom.data.splits.split import stratified_split
from fathom.errors import UsageError
from fathom.phrases import counted

_BLOCK = 512  # samples at a time, few enough to stay in the cache
_VARIES = 1e-12  # of a channel's mean square: a variance below is what rounding leaves of none


class ArrayData(InMemoryData):
    """A data set wholly in memory, with a stratified, seeded validation split cut from its training split.

    Args:
        arrays: images uint8 (N, C, H, W) with labels int64 (N,), or features float32 (N, D) with targets (N, K).
        val: share of the training split held out for validation, 0 for none; or a ``Division`` that says more.
        augment: applied to training batches only.
        seed: of the order of the samples, and of the division unless that has its own.
        balance: give classes of unequal size the same say.
    Raises:  UsageError if the batch is larger than the training split or ``val`` is not in [0, 1)
    """

    def __init__(
        self,
        arrays: Arrays,
        batch_size: int = 256,
        *,
        name: str = "data",
        val: float | Division = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        balance: Balance = "none",
    ) -> None:
        division, split_seed = as_division(val, seed)
        self.name, self.batch_size, self.augment, self.seed = name, batch_size, augment, seed
        self.class_names = arrays.class_names
        # the type of the labels decides: whole numbers are classes
        self.task = "classification" if np.issubdtype(arrays.train_labels.dtype, np.integer) else "regression"
        check_balance(balance, self.task, name)
        self.balance = balance
        self.splits = self._divide(arrays, division, split_seed)
        check_batch_size(batch_size, self.num_train, name)
        self.notes = [*self.notes, *self._describe_balance()]

    def _divide(self, arrays: Arrays, division: Division, seed: int) -> dict[str, Rows]:
        """Return the rows of each split; a fold takes the place of the test split."""
        labels = arrays.train_labels
        everything = Rows(torch.from_numpy(arrays.train_images), torch.from_numpy(labels))
        rows, held_out = np.arange(len(labels)), np.arange(0)  # nothing held out yet
        test: Rows | None = None
        if arrays.test_images is not None and arrays.test_labels is not None:
            test = Rows(torch.from_numpy(arrays.test_images), torch.from_numpy(arrays.test_labels))
        if division.fold is not None:
            # a fold's own samples are tested on; the data's test set is left alone
            rows, tested = division.fold.cut(labels, seed)
            test = everything.take(tested)
            # told, not refused: rare classes are common
            scarce = describe_small_classes(labels, division.fold.of, self.class_names)
            self.notes = [division.fold.describe(counted(len(tested), "sample")), *scarce]
        if division.val:
            rows, held_out = (rows[part] for part in stratified_split(labels[rows], division.val, seed))
            if not len(held_out):  # the share rounds to no sample at all
                raise UsageError(
                    f"validation share {division.val}: it holds out none of {len(rows)} samples; enlarge it or use 0"
                )
        rows = division.thin(rows, labels)
        # no index where nothing was cut: a loader then takes slices, not a gather
        splits = {"train": everything if len(rows) == len(labels) else everything.take(rows)}
        if len(held_out):
            splits["val"] = everything.take(held_out)
        return splits if test is None else splits | {"test": test}

    @property
    def num_outputs(self) -> int:
        """Number of classes, or of targets in a regression."""
        if self.task == "regression":
            return self.y[0].numel()
        return len(self.class_names) or int(self.y.max()) + 1  # without names the largest label tells

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of each channel over the training split alone, in 0…1 units.

        Sums are taken over blocks of samples, so that no floating copy of the whole set ever exists, and in double
        precision, where those of bytes are exact. A channel that never varies gets the standard deviation 1.

        Equals:  torch.std_mean(…, correction=0) over all dimensions but that of the channels
        """
        channels = self.X.shape[1]
        total = torch.zeros(channels, dtype=torch.float64)
        squares = torch.zeros(channels, dtype=torch.float64)  # Σ of squares, float64: of bytes it is exact up to 2^53
        for start in range(0, self.num_train, _BLOCK):
            rows = slice(start, start + _BLOCK)
            part = self.X[rows] if self.train_index is None else self.X[self.train_index[rows]]  # (n, C, …)
            # double() copies, so that squaring in place is safe
            values = part.transpose(0, 1).reshape(channels, -1).double()  # (C, n·…)
            total += values.sum(1)
            squares += values.square_().sum(1)
        count = self.num_train * self.X[0, 0].numel()
        scale = 255.0 if self.X.dtype == torch.uint8 else 1.0
        mean = total / count  # (C,)
        variance = squares / count - mean**2  # E[x²] − E[x]²
        # a channel that does not vary is divided by 1
        std = torch.where(variance > _VARIES * squares / count, variance.clamp(min=0).sqrt() / scale, 1.0)
        return (mean / scale).tolist(), std.tolist()

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split, uint8 (C, H, W)."""
        test = self.splits["test"]
        assert test.X is not None
        rows = indices if test.index is None else test.index[indices].tolist()
        return [test.X[i].cpu().numpy() for i in rows]

"""A table as a data module: typed columns, honest splits, every row encoded once and held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.data.loaders.memory import Augmentation, MemoryLoader
from fathom.data.module import Balance, LabelledData, check_balance, check_batch_size, check_fraction, join_soft_targets
from fathom.data.splits.balance import describe_balance
from fathom.data.splits.folds import Fold, describe_small_classes
from fathom.data.splits.split import stratified_split
from fathom.data.tables.columns import canonical, measure
from fathom.data.tables.fit import Choices, fit_columns
from fathom.data.tables.layer import TableInput
from fathom.data.tables.reading import Table, read_table
from fathom.data.tables.target import find_target, join_names, read_target
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted
from fathom.preprocess import Preprocess, TargetScale

_EVAL_BATCH = 4096


class TableData(LabelledData):
    """A table whose column ``target`` is to be predicted from the others.

    The test split is ``test``, or is cut from the rows, as the validation split is: seeded, stratified where there are
    classes. Rows without a target are left out.

    Args:
        table: a file of rows, or what ``read_table`` gave.
        batch_size: None takes about a 64th of the training rows, a power of two from 16 to 1024.
        task: "classification" or "regression"; None tells it from the target.
        log_target: learn the logarithm of a number; predictions are numbers again.
        val: share of the rows for validation, and as much again for testing where there is no ``test``.
        choices: what the user says of the columns.
        augment: noise on the inputs, where all of them are numbers.
        split_seed: of the parts that are cut off; None takes ``seed``.
        fold: of a cross-validation: this part of the training rows takes the place of the test split.
        balance: give classes of unequal size the same say.
    Raises:  UsageError for a column or option that does not fit; FathomError for a table that cannot be learned from
    """

    def __init__(
        self,
        table: str | Path | Table,
        batch_size: int | None = None,
        *,
        target: str | None,
        task: str | None = None,
        log_target: bool = False,
        test: str | Path | Table | None = None,
        val: float = 0.1,
        choices: Choices | None = None,
        augment: Augmentation | None = None,
        seed: int = 0,
        split_seed: int | None = None,
        fold: Fold | None = None,
        balance: Balance = "none",
    ) -> None:
        check_fraction(val)
        self.split_seed = seed if split_seed is None else split_seed
        table = table if isinstance(table, Table) else read_table(table)
        self.name, self.seed, self.augment = str(table.path), seed, augment
        self.target = find_target(table, target, task, log_target)
        self.task, self.class_names = self.target.task, self.target.class_names
        check_balance(balance, self.task, self.name)
        self.balance = balance
        self.notes: list[str] = [*table.notes, f"task: {self.task} ({self.target.name}: {self.target.reason})"]
        frame, labels = table.frame, read_target(table.frame[self.target.name], self.target)
        num_own = len(labels)
        if test is not None and fold is None:
            frame, labels = self._append(table, test, frame, labels)
        self._split(labels, num_own, val, fold, cut_test=test is None)
        fitted = fit_columns(frame, self.target.name, self._rows(self.train_index), choices or Choices())
        self.notes += [f"{column.name}: left out, {column.reason}" for column in fitted.left_out]
        self.notes += fitted.notes
        self.layer = TableInput(fitted.columns, fitted.left_out, self.target.name)
        self.layer.fit(fitted, self._rows(self.train_index))
        self.X = self.layer.encode(fitted.raw)
        self.scale = self._fit_scale(labels)
        self.y = torch.from_numpy(labels) if self.scale is None else self.scale.scale(torch.from_numpy(labels)[:, None])
        self._test_frame = None if self.test_index is None else frame.iloc[self._rows(self.test_index)]
        self.batch_size = batch_size or _choose_batch_size(self.num_train)
        check_batch_size(self.batch_size, self.num_train, self.name)
        if self.task == "classification":
            found = describe_balance(self.describe()["counts"]["train"], self.class_names, balance)
            self.notes += [found] if found else []
        if augment is not None and self.X.shape[1] > self.layer.num_dense:
            raise UsageError("noise on the input is for tables of numbers; this one has categories")

    def labels_by_split(self) -> dict[str, Tensor]:
        """Return the targets of each part, as they are learned."""
        parts = {"train": self.train_index, "val": self.val_index, "test": self.test_index}
        return {name: self.y[index] for name, index in parts.items() if index is not None}

    @property
    def num_train(self) -> int:
        """Number of rows learned from."""
        return len(self.train_index)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of an encoded row: (D,)."""
        return (self.X.shape[1],)

    @property
    def num_outputs(self) -> int:
        """Number of classes, or 1."""
        return len(self.class_names) or 1

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of the numbers and dates over the training split."""
        return self.layer.centre.tolist(), self.layer.scale.tolist()

    def preprocess(self, size: Sequence[int] | None = None) -> Preprocess:
        """Make the layer that spreads encoded rows out, with the statistics of the training split."""
        if size is not None:
            raise UsageError(f"data.resize: {self.name} holds no images")
        layer = TableInput(self.layer.columns, self.layer.left_out, self.target.name)
        for name, buffer in self.layer.named_buffers():
            layer.get_buffer(name).copy_(buffer)
        return layer

    def target_scale(self) -> TargetScale | None:
        """Return mean and standard deviation of the target over the training split; None of classes."""
        return self.scale

    def example_input(self) -> Tensor:
        """Return one encoded row as a batch of one."""
        return self.X[:1]

    def test_rows(self, indices: Sequence[int]) -> list[tuple[int, dict[str, str]]]:
        """Return rows of the test split as in the file: number, counted from 1 below the header, and cells."""
        assert self._test_frame is not None
        part = self._test_frame.iloc[list(indices)]
        cells = part.astype(object).where(part.notna(), "").to_dict("records")
        numbers = [int(self._test_numbers[i]) for i in indices]
        return [
            (number, {str(name): canonical(value) for name, value in row.items()})
            for number, row in zip(numbers, cells, strict=True)
        ]

    def test_sample_names(self) -> tuple[str, list[str]]:
        """Return the rows of the test split by their numbers in the file, counted from 1 below the header."""
        return "row", [str(number) for number in self._test_numbers.tolist()]

    def test_cells(self) -> np.ndarray:
        """Return the numbers that stand for the cells of the test split, in the order of ``test_dataloader``.

        Shape:   float64 (N, columns), NaN for missing
        """
        assert self._test_frame is not None
        columns = self.layer.columns
        return np.stack([measure(self._test_frame[c.name], c.kind, c.format, c.values) for c in columns], 1)

    def train_dataloader(self) -> MemoryLoader:
        """Return shuffled batches of the training split."""
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
        """Return the training split in its stored order."""
        return self._load(self.train_index)

    def val_dataloader(self) -> MemoryLoader | None:
        """Return the validation split in its stored order; None without one."""
        return None if self.val_index is None else self._load(self.val_index)

    def test_dataloader(self) -> MemoryLoader | None:
        """Return the test split in its stored order; None without one."""
        return None if self.test_index is None else self._load(self.test_index)

    def matches(self, preprocess: Preprocess) -> bool:
        """Whether a model's statistics are those of these rows, to the bit."""
        if preprocess.describe() != self.layer.describe():
            return False
        own = dict(preprocess.named_buffers())
        return all(torch.equal(buffer, own[name].cpu()) for name, buffer in self.layer.named_buffers())

    def _load(self, index: Tensor) -> MemoryLoader:
        return MemoryLoader(self.X, self.y, max(self.batch_size, _EVAL_BATCH), index=index)

    def _append(self, table: Table, test: str | Path | Table, frame: Any, labels: np.ndarray) -> tuple[Any, np.ndarray]:
        """Put the rows of a test file below the others."""
        import pandas as pd

        other = test if isinstance(test, Table) else read_table(test)
        absent = [name for name in frame.columns if name not in other.frame.columns]
        if absent:
            raise UsageError(f"{other.path}: it lacks the columns {join_names(absent)} of {table.path.name}")
        try:
            targets = read_target(other.frame[self.target.name], self.target)
        except FathomError as error:
            raise FathomError(f"{other.path}: {error}") from None
        return (
            pd.concat([frame, other.frame[list(frame.columns)]], ignore_index=True),
            np.concatenate([labels, targets]),
        )

    def _split(self, labels: np.ndarray, num_own: int, val: float, fold: Fold | None, *, cut_test: bool) -> None:
        """Divide the rows that have a target."""
        has_target = labels >= 0 if self.task == "classification" else np.isfinite(labels)
        rows = np.flatnonzero(has_target[:num_own])
        if len(rows) < num_own:
            self.notes.append(f"left out: {counted(num_own - len(rows), 'row')} without {self.target.name}")
        if len(rows) < 3:
            raise FathomError(f"{self.name}: {counted(len(rows), 'row')} with a target: too few to learn from")
        test: np.ndarray | None = None
        held_out: np.ndarray | None = None
        if cut_test and val:
            rows, test = _cut(rows, labels, val, self.split_seed + 1)
        if fold is not None:
            self.notes += describe_small_classes(labels[rows], fold.of, self.class_names)
            rows, test = (rows[part] for part in fold.cut(labels[rows], self.split_seed))
            self.notes.insert(0, fold.describe(counted(len(test), "row")))
        elif not cut_test:
            test = num_own + np.flatnonzero(has_target[num_own:])
            if not len(test):
                raise FathomError(f"{self.name}: no row of the test file has a {self.target.name}")
        if val:
            rows, held_out = _cut(rows, labels, val, self.split_seed)
        if self.task == "regression" and not np.ptp(labels[rows]) > 0:
            raise FathomError(f"{self.name}: {self.target.name} is the same in every training row; nothing to learn")
        self.train_index = torch.from_numpy(rows)
        self.val_index = None if held_out is None else torch.from_numpy(held_out)
        self.test_index = None if test is None else torch.from_numpy(test)
        self._test_numbers = np.array([]) if test is None else test + 1 - (0 if cut_test or fold else num_own)

    def _rows(self, index: Tensor) -> np.ndarray:
        return index.numpy()

    def _fit_scale(self, labels: np.ndarray) -> TargetScale | None:
        if self.task == "classification":
            return None
        part = labels[self._rows(self.train_index)]
        if self.target.log:
            if not labels[np.isfinite(labels)].min() > 0:
                raise UsageError(f"log_target needs values above 0 in every {self.target.name}, the test split's too")
            part = np.log(part)
        return TargetScale([float(part.mean())], [float(part.std())], log=self.target.log)


def _cut(rows: np.ndarray, labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Cut a part off; None where there are too few rows for even one."""
    kept, cut = stratified_split(labels[rows], share, seed)
    return rows[kept], rows[cut] if len(cut) else None


def _choose_batch_size(num_train: int) -> int:
    power_of_two = 1 << (max(1, num_train // 64).bit_length() - 1)
    return min(num_train, max(16, min(1024, power_of_two)))

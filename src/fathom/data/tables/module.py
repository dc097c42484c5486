"""A table as a data module: typed columns, honest splits, every row encoded once and held in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fathom.choices import Balance
from fathom.data.divided import InMemoryData, Rows
from fathom.data.loaders.memory import Augmentation
from fathom.data.module import check_balance, check_batch_size
from fathom.data.splits.cutter import Cutter
from fathom.data.splits.division import Division, as_division
from fathom.data.splits.folds import Fold
from fathom.data.tables.cells import canonical, read_cells
from fathom.data.tables.conform import conform
from fathom.data.tables.fit import FLOAT_DIGITS, Fitted, LeftOut, TableOptions, fit_columns
from fathom.data.tables.layer import TableInput, read_layer
from fathom.data.tables.reading import NO_MARKS, Marks, Table, read_frame, read_table
from fathom.data.tables.splits import NamedSplits, RowDivider, find_splits
from fathom.data.tables.target import find_target, read_target
from fathom.data.tables.times import read_times
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted
from fathom.preprocess import Preprocess, TargetScale

if TYPE_CHECKING:
    import pandas as pd

_EVAL_BATCH = 4096  # rows of a batch in evaluation
_FEWEST_STEPS = 64  # of an epoch, where nobody chose the batch size
_LEAST_BATCH, _MOST_BATCH = 16, 1024
_MOST_DIGITS = 15  # that a float64 keeps whatever the number


class TableData(InMemoryData):
    """A table whose column ``target`` is to be predicted from the others.

    The test split is ``table.test``, or is cut from the rows, as the validation split is: seeded, stratified where
    there are classes. Rows without a target are left out.

    Args:
        table: what ``read_table`` returned; ``TableData.read`` takes a file.
        batch_size: None takes about a 64th of the training rows, a power of two from 16 to 1024.
        options: what the user says of the columns, the target's among them.
        val: share of the rows for validation, and as much again for testing where there is no ``table.test``; a
            ``Division`` says more.
        augment: noise on the inputs, where all of them are numbers.
        seed: of the order of the rows, and of the division unless that has its own.
        balance: give classes of unequal size the same say.
    Raises:  UsageError for a column or option that does not fit; FathomError for a table that cannot be learned from
    """

    is_encoded = True

    def __init__(
        self,
        table: Table,
        batch_size: int | None = None,
        *,
        target: str | None,
        options: TableOptions | None = None,
        val: float | Division = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        balance: Balance = "none",
    ) -> None:
        options = options or TableOptions()
        division, self.split_seed = as_division(val, seed)
        self.name, self.seed, self.augment = str(table.path), seed, augment
        self.target = find_target(table, target, options.task, options.log_target)
        self.task, self.class_names = self.target.task, self.target.class_names
        check_balance(balance, self.task, self.name)
        self.balance = balance
        self.notes: list[str] = [*table.notes, f"task: {self.task} ({self.target.name}: {self.target.reason})"]
        self.notes += [f"{self.target.name}: {line}" for line in self.target.spellings]
        frame = table.frame
        # of all rows, with a target or without
        labels = read_target(frame[self.target.name], self.target, table.form.decimal)
        num_own = len(labels)  # the file's own; rows of a test file follow
        named = find_splits(table, self.target.name, options)
        self.notes += named.notes
        options = replace(options, split_column=named.column)
        self._test_file = None if table.test is None else str(table.test.path.name)
        if table.test is not None and division.fold is None:  # a fold is tested on rows of the training file
            frame, labels = self._append(table, table.test, frame, labels)
        self.cutter = _make_cutter(frame, labels, options)
        self.places = rows = self._divide(labels, num_own, division, named)
        fitted = self._fit(table, frame, num_own, options)
        self.scale = self._fit_scale(labels, rows["train"])
        digits = FLOAT_DIGITS if self.scale is None else _count_digits(labels[rows["train"]], self.scale)
        encoding = "" if table.form.encoding.startswith("utf") else table.form.encoding
        self.layer = TableInput(fitted.columns, fitted.left_out, self.target.name, digits, encoding, self.parts)
        self.layer.fit(fitted, rows["train"])
        self._labels = labels
        y = torch.from_numpy(labels)  # (N,)
        # regression: float32 (N, 1)
        everything = Rows(self.layer.encode(fitted.raw), y if self.scale is None else self.scale.scale(y[:, None]))
        if self.parts:
            self._deal_parts(everything)
        self.splits = {name: everything.take(index) for name, index in rows.items()}
        self._test_frame = frame.iloc[rows["test"]] if "test" in rows else None
        self.has_test_file = table.test is not None and division.fold is None
        self._unlabelled: Tensor | None = None  # rows without a target, to be compared with
        self.batch_size = batch_size or _choose_batch_size(self.num_train)
        check_batch_size(self.batch_size, self.num_train, self.name)
        self.notes += self._describe_balance()
        # codes of categories stand last; noise would change them
        if augment is not None and self.X.shape[1] > self.layer.num_dense:
            raise UsageError("input noise needs a table of numbers; this one has categories")

    @classmethod
    def read(
        cls,
        path: str | Path,
        batch_size: int | None = None,
        *,
        test: str | Path | None = None,
        marks: Marks = NO_MARKS,
        **options: Any,
    ) -> TableData:
        """Make it from a file, and one of the test split where there is one.

        Args:
            marks: what stands for missing cells, and what does not.
            options: those of the class.
        """
        target = options.get("target")
        table = read_table(path, target=target, marks=marks)
        others = None
        if test is not None:
            others = read_table(test, header=table.form.has_header, target=target, marks=marks)
        return cls(replace(table, test=others), batch_size, **options)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        batch_size: int | None = None,
        *,
        target: str,
        test: pd.DataFrame | None = None,
        name: str = "DataFrame",
        **options: Any,
    ) -> TableData:
        """Make it from a DataFrame, and one of the test split where there is one, as from the files that they would be.

        Args:
            name: what messages call the data.
            options: those of the class.
        """
        table = read_frame(frame, name, target=target)  # the same path as for a file: equal rows, equal numbers
        others = None if test is None else read_frame(test, name, target=target)
        return cls(replace(table, test=others), batch_size, target=target, **options)

    @property
    def is_unlabelled(self) -> bool:
        """Whether the rows to compare with have no target."""
        return self._unlabelled is not None

    def compare_with(self, table: Table, other: Table) -> None:
        """Take the rows of a test file without a target, to be compared with those of the training split.

        Args:
            table: what the data was made of.
        Raises:  UsageError, FathomError for other columns or units
        """
        self._unlabelled = self.encode_table(table, other)

    def encode_table(self, table: Table, other: Table) -> Tensor:
        """Return the rows of another file, which needs no target, as those of the table are encoded.

        Shape:   -> float32 (M, D)
        Args:
            table: what the data was made of.
        Raises:  UsageError, FathomError for other columns or units
        """
        frame = conform(table, other, [column.name for column in self.layer.columns])
        raw = np.stack([read_cells(frame[column.name], column) for column in self.layer.columns], 1)  # (M, columns)
        return self.layer.encode(raw)[:, : self.layer.num_cells]

    def foreign_rows(self) -> Tensor | None:
        """Return the encoded rows of a test file, with a target or without; None where there is no such file.

        Shape:   -> float32 (M, D)
        """
        if self._unlabelled is not None or not self.has_test_file:
            return self._unlabelled
        index = self.splits["test"].index
        return (self.X if index is None else self.X[index])[:, : self.layer.num_cells]

    def train_rows(self) -> Tensor:
        """Return the encoded rows of the training split.

        Shape:   -> float32 (N, D)
        """
        return self.X[self.train_index][:, : self.layer.num_cells]

    @property
    def train_index(self) -> Tensor:
        """Rows of the training split."""
        index = self.splits["train"].index
        assert index is not None
        return index

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
        layer = read_layer(self.layer.describe())
        for name, buffer in self.layer.named_buffers():
            layer.get_buffer(name).copy_(buffer)  # the statistics alone: embeddings are drawn anew
        return layer

    def target_scale(self) -> TargetScale | None:
        """Return mean and standard deviation of the target over the training split; None of classes."""
        return self.scale

    def truth(self, split: str) -> Tensor | None:
        """Return the numbers of a split as the file has them, float64 (N, 1); None of classes."""
        index = self.splits["train" if split == "val" and self.parts else split].index
        assert index is not None
        return None if self.scale is None else torch.from_numpy(self._labels)[index, None]

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
        return np.stack([read_cells(self._test_frame[column.name], column) for column in self.layer.columns], 1)

    @property
    def evaluation_batch(self) -> int:
        """Rows of a batch in evaluation."""
        return max(self.batch_size, _EVAL_BATCH)

    def matches(self, preprocess: Preprocess) -> bool:
        """Whether a model's statistics are those of these rows, to the bit."""
        if preprocess.describe() != self.layer.describe():  # columns first: cheap, and it tells most
            return False
        own = dict(preprocess.named_buffers())
        return all(torch.equal(buffer, own[name].cpu()) for name, buffer in self.layer.named_buffers())

    def _append(self, table: Table, other: Table, frame: Any, labels: np.ndarray) -> tuple[Any, np.ndarray]:
        """Put the rows of a test file below the others."""
        import pandas as pd

        others = conform(table, other, list(frame.columns))
        try:
            targets = read_target(other.frame[self.target.name], self.target, other.form.decimal)
        except FathomError as error:
            raise FathomError(f"{other.path}: {error}") from None
        return (
            pd.concat([frame, others], ignore_index=True),
            np.concatenate([labels, targets]),
        )

    def _divide(
        self, labels: np.ndarray, num_own: int, division: Division, named: NamedSplits
    ) -> dict[str, np.ndarray]:
        """Return the rows of each split, of those that have a target.

        Args:
            num_own: rows of the table itself; those of its test file follow.
            named: the splits that a column of the table names.
        """
        # −1 or NaN: the target is missing
        has_target = labels >= 0 if self.task == "classification" else np.isfinite(labels)
        if (count := num_own - int(has_target[:num_own].sum())) > 0:
            self.notes.append(f"left out: {counted(count, 'row')} without {self.target.name}")
        divider = RowDivider(
            self.name, labels, has_target, num_own, self._test_file, self.cutter, named, self.class_names
        )
        if division.parts and not self._can_part(division, named):
            division = replace(division, parts=0)
        places, notes = divider.divide(division, self.split_seed)
        self.parts = division.parts
        if division.fold is not None:  # the first note: what the test split of this run is
            self.notes.insert(0, division.fold.describe(counted(len(places["test"]), "row")))
        self.notes += notes
        places["train"] = division.thin(places["train"], labels)
        if self.task == "regression" and not np.ptp(labels[places["train"]]) > 0:
            raise FathomError(f"{self.name}: {self.target.name} is the same in every training row; nothing to learn")
        # counted from 1, in the file that they are from
        first = num_own if self._test_file is not None and division.fold is None else 0
        self._test_numbers = places.get("test", np.array([])) + 1 - first
        return places

    def _can_part(self, division: Division, named: NamedSplits) -> bool:
        """Whether members of an ensemble can validate the rows that each of them is kept from."""
        has_own = named.of is not None and bool((named.of == "val").any())
        # the newest rows are to be foretold, not rows from between
        return bool(division.val) and not has_own and self.cutter.times is None and self.augment is None

    def _deal_parts(self, everything: Rows) -> None:
        """Write into the last column of each training row which part it is in: classes and groups as in folds."""
        assert everything.X is not None
        for part in range(self.parts):
            _, own = self.cutter.cut_fold(self.places["train"], Fold(part, self.parts), self.split_seed)
            everything.X[torch.from_numpy(own), -1] = part
        self.notes.append(
            f"validation: each of the {self.parts} members of the network is kept from a part of the rows, and answers "
            "for it"
        )

    def val_dataloader(self) -> Any:
        """Return the validation split; with parts the training rows, each for the member that is kept from it."""
        return self._load("train") if self.parts else super().val_dataloader()

    def _fit(self, table: Table, frame: pd.DataFrame, num_own: int, options: TableOptions) -> Fitted:
        """Find out what the columns hold, and say which are left out."""
        fitted = fit_columns(
            frame,
            self.target.name,
            self.places["train"],
            options,
            table.rewritten,
            marks=table.marks,
            own=num_own,
            is_indexed=table.form.is_indexed,
        )
        self.notes += [f"{column.name}: left out, {column.reason}{_advise(column)}" for column in fitted.left_out]
        self.notes += fitted.notes
        return fitted

    def _fit_scale(self, labels: np.ndarray, train: np.ndarray) -> TargetScale | None:
        if self.task == "classification":
            return None
        known = labels[train]
        if self.target.log:
            if not labels[np.isfinite(labels)].min() > 0:  # scale() takes logarithms of all of them
                raise UsageError(f"log_target needs values above 0 in every {self.target.name}, the test split's too")
            known = np.log(known)
        return TargetScale([float(known.mean())], [float(known.std())], log=self.target.log)


def _make_cutter(frame: pd.DataFrame, labels: np.ndarray, options: TableOptions) -> Cutter:
    """Make what cuts the rows, by groups or times where they are asked for.

    Raises:  UsageError for a column that is not there, and for both
    """
    options.check(list(frame.columns))
    groups, times = None, None
    if options.group_column is not None:
        cells = frame[options.group_column]
        groups = ["" if is_missing else canonical(v) for v, is_missing in zip(cells, cells.isna(), strict=True)]
    if options.time_column is not None:
        times = read_times(frame[options.time_column], options.time_column, day_first=options.day_first)
    return Cutter(labels, None, groups, times, f"column {options.group_column or options.time_column}")


def _advise(column: LeftOut) -> str:
    """Say how a column is used that was taken for what names the rows."""
    return f" (data.options.keep=[{column.name}] uses it)" if column.is_id else ""


def _count_digits(labels: np.ndarray, scale: TargetScale) -> int:
    """Count the significant digits of a prediction: what float32 carries, more where all lie far from 0."""
    if scale.log:
        return FLOAT_DIGITS
    spreads = float(np.abs(labels).max()) / float(scale.std)  # how many times the deviation the values are from 0
    return min(_MOST_DIGITS, FLOAT_DIGITS + max(0, math.floor(math.log10(spreads))))


def _choose_batch_size(num_train: int) -> int:
    power_of_two = 1 << (max(1, num_train // _FEWEST_STEPS).bit_length() - 1)
    return min(num_train, max(_LEAST_BATCH, min(_MOST_BATCH, power_of_two)))

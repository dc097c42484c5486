"""Which rows of a table are in which split: as a column or a test file says, else cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fathom.data.splits.cutter import Cutter
from fathom.data.splits.division import Division
from fathom.data.splits.folds import describe_small_classes
from fathom.data.splits.origins import describe_origins
from fathom.data.splits.split_column import find_split_column
from fathom.data.splits.split_names import SPLITS
from fathom.data.tables.cells import canonical
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.reading import Table
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted

_FEWEST_ROWS = 3  # one for each split


@dataclass(frozen=True)
class NamedSplits:
    """The column that divides the rows, and what it says of each; None where no column does.

    Shape:   of (N,), texts: a split, or "" for an empty cell
    """

    column: str | None = None
    of: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def divide(self, rows: np.ndarray, name: str) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return the rows of each split that the column names, and what is left out; without a column all are to train.

        Shape:   rows int64 (n,)
        Raises:  FathomError where no row is for training
        """
        if self.of is None:
            return {"train": rows}, []
        places = {split: rows[self.of[rows] == split] for split in SPLITS}
        if not len(places["train"]):
            raise FathomError(f"{name}: column {self.column} names no row with a target for training")
        places = {split: part for split, part in places.items() if len(part)}
        left_out = len(rows) - sum(map(len, places.values()))
        return places, [f"left out: {counted(left_out, 'row')} without a split in {self.column}"] if left_out else []


@dataclass(frozen=True)
class RowDivider:
    """Divides the rows that have a target.

    Shape:   labels and has_target (N,)
    Attributes:
        name: of the table, for messages.
        num_own: rows of the table itself; those of its test file follow.
        test_file: name of that file; None without one.
        named: the splits that a column names.
        class_names: of labels; none of numbers.
    """

    name: str
    labels: np.ndarray
    has_target: np.ndarray
    num_own: int
    test_file: str | None
    cutter: Cutter
    named: NamedSplits
    class_names: tuple[str, ...] = ()

    def divide(self, division: Division, seed: int) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return the rows of each split, and what there is to say; what nothing names is cut from the training rows.

        Raises:  UsageError, FathomError where too little is left for a split
        """
        val, fold = division.val, division.fold
        places, origins, notes = self._given(is_folded=fold is not None)
        cut = []
        if val and "test" not in places and self.test_file is None:
            self._cut(places, "test", val, seed + 1)  # another seed than for validation: the two cuts are independent
            cut.append("test")
        if fold is not None:
            notes += describe_small_classes(self.labels[places["train"]], fold.of, self.class_names)
            places["train"], places["test"] = self.cutter.cut_fold(places["train"], fold, seed)
        if val and "val" not in places and not division.parts:
            self._cut(places, "val", val, seed)
            cut.append("val")
        places = {name: places[name] for name in SPLITS if name in places}
        cut = [name for name in ("val", "test") if name in cut and name in places]
        notes += [*self.cutter.describe(places, cut, "row"), *self.cutter.describe_torn(places)]
        notes.append(describe_origins(list(places), origins, division, seed, self.cutter.how, "rows"))
        return places, notes

    def _given(self, *, is_folded: bool) -> tuple[dict[str, np.ndarray], dict[str, str], list[str]]:
        """Return the rows of each split that is given, where they come from, and what is left out."""
        rows = np.flatnonzero(self.has_target[: self.num_own])
        if len(rows) < _FEWEST_ROWS:
            raise FathomError(f"{self.name}: {counted(len(rows), 'row')} with a target: too few to learn from")
        places, notes = self.named.divide(rows, self.name)
        origins = dict.fromkeys(places, f"column {self.named.column}") if self.named.column is not None else {}
        if self.test_file is None:
            return places, origins, notes
        if "test" in places:
            raise UsageError(
                f"--test names a file, and column {self.named.column} names rows for testing too; leave --test out, or "
                "divide the rows anew with --split-column none"
            )
        if not is_folded:  # a fold is tested on rows of the table
            places["test"] = self.num_own + np.flatnonzero(self.has_target[self.num_own :])
            origins["test"] = f"file {self.test_file}"
            if not len(places["test"]):
                raise FathomError(f"{self.name}: no row of the test file has a target")
        return places, origins, notes

    def _cut(self, places: dict[str, np.ndarray], name: str, share: float, seed: int) -> None:
        """Hold a share of the training rows out, in place; nothing where that is not even one."""
        places["train"], held_out = self.cutter.cut_share(places["train"], share, seed)
        if len(held_out):
            places[name] = held_out


def find_splits(table: Table, target: str, options: TableOptions) -> NamedSplits:
    """Find the column that says which split each row is in: the one asked for, or one by its name.

    Raises:  UsageError for a column that is not there, or whose values name no splits
    """
    names = [str(name) for name in table.frame.columns]
    taken = {names.index(name) for name in (target, options.group_column, options.time_column) if name in names}

    def texts(place: int) -> np.ndarray:
        cells = table.frame.iloc[:, place]
        is_missing = cells.isna()
        return np.array(["" if gap else canonical(v) for v, gap in zip(cells, is_missing, strict=True)], dtype=object)

    found = find_split_column(
        table.path,
        names,
        lambda place: dict.fromkeys(texts(place).tolist()),
        options.split_column,
        taken,
        holds_features=True,
    )
    if found.place is None:
        return NamedSplits(notes=found.notes)
    column = names[found.place]
    of = np.array([found.split_of[text] for text in texts(found.place)], dtype=object)
    return NamedSplits(column, of, found.notes)

"""Images named, with their labels, in a file of rows: ``file,label``. Reading it needs neither torch nor pandas."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.data.images.labels.columns import FoundColumns, find_columns, label_hint, shorten
from fathom.data.images.labels.locations import Location, Locator, tell_apart
from fathom.data.images.labels.options import MULTILABEL, LabelOptions
from fathom.data.images.labels.table import cell_of, read_label_rows
from fathom.data.images.labels.targets import LabelColumns, Targets, find_targets
from fathom.data.splits.split_names import SPLITS
from fathom.data.tables.cells import MISSING
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted, enumerated

_NAMED = 3  # files that a name may mean


@dataclass(frozen=True)
class _Row:
    number: int  # counted from 1 below the header
    file: str
    cells: tuple[str, ...]  # of the label columns
    split: str
    group: str
    time: str


_Found = tuple[Path, np.ndarray, _Row]  # a file, its target, its row


def read_image_table(table: str | Path, images: str | Path, **options: Any) -> ImageFiles:
    """List the images that a file of rows names, with their classes, their labels, or a number each.

    Names are relative to ``images``; the file that is meant lies below it and may differ in writing, see ``Locator``.
    Rows without a label are left out. A column that says train, val or test for each row divides the images; a row of
    which it says nothing is left out. Labels that are the same number (1, 1.0, 01) are one class.

    Args:
        options: those of ``LabelOptions``; what is not given is found out.
    Raises:  FathomError if the file cannot be read, names no image that is there, or one outside of ``images``;
        UsageError for a column that is not there or cannot be found, where several name files, and for a split column
        with values that name no split
    """
    table, images, asked = Path(table), Path(images), LabelOptions(**options)
    if not images.is_dir():
        raise UsageError(f"--images: no such folder: {images}")
    locator = Locator(images)  # finds the files below the folder, whatever their names' form
    form, rows = read_label_rows(table, asked)
    columns = find_columns(table, form, rows, asked, locator)
    if not columns.labels:
        hint = label_hint(form.names, rows, columns)
        raise UsageError(f"{table}: which of its columns ({shorten(form.names)}) is the label? {hint}")
    entries, notes = _take_rows(table, rows, columns, asked)
    names = tuple(form.names[i] for i in columns.labels)
    described = LabelColumns(table.name, names, form.decimal, columns.is_named, form.has_header)
    targets = find_targets(described, [entry.cells for entry in entries], asked)
    locations, told = _locate(table, locator, entries)
    found, missing = _sort_out(entries, targets, locations, locator)
    listed = {name: _make_list(part, columns, asked) for name, part in found.items()}
    if "train" not in listed:
        raise _explain_nothing(table, locator, entries, missing, is_any=bool(listed))
    splits = [listed.get(name) for name in SPLITS]
    assert splits[0] is not None
    is_cut = (columns.group, columns.time) != (None, None)
    origin = "" if columns.split is None else f"column {form.names[columns.split]} of {table.name}"
    return ImageFiles(
        splits[0],
        splits[1],
        splits[2],
        targets.class_names,
        (*form.notes, *columns.notes, *notes, *targets.notes, *_say_repeated(table, entries, targets), *told),
        missing,
        name=str(table),
        origins={name: origin for name in listed if origin},
        task=targets.task,
        target=targets.name,
        cut_by=f"column {asked.group_column or asked.time_column} of {table.name}" if is_cut else "",
    )


def _take_rows(
    table: Path, rows: list[list[str]], columns: FoundColumns, asked: LabelOptions
) -> tuple[list[_Row], list[str]]:
    """Return the rows that have a file and a label, each once, and say what was left out."""
    seen: dict[tuple[str, ...], _Row] = {}  # in order; a row that repeats another counts once
    left_out: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        file, cell = cell_of(row, columns.file), cell_of(row, columns.split)
        cells = tuple(cell_of(row, column) for column in columns.labels)
        told = [label for label in cells if label not in asked.blanks]
        # the split that the cell's text stands for
        split = "train" if columns.split is None else columns.split_of[cell]
        if not file:
            left_out["without a file"] += 1
        elif not told:
            left_out[f"without a label{_name_mark(cells[0])}"] += 1
        elif not split:
            left_out["without a split"] += 1
        elif (file, *cells) in seen:
            left_out["repeating another one"] += 1
        else:
            group, time = cell_of(row, columns.group), cell_of(row, columns.time)
            seen[file, *cells] = _Row(number, file, cells, split, group, time)
    if not seen:
        raise FathomError(f"{table}: no row has both a file and a label")
    return list(seen.values()), [
        f"{table.name}: left out: {counted(count, 'row')} {why}" for why, count in left_out.items()
    ]


def _name_mark(cell: str) -> str:
    """Name what stands for a label that is not there, and how it becomes one."""
    return f" ({cell}; data.options.not_missing=[{cell}] takes it for one)" if cell else ""


def _locate(table: Path, locator: Locator, entries: Sequence[_Row]) -> tuple[dict[str, Location], list[str]]:
    """Find the file of each name, and say where names differ."""
    locator.go_down(entries[0].file)  # a folder packed once more is gone through
    outside = next((entry for entry in entries if locator.climbs(entry.file)), None)
    if outside is not None:
        raise _is_outside(table, locator, outside)
    names = list(dict.fromkeys(entry.file for entry in entries))  # each name once: looking for a file takes time
    base = locator.base
    found, notes = tell_apart(names, list(map(locator.find, names)), lambda path: os.path.relpath(path, base))
    return dict(zip(names, found, strict=True)), [f"{table.name}: {line}" for line in notes]


def _sort_out(
    entries: Sequence[_Row], targets: Targets, locations: Mapping[str, Location], locator: Locator
) -> tuple[dict[str, list[_Found]], tuple[tuple[str, str], ...]]:
    """Return the files of each split, and those that are not there, with the reason.

    A file of several rows has the labels of all of them; its classes contradict one another, and stay.
    """
    found: dict[str, list[_Found]] = {}
    first: dict[Path, np.ndarray] = {}
    missing: dict[str, str] = {}
    for entry, value in zip(entries, targets.values, strict=True):
        location = locations[entry.file]
        if location.path is None:
            missing[str(locator.base / entry.file)] = _explain(location, locator)
        elif targets.multilabel and location.path in first:
            # several rows of one image: all their labels hold
            np.maximum(first[location.path], value, out=first[location.path])
        else:
            first[location.path] = value = np.array(value)  # a copy: labels of later rows are added in place
            found.setdefault(entry.split, []).append((location.path, value, entry))
    return found, tuple(missing.items())


def _make_list(found: Sequence[_Found], columns: FoundColumns, asked: LabelOptions) -> FileList:
    """Return the files of a split, with what their rows say of groups and times."""
    paths, values, rows = zip(*found, strict=True)
    times = None
    if columns.time is not None:
        from fathom.data.tables.times import read_times  # pandas, which no other label file needs

        times = read_times([row.time if row.time not in MISSING else None for row in rows], asked.time_column or "")
    groups = None
    if columns.group is not None:
        groups = tuple("" if row.group in MISSING else row.group for row in rows)  # "": a group of its own
    return FileList(paths, np.stack(values), groups, times)


def _explain(location: Location, locator: Locator) -> str:
    if not location.others:
        return "does not exist"
    several = enumerated([os.path.relpath(path, locator.base) for path in location.others], _NAMED)
    return f"may be one of several files: {several}"


def _explain_nothing(
    table: Path, locator: Locator, entries: Sequence[_Row], missing: Sequence[tuple[str, str]], *, is_any: bool
) -> FathomError:
    """Return the error for a file that names no image to learn from."""
    # no file at all, and the first lies elsewhere: the folder is wrong
    if not is_any and locator.is_elsewhere(entries[0].file):
        return _is_outside(table, locator, entries[0])
    what = "none of them is for training" if is_any else f"none of them is in {locator.images}; is --images right?"
    first = f" (the first: {' '.join(missing[0])})" if missing else ""
    return FathomError(f"{table} names {len(entries):,} images, but {what}{first}")


def _is_outside(table: Path, locator: Locator, entry: _Row) -> FathomError:
    return FathomError(f"{table}: row {entry.number} names {entry.file}, which is not below {locator.images}")


def _say_repeated(table: Path, entries: Sequence[_Row], targets: Targets) -> list[str]:
    """Say that files stand in several rows with different classes or numbers."""
    times = Counter(entry.file for entry in entries)
    several = [file for file, count in times.items() if count > 1]
    if not several or targets.multilabel:
        return []
    number = counted(len(several), "image")
    which = f"{number} {'stands' if len(several) == 1 else 'stand'} in several rows with different labels"
    advice = f"; --task {MULTILABEL} takes them together" if targets.task == "classification" else ""
    return [f"{table.name}: {which}, such as {several[0]}{advice}"]

"""Images named, with their labels, in a file of rows: ``file,label``. Reading it needs neither torch nor pandas."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.data.images.formats import EXTENSIONS
from fathom.data.images.labels.columns import AskedColumns, FoundColumns, find_columns, shorten
from fathom.data.images.labels.locations import find_sample, go_down, locate
from fathom.data.images.labels.table import cell_of, read_label_rows
from fathom.data.images.split_names import SPLITS
from fathom.data.label_spellings import one_spelling
from fathom.data.tables.cells import MISSING
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted

_MOST_CLASSES_SHARE = 0.5  # of the rows: with more classes the column is hardly a label


@dataclass(frozen=True)
class _Row:
    number: int  # counted from 1 below the header
    file: str
    label: str
    split: str
    group: str
    time: str


def read_image_table(
    table: str | Path,
    images: str | Path,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    group_column: str | None = None,
    time_column: str | None = None,
) -> ImageFiles:
    """List the images that a file of rows names.

    Names are relative to ``images`` and stay below it; one without a suffix gets that of the file that is there. Rows
    without a label are left out. A column that says train, val or test for each row divides the images; a row of
    which it says nothing is left out. Labels that are the same number (1, 1.0, 01) are one class.

    Args:
        file_column, label_column, split_column: names of the columns; None finds them by name, and that of the files
            also by what is in it. A ``split_column`` "none" divides the images at random, whatever the file says.
        group_column: what stays on one side of a cut, such as a patient.
        time_column: dates or numbers, by which the newest images are held out.
    Raises:  FathomError if the file cannot be read, names no image that is there, or one outside of ``images``;
        UsageError for a column that is not there or cannot be found, where several name files, and for a split column
        with values that name no split
    """
    table, images = Path(table), Path(images)
    if not images.is_dir():
        raise UsageError(f"--images: no such folder: {images}")
    form, rows = read_label_rows(table)
    asked = AskedColumns(file_column, label_column, split_column, group_column, time_column)
    columns = find_columns(table, form.names, rows, asked, partial(find_sample, images))
    if columns.label is None:
        raise UsageError(f"{table}: which of its columns ({shorten(form.names)}) is the label? Say --label-column")
    entries, notes = _take_rows(table, rows, columns)
    spelling, merged = one_spelling([entry.label for entry in entries])
    notes += [f"{table.name}: {form.names[columns.label]}: {line}" for line in merged]
    names = _order_classes(table, form.names[columns.label], [spelling[entry.label] for entry in entries])
    images = go_down(images, entries[0].file)
    label_of = {name: label for label, name in enumerate(names)}
    found: dict[str, list[tuple[Path, int, _Row]]] = {}
    missing: list[str] = []
    suffixes = sorted(EXTENSIONS)
    for entry in entries:
        path = locate(table, images, entry.number, entry.file, suffixes)
        if path is None:
            missing.append(str(images / entry.file))
            continue
        found.setdefault(entry.split, []).append((path, label_of[spelling[entry.label]], entry))
    if "train" not in found:
        what = "none of them is for training" if found else f"none of them is in {images}; is --images right?"
        first = f" (the first: {missing[0]})" if missing else ""
        raise FathomError(f"{table} names {len(entries):,} images, but {what}{first}")
    splits = [_make_list(found[name], columns, time_column or "") if name in found else None for name in SPLITS]
    assert splits[0] is not None
    origin = "" if columns.split is None else f"column {form.names[columns.split]} of {table.name}"
    return ImageFiles(
        splits[0],
        splits[1],
        splits[2],
        names,
        (*columns.notes, *notes),
        tuple(missing),
        name=str(table),
        origins={name: origin for name in found if origin},
        cut_by=f"column {group_column or time_column} of {table.name}" if group_column or time_column else "",
    )


def _make_list(found: list[tuple[Path, int, _Row]], columns: FoundColumns, time_column: str) -> FileList:
    """Return the files of a split, with what their rows say of groups and times."""
    rows = [row for _, _, row in found]
    times = None
    if columns.time is not None:
        from fathom.data.tables.times import read_times  # pandas, which no other label file needs

        times = read_times([row.time if row.time not in MISSING else None for row in rows], time_column)
    groups = None
    if columns.group is not None:
        groups = tuple("" if row.group in MISSING else row.group for row in rows)
    labels = np.array([label for _, label, _ in found], dtype=np.int64)
    return FileList(tuple(path for path, _, _ in found), labels, groups, times)


def _take_rows(table: Path, rows: list[list[str]], columns: FoundColumns) -> tuple[list[_Row], list[str]]:
    """Return the rows that have a file and a label, each once, and say what was left out."""
    seen: dict[tuple[str, str], _Row] = {}
    left_out: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        file, label, cell = (cell_of(row, column) for column in (columns.file, columns.label, columns.split))
        split = "train" if columns.split is None else columns.split_of[cell]
        if not file:
            left_out["without a file"] += 1
        elif label in MISSING:
            left_out[f"without a label ({label})" if label else "without a label"] += 1
        elif not split:
            left_out["without a split"] += 1
        elif (file, label) in seen:
            left_out["repeating another one"] += 1
        else:
            group, time = cell_of(row, columns.group), cell_of(row, columns.time)
            seen[file, label] = _Row(number, file, label, split, group, time)
    if not seen:
        raise FathomError(f"{table}: no row has both a file and a label")
    notes = [f"{table.name}: left out: {counted(count, 'row')} {why}" for why, count in left_out.items()]
    return list(seen.values()), notes


def _order_classes(table: Path, column: str, labels: list[str]) -> tuple[str, ...]:
    names = set(labels)
    if len(names) > max(20, _MOST_CLASSES_SHARE * len(labels)):
        raise FathomError(
            f"{table}: {column} has {len(names):,} different values in {len(labels):,} rows; is it the label? "
            "(say --label-column; numbers cannot be predicted from images yet)"
        )
    if all(name.isascii() and name.isdigit() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))

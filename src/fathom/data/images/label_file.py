"""Images named, with their labels, in a file of rows: ``file,label``. Reading it needs neither torch nor pandas."""

from __future__ import annotations

import csv
import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.data.images.formats import EXTENSIONS, is_image
from fathom.data.images.label_columns import (
    LABEL_NAMES,
    SAMPLE,
    AskedColumns,
    FoundColumns,
    find_columns,
    plain,
    shorten,
)
from fathom.data.images.label_spellings import one_spelling, spelling_among
from fathom.data.images.split_names import SPLITS
from fathom.data.tables.cells import MISSING
from fathom.data.tables.reading import TableForm, find_form, open_table, read_rows
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted

_MOST_CLASSES_SHARE = 0.5  # of the rows: with more classes the column is hardly a label


@dataclass(frozen=True)
class _Row:
    number: int  # counted from 1 below the header
    file: str
    label: str
    split: str


def read_image_table(
    table: str | Path,
    images: str | Path,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
) -> ImageFiles:
    """List the images that a file of rows names.

    Names are relative to ``images`` and stay below it; one without a suffix gets that of the file that is there. Rows
    without a label are left out. A column that says train, val or test for each row divides the images; a row of
    which it says nothing is left out. Labels that are the same number (1, 1.0, 01) are one class.

    Args:
        file_column, label_column, split_column: names of the columns; None finds them by name, and that of the files
            also by what is in it. A ``split_column`` "none" divides the images at random, whatever the file says.
    Raises:  FathomError if the file cannot be read, names no image that is there, or one outside of ``images``;
        UsageError for a column that is not there or cannot be found, where several name files, and for a split column
        with values that name no split
    """
    table, images = Path(table), Path(images)
    if not images.is_dir():
        raise UsageError(f"--images: no such folder: {images}")
    form, rows = _read(table)
    asked = AskedColumns(file_column, label_column, split_column)
    columns = find_columns(table, form.names, rows, asked, partial(_find_sample, images))
    if columns.label is None:
        raise UsageError(f"{table}: which of its columns ({shorten(form.names)}) is the label? Say --label-column")
    entries, notes = _take_rows(table, rows, columns)
    spelling, merged = one_spelling([entry.label for entry in entries])
    notes += [f"{table.name}: {form.names[columns.label]}: {line}" for line in merged]
    names = _order_classes(table, form.names[columns.label], [spelling[entry.label] for entry in entries])
    images = _go_down(images, entries[0].file)
    label_of = {name: label for label, name in enumerate(names)}
    found: dict[str, tuple[list[Path], list[int]]] = {}
    missing: list[str] = []
    suffixes = sorted(EXTENSIONS)
    for entry in entries:
        path = _locate(table, images, entry.number, entry.file, suffixes)
        if path is None:
            missing.append(str(images / entry.file))
            continue
        paths, labels = found.setdefault(entry.split, ([], []))
        paths.append(path)
        labels.append(label_of[spelling[entry.label]])
    if "train" not in found:
        what = "none of them is for training" if found else f"none of them is in {images}; is --images right?"
        first = f" (the first: {missing[0]})" if missing else ""
        raise FathomError(f"{table} names {len(entries):,} images, but {what}{first}")
    splits = [
        FileList(tuple(found[name][0]), np.array(found[name][1], dtype=np.int64)) if name in found else None
        for name in SPLITS
    ]
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
    )


class ImageRows:
    """The images that a file of rows names, for a model to label: each row in its place, read as it is asked for.

    Labels may be there; a column that is not named for what it holds counts if it holds nothing but ``class_names``.

    Args:
        file_column, label_column: as for ``read_image_table``.
    Raises:  FathomError if the file cannot be read; UsageError for a folder or a column that is not there, or if no
        column is known to name the images
    """

    def __init__(
        self,
        table: str | Path,
        images: str | Path,
        class_names: Sequence[str],
        *,
        file_column: str | None = None,
        label_column: str | None = None,
    ) -> None:
        self.table, self.images = Path(table), Path(images)
        if not self.images.is_dir():
            raise UsageError(f"--images: no such folder: {images}")
        self._form = _find_form(self.table)
        sample = list(itertools.islice(_iterate(self.table, self._form), SAMPLE))
        if not sample:
            raise FathomError(f"{table}: has a header but no rows")
        asked = AskedColumns(file_column, label_column, "none")
        columns = find_columns(self.table, self._form.names, sample, asked, partial(_find_sample, self.images))
        self._file, self._label, self._class_names = columns.file, columns.label, tuple(class_names)
        named = (label_column, *LABEL_NAMES)
        if self._label is not None and plain(self._form.names[self._label]) not in map(plain, filter(None, named)):
            found = {row[self._label] for row in sample if len(row) > self._label}
            self._label = self._label if found - MISSING and found - MISSING <= set(class_names) else None
        self.images = _go_down(self.images, _cell(sample[0], self._file))

    @property
    def has_labels(self) -> bool:
        """Whether a column says what the images show."""
        return self._label is not None

    def __iter__(self) -> Iterator[tuple[str, str, Path | FathomError]]:
        """Return the name, the label ("" where there is none) and the file of every row, or what is wrong with it."""
        suffixes = sorted(EXTENSIONS)
        for number, row in enumerate(_iterate(self.table, self._form), 1):
            name, label = _cell(row, self._file), _cell(row, self._label)
            label = "" if label in MISSING else spelling_among(self._class_names, label)
            try:
                if not name:
                    raise FathomError(f"row {number} of {self.table} names no file")
                path = _locate(self.table, self.images, number, name, suffixes)
            except FathomError as error:
                yield name, label, error
            else:
                yield name, label, path or self.images / name


def _cell(row: list[str], column: int | None) -> str:
    return row[column] if column is not None and column < len(row) else ""


def _find_form(table: Path) -> TableForm:
    """Find out how the file is written; a first line that names an image is no header."""
    form = find_form(table)
    is_row = form.has_header and any(is_image(name) for name in form.names)
    return find_form(table, header=False) if is_row else form


def _read(table: Path) -> tuple[TableForm, list[list[str]]]:
    """Return how the file is written and all its rows."""
    form = _find_form(table)
    rows = list(_iterate(table, form))
    if not rows:
        raise FathomError(f"{table}: has a header but no rows")
    return form, rows


def _iterate(table: Path, form: TableForm) -> Iterator[list[str]]:
    try:
        with open_table(table, form.encoding) as file:
            for row in read_rows(file, form):
                yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise FathomError(f"{table}: not a file of rows ({error})") from error
    except (OSError, EOFError) as error:
        raise FathomError(f"{table}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _take_rows(table: Path, rows: list[list[str]], columns: FoundColumns) -> tuple[list[_Row], list[str]]:
    """Return the rows that have a file and a label, each once, and say what was left out."""
    seen: dict[tuple[str, str], _Row] = {}
    left_out: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        file, label, cell = (_cell(row, column) for column in (columns.file, columns.label, columns.split))
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
            seen[file, label] = _Row(number, file, label, split)
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


def _find_sample(images: Path, files: list[str]) -> list[Path | None]:
    """Find the files that some rows name, as far as they are below ``images``."""
    suffixes = sorted(EXTENSIONS)
    base = _go_down(images, next((file for file in files if file), ""))
    found: list[Path | None] = []
    for file in files:
        path = Path(os.path.normpath(base / file.replace("\\", "/")))
        found.append(_find(path, suffixes) if file and path.is_relative_to(os.path.normpath(base)) else None)
    return found


def _go_down(images: Path, file: str) -> Path:
    """Return the folder that names are relative to: ``images``, or the only one in it, as in what somebody packed."""
    suffixes = sorted(EXTENSIONS)
    base = images
    while _find(base / file, suffixes) is None:
        inside = [path for path in base.iterdir() if not path.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
            return images
        base = inside[0]
    return base


def _locate(table: Path, images: Path, number: int, file: str, suffixes: list[str]) -> Path | None:
    """Find the file that a row names, below ``images`` and nowhere else; None where there is none."""
    path = Path(os.path.normpath(images / file.replace("\\", "/")))
    if not path.is_relative_to(os.path.normpath(images)):
        raise FathomError(f"{table}: row {number} names {file}, which is not below {images}")
    return _find(path, suffixes)


def _find(path: Path, suffixes: list[str]) -> Path | None:
    """Find a file by its name, with a suffix or without; None where there is none."""
    if _is_file(path):
        return path
    if path.suffix.lower() in EXTENSIONS:
        return None
    for suffix in suffixes:
        candidate = path.with_name(path.name + suffix)
        if _is_file(candidate):
            suffixes.remove(suffix)
            suffixes.insert(0, suffix)  # most likely that of the next one too
            return candidate
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # of a folder that may not be looked into
        raise FathomError(f"cannot read the folder {path.parent} ({error.strerror})") from error

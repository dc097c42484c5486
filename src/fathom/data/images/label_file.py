"""Images named, with their labels, in a file of rows: ``file,label``. Reading it needs neither torch nor pandas."""

from __future__ import annotations

import csv
import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fathom.data.images.folder_listing import SPLITS, FileList, ImageFiles
from fathom.data.images.formats import EXTENSIONS, is_image
from fathom.data.tables.cells import MISSING
from fathom.data.tables.reading import Form, find_form, open_table, read_rows
from fathom.errors import FathomError, UsageError, unknown
from fathom.phrases import counted

# Names that the columns of such files have, in lower case without blanks and underscores; the first found is taken.
_FILE_NAMES = (
    *("file", "filename", "filepath", "path", "image", "imagename", "imagepath", "imagefile"),
    *("image", "img", "photo", "imageid", "fname", "name", "id"),
)
_LABEL_NAMES = ("label", "class", "classname", "category", "target", "species", "breed", "y")
_SPLIT_NAMES = ("split", "part", "subset", "set", "fold")
_SPLIT_OF = {name: part for part, names in SPLITS.items() for name in names}
_MOST_CLASSES_SHARE = 0.5  # of the rows: with more classes the column is hardly a label
_SHOWN = 5
_SAMPLE = 100  # rows that are looked into


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
    without a label are left out. A column that says train, val or test for each row divides the images.

    Args:
        file_column, label_column, split_column: names of the columns; None finds them by name, and that of the files
            also by what is in it.
    Raises:  FathomError if the file cannot be read, names no image that is there, or one outside of ``images``;
        UsageError for a column that is not there or cannot be found
    """
    table, images = Path(table), Path(images)
    if not images.is_dir():
        raise UsageError(f"there is no folder {images} for the images of {table}")
    form, rows = _read(table)
    file, label, split = _find_columns(table, form, rows, file_column, label_column, split_column)
    if label is None:
        raise UsageError(f"{table}: which of its columns ({_list(form.names)}) is the label? Say --label-column")
    columns = file, label, split
    entries, notes = _take_rows(table, rows, columns, split_column)
    names = _order_classes(table, form.names[columns[1]], [entry.label for entry in entries])
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
        labels.append(label_of[entry.label])
    if "train" not in found:
        what = "none of them is for training" if found else f"none of them is in {images}; is --images right?"
        first = f" (the first: {missing[0]})" if missing else ""
        raise FathomError(f"{table} names {len(entries):,} images, but {what}{first}")
    splits = [
        FileList(tuple(found[name][0]), np.array(found[name][1], dtype=np.int64)) if name in found else None
        for name in SPLITS
    ]
    assert splits[0] is not None
    return ImageFiles(splits[0], splits[1], splits[2], names, tuple(notes), tuple(missing), name=str(table))


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
            raise UsageError(f"there is no folder {images} for the images of {table}")
        self._form = _find_form(self.table)
        sample = list(itertools.islice(_iterate(self.table, self._form), _SAMPLE))
        if not sample:
            raise FathomError(f"{table}: has a header but no rows")
        self._file, self._label, _ = _find_columns(self.table, self._form, sample, file_column, label_column, None)
        named = (label_column, *_LABEL_NAMES)
        if self._label is not None and _plain(self._form.names[self._label]) not in map(_plain, filter(None, named)):
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
            label = "" if label in MISSING else label
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


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def _find_form(table: Path) -> Form:
    """Find out how the file is written; a first line that names an image is no header."""
    form = find_form(table)
    is_row = form.has_header and any(is_image(name) for name in form.names)
    return find_form(table, header=False) if is_row else form


def _read(table: Path) -> tuple[Form, list[list[str]]]:
    """Return how the file is written and all its rows."""
    form = _find_form(table)
    rows = list(_iterate(table, form))
    if not rows:
        raise FathomError(f"{table}: has a header but no rows")
    return form, rows


def _iterate(table: Path, form: Form) -> Iterator[list[str]]:
    try:
        with open_table(table, form.encoding) as file:
            for row in read_rows(file, form):
                yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise FathomError(f"{table}: not a file of rows ({error})") from error
    except (OSError, EOFError) as error:
        raise FathomError(f"{table}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _find_columns(
    table: Path,
    form: Form,
    rows: list[list[str]],
    file_column: str | None,
    label_column: str | None,
    split_column: str | None,
) -> tuple[int, int | None, int | None]:
    """Find the columns of files, labels and splits; of labels and splits there may be none."""
    names = form.names
    by_form = {_plain(name): i for i, name in enumerate(names)}

    def find(option: str, given: str | None, known: Sequence[str], taken: set[int | None]) -> int | None:
        if given is not None:
            if given not in names:
                raise unknown(f"column of {table.name} (--{option})", given, names)
            return names.index(given)
        return next((by_form[name] for name in known if by_form.get(name) not in {None, *taken}), None)

    file = find("file-column", file_column, (), set())
    label = find("label-column", label_column, (), set())
    sample = rows[:_SAMPLE]
    if file is None:  # what is in a column tells more than its name
        filled = [sum(len(row) > i and is_image(row[i]) for row in sample) for i in range(len(names))]
        most = max(range(len(names)), key=filled.__getitem__)
        file = most if filled[most] > len(sample) // 2 else find("file-column", None, _FILE_NAMES, {label})
    if file is None:
        raise UsageError(
            f"{table}: none of its columns ({_list(names)}) is known to name the images; say --file-column"
        )
    split = find("split-column", split_column, _SPLIT_NAMES, {file, label})
    if split is not None and split_column is None:  # by its name alone it may be something else
        split = split if all(row[split].lower() in _SPLIT_OF for row in rows if len(row) > split) else None
    if label is None:
        label = find("label-column", None, _LABEL_NAMES, {file, split})
    others = [i for i in range(len(names)) if i not in (file, split)]
    if label is None and len(others) == 1:
        label = others[0]
    if label == file:
        raise UsageError(f"{table}: {names[file]} cannot be both the file and the label")
    return file, label, split


def _take_rows(
    table: Path, rows: list[list[str]], columns: tuple[int, int, int | None], split_column: str | None
) -> tuple[list[_Row], list[str]]:
    """Return the rows that have a file and a label, each once, and say what was left out."""
    file, label, split = columns
    seen: dict[tuple[str, str], _Row] = {}
    left_out: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        cells = [row[i] if i is not None and i < len(row) else "" for i in (file, label, split)]
        part = "train" if split is None else _SPLIT_OF.get(cells[2].lower(), "")
        if not part:
            raise UsageError(f"{table}: row {number} says {cells[2]!r} in {split_column}; it is train, val or test")
        if not cells[0]:
            left_out["without a file"] += 1
        elif cells[1] in MISSING:
            left_out["without a label"] += 1
        elif (cells[0], cells[1]) in seen:
            left_out["repeating another one"] += 1
        else:
            seen[cells[0], cells[1]] = _Row(number, cells[0], cells[1], part)
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


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


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

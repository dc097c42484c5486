"""Which columns of a label file hold the files, the labels and the splits. Loads without torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fathom.data.images.formats import is_image
from fathom.data.images.split_names import FLAG_NAMES, split_of, split_of_flag
from fathom.errors import UsageError, unknown

# Names that the columns of such files have, in lower case without blanks and underscores; the first found is taken.
_FILE_NAMES = (
    *("file", "filename", "filepath", "path", "image", "imagename", "imagepath", "imagefile"),
    *("image", "img", "photo", "imageid", "fname", "name", "id"),
)
LABEL_NAMES = ("label", "class", "classname", "category", "target", "species", "breed", "y")
_SPLIT_NAMES = ("split", "part", "subset", "set", "usage", "mlusage", "phase", "fold", *FLAG_NAMES)
_SHOWN = 5
SAMPLE = 100  # rows that are looked into


@dataclass(frozen=True)
class AskedColumns:
    """The columns that somebody named; None leaves one to be found.

    Attributes:
        split: "none" says that no column divides the images.
        group: what stays on one side of a cut, such as a patient.
        time: by which the newest are held out.
    """

    file: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class FoundColumns:
    """Columns by their places.

    Attributes:
        label, split: None where there is no such column.
        split_of: what each cell of the split column means, "" for an empty one.
        notes: what there is to say of the choice.
        group, time: None unless they were asked for.
    """

    file: int
    label: int | None
    split: int | None = None
    split_of: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    group: int | None = None
    time: int | None = None


def plain(name: str) -> str:
    """Return a column's name without what people write differently."""
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def shorten(names: Sequence[str]) -> str:
    """Name the first of them."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def find_columns(
    table: Path,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    asked: AskedColumns,
    locate: Callable[[list[str]], list[Path | None]],
) -> FoundColumns:
    """Find the columns of files, labels and splits; of labels and splits there may be none.

    Args:
        locate: returns the files that some cells of one column name, None for those that are not there.
    Raises:  UsageError for a column that is not there, where several name files, and for a split column with values
        that mean no split beside some that do
    """
    group = _given(table, "group-column", asked.group, names)
    time = _given(table, "time-column", asked.time, names)
    label = _given(table, "label-column", asked.label, names)
    file = _given(table, "file-column", asked.file, names)
    notes: list[str] = []
    if file is None:
        file, notes = _find_files(table, names, rows[:SAMPLE], locate)
    if file is None:
        file = _by_name(names, _FILE_NAMES, {label})
    if file is None:
        raise UsageError(
            f"{table}: none of its columns ({shorten(names)}) is known to name the images; say --file-column"
        )
    split, meanings, note = _find_split(table, names, rows, asked.split, {file, label, group, time})
    if label is None:
        label = _by_name(names, LABEL_NAMES, {file, split, group, time})
    others = [i for i in range(len(names)) if i not in (file, split, group, time)]
    if label is None and len(others) == 1:
        label = others[0]
    if label == file:
        raise UsageError(f"{table}: {names[file]} cannot be both the file and the label")
    return FoundColumns(file, label, split, meanings, (*notes, *note), group, time)


def _given(table: Path, option: str, name: str | None, names: Sequence[str]) -> int | None:
    if name is None:
        return None
    if name not in names:
        raise unknown(f"column of {table.name} (--{option})", name, names)
    return names.index(name)


def _by_name(names: Sequence[str], known: Sequence[str], taken: set[int | None]) -> int | None:
    by_form = {plain(name): i for i, name in enumerate(names)}
    return next((by_form[name] for name in known if by_form.get(name) not in {None, *taken}), None)


def _find_files(
    table: Path,
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    locate: Callable[[list[str]], list[Path | None]],
) -> tuple[int | None, list[str]]:
    """Find the column whose cells are files: what is in a column tells more than its name."""
    cells = [[row[i] if i < len(row) else "" for row in sample] for i in range(len(names))]
    named = [i for i in range(len(names)) if 2 * sum(map(is_image, cells[i])) > len(sample)]
    if len(named) < 2:
        return (named[0] if named else None), []
    there = {i: locate(cells[i]) for i in named}
    present = [i for i in named if any(there[i])] or named[
        :1
    ]  # of none that is there the images are said to be missing
    different = [i for i in present if there[i] != there[present[0]]]
    columns = shorten([names[i] for i in named])
    if different:
        better = _by_name([names[i] for i in present], _FILE_NAMES, set())
        example = names[present[better or 0]]
        raise UsageError(
            f"{table}: several columns name files ({columns}); say which holds the images to learn from, such as "
            f"--file-column {example}"
        )
    return present[0], [f"{table.name}: of the columns that name files ({columns}), {names[present[0]]} is used"]


def _find_split(
    table: Path, names: Sequence[str], rows: Sequence[Sequence[str]], asked: str | None, taken: set[int | None]
) -> tuple[int | None, dict[str, str], list[str]]:
    """Find the column that divides the rows, and what its cells mean."""
    if asked is not None and asked.lower() == "none" and asked not in names:
        return None, {}, []
    split = _given(table, "split-column", asked, names)
    candidates = [i for i, name in enumerate(names) if plain(name) in _SPLIT_NAMES and i not in taken]
    notes: list[str] = []
    usable: list[tuple[int, dict[str, str]]] = []
    for i in [split] if split is not None else candidates:
        cells = Counter(row[i] if i < len(row) else "" for row in rows)
        meanings = {cell: split_of(cell) or split_of_flag(names[i], cell) or "" for cell in cells}
        strange = [cell for cell, meaning in meanings.items() if cell and not meaning]
        if not strange and any(cells):
            usable.append((i, meanings))
        elif split is not None or any(meanings.values()):
            values = shorten([repr(cell) for cell in strange]) or "nothing"
            raise UsageError(
                f"{table}: {names[i]} says {values}, where a split is expected: train, val or test, or another "
                "usual name of one; rename them"
                + ("" if split is not None else ", or let the images be divided at random with --split-column none")
            )
        elif strange:
            values = shorten(strange)
            notes.append(
                f"{table.name}: {names[i]} is not used to divide the images: its values ({values}) name no split"
            )
    if len(usable) > 1:
        columns = shorten([names[i] for i, _ in usable])
        raise UsageError(f"{table}: several columns name splits ({columns}); say which with --split-column")
    return (*usable[0], notes) if usable else (None, {}, notes)

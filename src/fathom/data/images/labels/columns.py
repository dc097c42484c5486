"""Which columns of a label file hold the files, the labels and the splits. Loads without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fathom.data.images.formats import is_image
from fathom.data.images.labels.locations import Locator
from fathom.data.images.labels.options import LabelOptions
from fathom.data.splits.split_column import SplitColumn, find_split_column
from fathom.data.splits.split_names import split_of
from fathom.data.tables.cells import BOOLEANS
from fathom.data.tables.form import TableForm
from fathom.data.tables.written_numbers import is_number
from fathom.data.unicode_form import composed
from fathom.errors import UsageError, unknown

# Names that the columns of such files have, in lower case without blanks and underscores; the first found is taken.
_FILE_NAMES = (
    *("file", "filename", "filepath", "path", "image", "imagename", "imagepath", "imagefile"),
    *("img", "imgname", "imgpath", "photo", "imageid", "imageindex", "idcode", "isicid", "fname", "name", "id"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "classname", "classid", "category", "target", "species", "breed", "y"),
    *("labelname", "labelid", "categoryid", "classes", "tags", "diagnosis", "dx", "findinglabels"),
)
_SHOWN = 5
SAMPLE = 100  # rows that are looked into
_TWO_VALUES = ({"0", "1"}, {"-1", "1"})  # of a column that says whether a label holds; CelebA has the second


@dataclass(frozen=True)
class FoundColumns:
    """Columns by their places.

    Attributes:
        labels: that of the labels, or several: one for each label, of yes and no, or with a label in each; none where
            no column has any.
        split: None where no column divides the images.
        split_of: what each cell of the split column means, "" for an empty one.
        notes: what there is to say of the choice.
        is_named: whether somebody named the labels' column, or it has a usual name.
        group, time: None unless they were asked for.
    """

    file: int
    labels: tuple[int, ...] = ()
    split: int | None = None
    split_of: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_named: bool = False
    group: int | None = None
    time: int | None = None


def plain(name: str) -> str:
    """Return a column's name without what people write differently."""
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def shorten(names: Sequence[str]) -> str:
    """Name the first of them."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def holds(cell: str) -> bool | None:
    """Return what a cell of yes and no says; None where it says something else."""
    text = cell.lower()
    number = {"1.0": "1", "0.0": "0", "-1.0": "-1"}.get(text, text)
    if number in ("1", "0", "-1"):
        return number == "1"
    return None if text not in BOOLEANS else bool(BOOLEANS[text])


def find_columns(
    table: Path,
    form: TableForm,
    rows: Sequence[Sequence[str]],
    asked: LabelOptions,
    locator: Locator,
) -> FoundColumns:
    """Find the columns of files, labels and splits; of labels and splits there may be none.

    Raises:  UsageError for a column that is not there, where several name files, and for a split column with values
        that mean no split beside some that do
    """
    names = form.names
    notes: list[str] = []
    group = _given(table, "group-column", asked.group_column, names)
    time = _given(table, "time-column", asked.time_column, names)
    labels = _asked_labels(table, asked, names)
    file = _given(table, "file-column", asked.file_column, names)
    if file is None:
        file, notes = _find_files(table, names, rows[:SAMPLE], locator, labels)
    if file is None:
        file = _by_name(names, _FILE_NAMES, set(labels))
    if file is None:
        raise UsageError(
            f"{table}: none of its columns ({shorten(names)}) is known to name the images; say --file-column"
        )
    if file in labels:
        raise UsageError(f"{table}: {names[file]} cannot be both the file and the label")
    known = {file, *(place for place in (group, time) if place is not None)}
    split = _find_split(table, form, rows, asked.split_column, {*known, *labels})
    notes += split.notes
    is_named = bool(labels)
    if not labels:
        others = [i for i in range(len(names)) if i not in known | {split.place} and not (i == 0 and form.is_indexed)]
        labels, is_named, choice = _find_labels(table, form, rows, asked, others)
        notes += choice
    return FoundColumns(file, labels, split.place, split.split_of, tuple(notes), is_named, group, time)


def label_hint(names: Sequence[str], rows: Sequence[Sequence[str]], columns: FoundColumns) -> str:
    """Say how the labels' column is named, and that several may be."""
    others = [i for i in range(len(names)) if i not in (columns.file, columns.split, columns.group, columns.time)]
    binary = [names[i] for i in others if _says_yes_and_no(rows, i)]
    more = f", or for a label in each of several --label-column {','.join(binary)}" if len(binary) > 1 else ""
    return f"Say --label-column{more}"


def _asked_labels(table: Path, asked: LabelOptions, names: Sequence[str]) -> tuple[int, ...]:
    """Find the columns that somebody named: one, or several with commas between them."""
    label = asked.label_column
    if label is None:
        return ()
    several = [label] if isinstance(label, str) else list(label)
    if isinstance(label, str) and label not in names and "," in label:
        several = [name.strip() for name in label.split(",")]
    found = [_given(table, "label-column", name, names) for name in dict.fromkeys(several)]
    return tuple(place for place in found if place is not None)


def _find_labels(
    table: Path, form: TableForm, rows: Sequence[Sequence[str]], asked: LabelOptions, others: list[int]
) -> tuple[tuple[int, ...], bool, list[str]]:
    """Find the labels among the columns that nothing else is known of.

    Returns: their places, whether the name says so, and what there is to say
    """
    known = [i for name in LABEL_NAMES for i in others if plain(form.names[i]) == name]
    if known:
        chosen, *more = [form.names[i] for i in known]
        also = f"{table.name}: {chosen} is the label, and {shorten(more)} is not used (--label-column takes another)"
        return (known[0],), True, [also] if more else []
    if len(others) == 1:
        return (others[0],), False, []
    told = {i: {row[i] if i < len(row) else "" for row in rows} for i in others}
    filled = [i for i in others if told[i] != {""}]
    if len(filled) > 1 and all(_says_yes_and_no(rows, i) for i in filled):
        return tuple(filled), False, []
    filled = [i for i in filled if len(told[i]) > 1]  # what is the same in every row tells nothing
    texts = [row[i] for i in filled for row in rows if i < len(row) and row[i]]
    if not form.has_header and filled and not any(is_number(text, form.decimal) for text in texts):
        return tuple(filled), False, []  # AutoML's lists: a label in each further cell
    return (), False, []


def find_strange(cells: Iterable[str]) -> str | None:
    """Return a cell that does not say whether something holds, in a column of such; None where all say it.

    Of 0, 1 and −1 there may be two: what the third would mean nobody knows (in CheXpert −1 is "uncertain").
    """
    different = sorted(set(cells))
    for cell in different:
        if holds(cell) is None:
            return cell
    signs = {cell.removesuffix(".0") for cell in different}
    return "-1" if signs & {"0", "1", "-1"} and not any(signs <= two for two in _TWO_VALUES) else None


def _says_yes_and_no(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column says of each row whether something holds."""
    return find_strange(row[column] if column < len(row) else "" for row in rows) is None


def _given(table: Path, option: str, name: str | None, names: Sequence[str]) -> int | None:
    if name is None:
        return None
    name = composed(name)
    if name not in names:
        raise unknown(f"column of {table.name} (--{option})", name, names)
    return names.index(name)


def _by_name(names: Sequence[str], known: Sequence[str], taken: set[int]) -> int | None:
    by_form = {plain(name): i for i, name in enumerate(names)}
    return next((by_form[name] for name in known if name in by_form and by_form[name] not in taken), None)


def _find_files(
    table: Path,
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    locator: Locator,
    labels: Sequence[int],
) -> tuple[int | None, list[str]]:
    """Find the column whose cells are files: what is in a column tells more than its name."""
    cells = [[row[i] if i < len(row) else "" for row in sample] for i in range(len(names))]
    named = [i for i in range(len(names)) if 2 * sum(map(is_image, cells[i])) > len(sample)]
    there = {i: locator.find_all(cells[i]) for i in named} if len(named) > 1 else {}
    # Names without a suffix: of labels, which repeat, there may be files too
    others = [i for i in range(len(names)) if i not in labels and 2 * len(set(cells[i])) > len(sample)]
    for exactly in (True, False):
        if not named:
            there = {i: locator.find_all(cells[i], exactly=exactly) for i in others}
            named = [i for i in others if 2 * sum(path is not None for path in there[i]) > len(sample)]
    if len(named) < 2:
        return (named[0] if named else None), []
    # of none that is there the images are said to be missing
    present = [i for i in named if any(there[i])] or named[:1]
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
    table: Path, form: TableForm, rows: Sequence[Sequence[str]], asked: str | None, taken: set[int]
) -> SplitColumn:
    """Find the column that divides the rows; without a header most cells must say it."""
    names = form.names
    candidates = None
    if not form.has_header:  # AutoML's lists: TRAIN,gs://bucket/a.jpg,cat
        others = range(len(names)) if len(names) - len(taken) > 1 else ()
        candidates = [i for i in others if i not in taken and _names_splits(rows, i)]

    def different(column: int) -> list[str]:
        return list(dict.fromkeys(row[column] if column < len(row) else "" for row in rows))

    return find_split_column(table, names, different, asked, taken, candidates=candidates)


def _names_splits(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether most cells of a column name splits."""
    return 2 * sum(column < len(row) and split_of(row[column]) is not None for row in rows) > len(rows)

"""The column of a file of rows that says which split each row is in. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fathom.data.splits.split_names import FLAG_NAMES, split_of, split_of_flag, words_of
from fathom.data.unicode_form import composed
from fathom.errors import UsageError, unknown
from fathom.phrases import enumerated

NAMES = ("split", "part", "subset", "set", "usage", "mlusage", "phase", "fold")
NO_COLUMN = "none"  # of --split-column: divide at random
_MEANT_TO_DIVIDE = ("split", "subset", "fold")  # whatever their cells say
_SHOWN = 5


@dataclass(frozen=True)
class SplitColumn:
    """A column by its place, None where no column divides the rows.

    Attributes:
        split_of: the split that each cell of the column means, "" for an empty one.
        notes: what there is to say of the choice.
    """

    place: int | None = None
    split_of: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_split_column(
    table: Path,
    names: Sequence[str],
    different: Callable[[int], Collection[str]],
    asked: str | None,
    taken: Collection[int] = (),
    *,
    candidates: Sequence[int] | None = None,
    holds_features: bool = False,
) -> SplitColumn:
    """Find the column that divides the rows, and what its cells mean.

    Args:
        different: returns the different cells of a column.
        asked: the column that somebody named, "none" for no column; None finds one by its name.
        taken: columns that are known to be something else.
        candidates: where to look if nobody named one, instead of by name.
        holds_features: whether a column may as well be one to learn from. Then only words for splits count, the
            training split among them: ``is_valid`` and a phase called "test" say something of the sample.
    Raises:  UsageError for a column that is not there, several that name splits, or values that mean no split beside
        some that do
    """
    asked = None if asked is None else composed(asked)
    if asked is not None and asked.lower() == NO_COLUMN and asked not in names:
        return SplitColumn()
    if asked is not None and asked not in names:
        raise unknown(f"column of {table.name} (--split-column)", asked, names)
    if candidates is None:
        candidates = [i for i, name in enumerate(names) if _plain(name) in (*NAMES, *FLAG_NAMES) and i not in taken]
    notes: list[str] = []
    usable: list[tuple[int, dict[str, str]]] = []
    for i in candidates if asked is None else [names.index(asked)]:
        meanings = {cell: split_of(cell) or split_of_flag(names[i], cell) or "" for cell in different(i)}
        strange = [cell for cell, meaning in meanings.items() if cell and not meaning]
        is_usable = not strange and any(meanings.values())
        if asked is None and holds_features and (_plain(names[i]) in FLAG_NAMES or not _divides(meanings)):
            notes += _describe_feature(names[i], meanings, is_usable=is_usable)
        elif is_usable:
            usable.append((i, meanings))
        elif asked is not None or any(meanings.values()):
            values = enumerated([repr(cell) for cell in strange], _SHOWN) if strange else "nothing"
            raise UsageError(
                f"{table}: {names[i]} says {values}, where a split is expected: train, val or test, or another "
                "usual name of one; rename them"
                + (
                    ""
                    if asked is not None
                    else f", or let the rows be divided at random with --split-column {NO_COLUMN}"
                )
            )
        elif strange:
            values = enumerated(strange, _SHOWN)
            notes.append(
                f"{table.name}: {names[i]} is not used to divide the images: its values ({values}) name no split"
            )
    if len(usable) > 1:
        columns = enumerated([names[i] for i, _ in usable], _SHOWN)
        raise UsageError(f"{table}: several columns name splits ({columns}); say which with --split-column")
    place, found = usable[0] if usable else (None, {})
    return SplitColumn(place, found, tuple(notes))


def _plain(name: str) -> str:
    return "".join(words_of(name))


def _divides(meanings: Mapping[str, str]) -> bool:
    """Whether all cells that say anything name splits, the training split and another."""
    meant = {meaning for cell, meaning in meanings.items() if cell}
    return "train" in meant and len(meant) > 1 and "" not in meant


def _describe_feature(name: str, meanings: Mapping[str, str], *, is_usable: bool) -> list[str]:
    """Say that a column that might divide the rows is one to learn from, if it looks as if it were meant to divide."""
    if is_usable:
        return [f"{name}: taken for a feature; --split-column {name} divides the rows by it"]
    if not any(meanings.values()) and _plain(name) not in _MEANT_TO_DIVIDE:
        return []  # a set, part or phase of something
    values = enumerated([repr(cell) for cell in meanings if cell], _SHOWN)
    return [f"{name}: taken for a feature: {values} are no splits; data.options.drop=[{name}] leaves it out"]

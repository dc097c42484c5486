"""What somebody may say of a label file. Loads without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from fathom.data.tables.cells import missing_texts
from fathom.errors import UsageError, unknown

MULTILABEL = "multilabel"
IMAGE_TASKS = ("classification", MULTILABEL, "regression")


@dataclass(frozen=True)
class LabelOptions:
    """What somebody said of a label file; None leaves it to be found out.

    Attributes:
        file_column: name of the column with the files.
        label_column: name of that with the labels, or several, in a list or with commas between them.
        split_column: name of that with the splits; "none" says that no column divides the images.
        group_column: name of that with what stays on one side of a cut, such as a patient.
        time_column: name of that with dates or numbers by which the newest images are held out.
        task: "classification", "multilabel" or "regression".
        header: whether the first line names the columns.
        separator, encoding: how the file is written.
        missing: further texts that stand for a label that is not there.
        not_missing: usual ones that are labels, such as NA.
    Raises:  UsageError for a task that does not exist, and for values of another type
    """

    file_column: str | None = None
    label_column: str | Sequence[str] | None = None
    split_column: str | None = None
    group_column: str | None = None
    time_column: str | None = None
    task: str | None = None
    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    missing: Sequence[str] = ()
    not_missing: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.task not in (None, *IMAGE_TASKS):
            raise unknown("task", self.task, IMAGE_TASKS)
        if self.header not in (None, True, False):
            raise UsageError(f"data.options.header must be true or false, not {self.header!r}")
        for name in ("file_column", "split_column", "group_column", "time_column", "separator", "encoding"):
            value: Any = getattr(self, name)
            if not isinstance(value, str | None):
                raise UsageError(f"data.options.{name} must be a text, not {value!r}")
        if not isinstance(self.label_column, str | None) and not _are_texts(self.label_column):
            raise UsageError(f"data.options.label_column must be a column or a list of some, not {self.label_column!r}")
        for name in ("missing", "not_missing"):
            if not _are_texts(getattr(self, name)):
                raise UsageError(f"data.options.{name} must be a list of texts such as NA, not {getattr(self, name)!r}")

    @property
    def blanks(self) -> frozenset[str]:
        """What stands for a label that is not there."""
        return missing_texts(self.missing, self.not_missing)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)


LABEL_OPTIONS = tuple(field.name for field in fields(LabelOptions))

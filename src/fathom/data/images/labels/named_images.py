"""The images that a label file names, for a model to label. Needs neither torch nor pandas."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fathom.data.images.labels.columns import LABEL_NAMES, SAMPLE, find_columns, plain
from fathom.data.images.labels.locations import Locator, describe_differences
from fathom.data.images.labels.options import LabelOptions
from fathom.data.images.labels.table import cell_of, find_label_form, iterate_rows
from fathom.data.label_spellings import spelling_among
from fathom.errors import FathomError, UsageError
from fathom.phrases import enumerated

_NAMED = 3  # files that a name may mean


class ImageRows:
    """The images that a file of rows names, for a model to label: each row in its place, read as it is asked for.

    Labels may be there; a column that is not named for what it holds counts if it holds nothing but ``class_names``.

    Args:
        options: those of ``LabelOptions``.
    Raises:  FathomError if the file cannot be read; UsageError for a folder or a column that is not there, or if no
        column is known to name the images
    """

    def __init__(self, table: str | Path, images: str | Path, class_names: Sequence[str], **options: Any) -> None:
        self.table, self.images = Path(table), Path(images)
        if not self.images.is_dir():
            raise UsageError(f"--images: no such folder: {images}")
        asked = LabelOptions(**options | {"split_column": "none"})
        self._form, self._blanks, self._class_names = find_label_form(self.table, asked), asked.blanks, class_names
        sample = list(itertools.islice(iterate_rows(self.table, self._form), SAMPLE))
        if not sample:
            raise FathomError(f"{table}: has a header but no rows")
        self._locator = Locator(self.images)
        columns = find_columns(self.table, self._form, sample, asked, self._locator)
        self._file = columns.file
        self._label = columns.labels[0] if len(columns.labels) == 1 else None
        is_given = asked.label_column is not None
        if self._label is not None and not is_given and plain(self._form.names[self._label]) not in LABEL_NAMES:
            found = {cell_of(row, self._label) for row in sample} - self._blanks
            self._label = self._label if found and found <= set(class_names) else None
        self._locator.go_down(cell_of(sample[0], self._file))
        self._start()

    @property
    def has_labels(self) -> bool:
        """Whether a column says what the images show."""
        return self._label is not None

    @property
    def notes(self) -> list[str]:
        """What there is to say of the names that were looked for since the first row."""
        said = describe_differences(self._differences, self._differing, self._looked_for, self._example)
        return [f"{self.table.name}: {line}" for line in said]

    def _start(self) -> None:
        self._differences: Counter[str] = Counter()
        self._differing, self._looked_for, self._example = 0, 0, ""

    def __iter__(self) -> Iterator[tuple[str, str, Path | FathomError]]:
        """Return the name, the label ("" where there is none) and the file of every row, or what is wrong with it."""
        self._start()
        for number, row in enumerate(iterate_rows(self.table, self._form), 1):
            name, label = cell_of(row, self._file), cell_of(row, self._label)
            label = "" if label in self._blanks else spelling_among(self._class_names, label)
            yield name, label, self._place(number, name)

    def _place(self, number: int, name: str) -> Path | FathomError:
        """Return the file that a row names, or what is wrong with it."""
        if not name:
            return FathomError(f"row {number} of {self.table} names no file")
        if self._locator.climbs(name):
            return FathomError(f"{self.table}: row {number} names {name}, which is not below {self.images}")
        try:
            location = self._locator.find(name)
        except FathomError as error:
            return error
        self._looked_for += 1
        if location.path is not None and location.differs:
            self._differing += 1
            self._differences.update(location.differs)
            self._example = self._example or f"{name} is {os.path.relpath(location.path, self._locator.base)}"
        if location.others:
            several = enumerated([str(path) for path in location.others], _NAMED)
            return FathomError(f"{name} may be one of several files: {several}")
        if location.path is None and self._locator.is_elsewhere(name):
            return FathomError(f"{self.table}: row {number} names {name}, which is not below {self.images}")
        return location.path or self._locator.base / name

"""The images that a label file names, for a model to label. Needs neither torch nor pandas."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from fathom.data.images.formats import EXTENSIONS
from fathom.data.images.labels.columns import LABEL_NAMES, SAMPLE, AskedColumns, find_columns, plain
from fathom.data.images.labels.locations import find_sample, go_down, locate
from fathom.data.images.labels.table import cell_of, find_label_form, iterate_rows
from fathom.data.label_spellings import spelling_among
from fathom.data.tables.cells import MISSING
from fathom.errors import FathomError, UsageError


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
        self._form = find_label_form(self.table)
        sample = list(itertools.islice(iterate_rows(self.table, self._form), SAMPLE))
        if not sample:
            raise FathomError(f"{table}: has a header but no rows")
        asked = AskedColumns(file_column, label_column, "none")
        columns = find_columns(self.table, self._form.names, sample, asked, partial(find_sample, self.images))
        self._file, self._label, self._class_names = columns.file, columns.label, tuple(class_names)
        named = (label_column, *LABEL_NAMES)
        if self._label is not None and plain(self._form.names[self._label]) not in map(plain, filter(None, named)):
            found = {row[self._label] for row in sample if len(row) > self._label}
            self._label = self._label if found - MISSING and found - MISSING <= set(class_names) else None
        self.images = go_down(self.images, cell_of(sample[0], self._file))

    @property
    def has_labels(self) -> bool:
        """Whether a column says what the images show."""
        return self._label is not None

    def __iter__(self) -> Iterator[tuple[str, str, Path | FathomError]]:
        """Return the name, the label ("" where there is none) and the file of every row, or what is wrong with it."""
        suffixes = sorted(EXTENSIONS)
        for number, row in enumerate(iterate_rows(self.table, self._form), 1):
            name, label = cell_of(row, self._file), cell_of(row, self._label)
            label = "" if label in MISSING else spelling_among(self._class_names, label)
            try:
                if not name:
                    raise FathomError(f"row {number} of {self.table} names no file")
                path = locate(self.table, self.images, number, name, suffixes)
            except FathomError as error:
                yield name, label, error
            else:
                yield name, label, path or self.images / name

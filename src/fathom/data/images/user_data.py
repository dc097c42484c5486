"""Images in class folders, or named in a file of labels, as data modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.data.fetch.archives import is_packed
from fathom.data.fetch.packed import unpacked_copy
from fathom.data.images.folder_listing import scan_image_folder
from fathom.data.images.label_file import read_image_table
from fathom.data.images.module import ImageData


class FolderData(ImageData):
    """``root/<class>/*.jpg`` or ``root/{train,val,test}/<class>/*.jpg``; everything else is that of ``ImageData``.

    ``root`` may be an archive of such a folder, see ``unpacked_copy``.

    Raises:  FathomError also if the folder holds no classes or no images
    """

    def __init__(self, root: str | Path, batch_size: int | None = None, **options: Any) -> None:
        super().__init__(
            scan_image_folder(unpacked_copy(root).path if is_packed(root) else root),
            batch_size,
            name=str(root),
            **options,
        )


class ImageTableData(ImageData):
    """Images in a folder, with their labels in a file of rows; everything else is that of ``ImageData``.

    Args:
        table: rows of file and label, see ``read_image_table``.
        images: the folder that the names are relative to, or an archive of it.
        file_column, label_column, split_column: names of the columns; None finds them.
    Raises:  FathomError also if the file names no image that is there; UsageError for a column that is not there
    """

    def __init__(
        self,
        table: str | Path,
        images: str | Path,
        batch_size: int | None = None,
        *,
        file_column: str | None = None,
        label_column: str | None = None,
        split_column: str | None = None,
        **options: Any,
    ) -> None:
        folder = unpacked_copy(images, whole=True).path if is_packed(images) else images
        files = read_image_table(
            table, folder, file_column=file_column, label_column=label_column, split_column=split_column
        )
        super().__init__(files, batch_size, name=str(table), **options)

"""Inputs of ``fathom predict``: images, folders, lists, and files of rows that name images."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fathom.address import base_name, conceal, is_remote
from fathom.data.fetch.archives import is_packed
from fathom.data.fetch.inputs import fetch_input
from fathom.data.fetch.packed import unpacked_copy
from fathom.data.images.decode import read_pixels
from fathom.data.images.folders.walk import walk_images
from fathom.data.images.formats import EXTENSIONS
from fathom.data.images.labels.named_images import ImageRows
from fathom.data.images.pixels.form import PixelForm
from fathom.errors import FathomError, UsageError
from fathom.files import expand_home

STDIN = "-"


@dataclass(frozen=True)
class LabelFileOptions:
    """How files of rows name images: their folder, or an archive of it, and the columns."""

    images: str
    file_column: str | None = None
    label_column: str | None = None


def label_file_options(
    images: str | Path | None, file_column: str | None, label_column: str | None
) -> LabelFileOptions | None:
    """Return the given options; None if there are none.

    Raises:  UsageError for columns without a folder
    """
    if images is None and (file_column or label_column):
        raise UsageError("--file-column and --label-column need --images, the folder of the images")
    # concealed: a signed address would be shown in messages
    return None if images is None else LabelFileOptions(conceal(str(images)), file_column, label_column)


@dataclass(frozen=True)
class RemoteFolder:
    """A remote or packed folder, and its local copy."""

    address: str
    path: Path


@dataclass(frozen=True)
class InputImage:
    """An image to be labelled.

    Attributes:
        shown: its name in the output.
        place: the file, or the address of one not fetched yet, or the error of the row that should name it.
        label: its true label; "" if unknown.
    """

    shown: str
    place: str | Path | FathomError
    label: str = ""

    def read(self, form: PixelForm) -> np.ndarray:
        """Decode it.

        Raises:  FathomError
        """
        if isinstance(self.place, FathomError):
            raise self.place
        try:
            path = fetch_input(self.place)
            # opening a pipe would wait for a writer
            if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
                raise FathomError(f"cannot read {self.shown}: it is a pipe or device, not a file")
            return read_pixels(path, form)
        except FathomError as error:
            # the path of a copy in the cache means nothing to a user
            raise FathomError(str(error).replace(str(self.place), self.shown)) from error


def find_inputs(
    inputs: Sequence[str | Path],
    label_file: LabelFileOptions | None,
    class_names: Sequence[str],
    encoding: str | None = None,
) -> list[str | Path | RemoteFolder | ImageRows]:
    """Check the inputs, and fetch or unpack all but single images.

    Args:
        label_file: options for the files of rows among the inputs.
        encoding: of these, and of the names in archives; None finds it.
        class_names: those that the model knows.
    Raises:  UsageError for a file of rows without ``label_file`` or the reverse, and for a folder without
        images; FathomError if something cannot be fetched or read
    """
    # once: the same folder for all files of rows
    images = None if label_file is None else _find_images(label_file.images, encoding)
    found: list[str | Path | RemoteFolder | ImageRows] = []
    for source in inputs:
        if not _is_table(source):
            found.append(_find_folder(source, encoding))
        elif label_file is None or images is None:
            raise UsageError(
                f"{source}: this model reads images; add --images with the folder of the file's images, "
                "or give images and folders"
            )
        else:
            columns = {"file_column": label_file.file_column, "label_column": label_file.label_column}
            columns |= {"encoding": encoding}
            found.append(ImageRows(fetch_input(source), images, class_names, **columns))
    if label_file is not None and not any(isinstance(source, ImageRows) for source in found):
        raise UsageError("--images, --file-column and --label-column belong to a file of rows that names images")
    # an empty folder would give an empty result, which looks like success
    for folder in found:
        path = folder.path if isinstance(folder, RemoteFolder) else folder
        if (
            not isinstance(path, ImageRows)
            and Path(path).is_dir()
            and next(walk_images(Path(path), Counter()), None) is None
        ):
            raise UsageError(f"{path}: no images in this folder ({', '.join(sorted(EXTENSIONS))})")
    return found


def list_images(
    found: Sequence[str | Path | RemoteFolder | ImageRows], strays: Counter[str] | None = None
) -> Iterator[InputImage]:
    """Return every given file and every image inside every given folder, sorted within a folder.

    "-" stands for the files that standard input names, one per line.

    Args:
        strays: counts what is passed over in folders, as ``walk_images`` does.
    """
    strays = Counter() if strays is None else strays  # nobody asked for them
    # lazily: a folder of millions begins at once
    return itertools.chain.from_iterable(_expand(source, strays) for source in found)


def _is_table(source: str | Path) -> bool:
    name = base_name(source) if isinstance(source, str) and is_remote(source) else str(source)
    return name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))  # tables may be gzipped


def _find_images(images: str, encoding: str | None) -> Path:
    if is_packed(images):
        # whole: names in a file of rows count from the archive's root
        return unpacked_copy(images, whole=True, encoding=encoding).path
    return fetch_input(images, unpacks=True, encoding=encoding) if is_remote(images) else expand_home(images)


def _expand(source: str | Path | RemoteFolder | ImageRows, strays: Counter[str]) -> Iterator[InputImage]:
    if isinstance(source, ImageRows):
        return (InputImage(name, place, label) for name, label, place in source)
    if isinstance(source, RemoteFolder):
        root, address = source.path, source.address.rstrip("/")
        walked = walk_images(root, strays)
        # named as the user gave it, not by its copy
        return (InputImage(f"{address}/{path.relative_to(root).as_posix()}", path) for path in walked)
    if source == STDIN:
        lines = getattr(sys.stdin, "buffer", sys.stdin)  # bytes: a name need not be text in the terminal's encoding
        names = (conceal(os.fsdecode(line).rstrip("\r\n")) for line in lines)
        return (_name_image(name) for name in names if name)  # an empty line is no name
    path = Path(source)
    if path.is_dir():
        return (InputImage(str(path), path) for path in walk_images(path, strays))
    return iter((_name_image(source),))


def _name_image(source: str | Path) -> InputImage:
    return InputImage(str(source), source) if is_remote(source) else InputImage(str(Path(source)), Path(source))


def _find_folder(source: str | Path, encoding: str | None) -> str | Path | RemoteFolder:
    """Fetch or unpack all but a single image, which is fetched when it is its turn."""
    if is_packed(source):
        return RemoteFolder(str(source), unpacked_copy(source, encoding=encoding).path)
    if not is_remote(source) or os.path.splitext(base_name(str(source)))[1].lower() in EXTENSIONS:
        return source
    path = fetch_input(source, unpacks=True, encoding=encoding)
    return RemoteFolder(str(source), path) if path.is_dir() else source

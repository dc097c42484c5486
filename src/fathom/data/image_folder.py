"""Pictures as files: folders of classes, and a data set that reads them one by one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fathom.data.picture_file import EXTENSIONS, check_form, read_picture
from fathom.errors import FathomError

_TRAIN, _VAL, _TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")


@dataclass(frozen=True)
class FileList:
    """Picture files with their labels: paths in sorted order, labels int64 (N,)."""

    paths: tuple[Path, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ImageFiles:
    """A folder of pictures; ``val`` and ``test`` are None where the folder has no such part."""

    train: FileList
    val: FileList | None
    test: FileList | None
    class_names: tuple[str, ...]


def scan_image_folder(root: str | Path) -> ImageFiles:
    """List ``root/<class>/…/*.jpg``, or ``root/{train,val,test}/<class>/…/*.jpg``, without opening a picture.

    Classes are the folders in sorted order, as torchvision's ``ImageFolder`` numbers them. Hidden files and files that
    are no pictures by their name are passed over.

    Raises:  FathomError if there is no folder, no class or no picture, a class is empty, or a class of the validation
        or test part is not among the training classes
    """
    root = Path(root)
    if not root.is_dir():
        what = "is not a folder of pictures" if root.exists() else "does not exist"
        raise FathomError(f"{root} {what}")
    train, val, test = _find_parts(root)
    classes = _folders(train or root)
    if not classes:
        raise FathomError(f"{train or root} has no class folders: pictures belong in {train or root}/<class>/")
    names = tuple(folder.name for folder in classes)
    return ImageFiles(
        _list_part(train or root, names),
        None if val is None else _list_part(val, names),
        None if test is None else _list_part(test, names),
        names,
    )


def _find_parts(root: Path) -> list[Path | None]:
    """Find the folders train, val and test; there are none where "train" is just a class among others."""
    by_name = {folder.name.lower(): folder for folder in _folders(root)}
    train, val, test = (next((by_name[n] for n in names if n in by_name), None) for names in (_TRAIN, _VAL, _TEST))
    only_parts = bool(by_name) and set(by_name) <= {*_TRAIN, *_VAL, *_TEST}
    if train is None and only_parts:
        raise FathomError(f"{root} has {', '.join(sorted(by_name))} but no train folder; name its training part train")
    if train is not None and (only_parts or _folders(train)):
        return [train, val, test]
    return [None, None, None]


def _list_part(part: Path, class_names: tuple[str, ...]) -> FileList:
    label_of = {name: label for label, name in enumerate(class_names)}
    paths: list[Path] = []
    labels: list[int] = []
    for folder in _folders(part):
        if folder.name not in label_of:
            raise FathomError(f"{folder}: there is no class {folder.name!r} in the training part; add it or remove it")
        found = _pictures(folder)
        if not found:
            raise FathomError(f"the class folder {folder} holds no picture; add some or remove it")
        paths += found
        labels += [label_of[folder.name]] * len(found)
    if not paths:
        raise FathomError(f"{part} holds no picture in class folders")
    return FileList(tuple(paths), np.array(labels, dtype=np.int64))


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise FathomError(f"cannot read the folder {folder} ({error.strerror or error})") from error


def _pictures(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise FathomError(f"cannot read the folder {error.filename} ({error.strerror or error})") from error

    return sorted(
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")
    )


class ImageFileDataset(Dataset[tuple[Tensor, int]]):
    """Pictures decoded when asked for: uint8 (C, height, width) and the label.

    Made for a ``DataLoader`` with workers; it holds paths only, so that workers are cheap to start.

    Args:
        size: (height, width) that every picture is brought to.
        channels: 3 for colour, 1 for grey.
    Raises:  FathomError naming the file, when a broken one is reached
    """

    def __init__(self, files: FileList, size: tuple[int, int], channels: int = 3) -> None:
        check_form(channels, size)
        self.paths = [str(path) for path in files.paths]
        self.labels = files.labels
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = read_picture(self.paths[index], self.channels, self.size)
        return torch.from_numpy(picture), int(self.labels[index])

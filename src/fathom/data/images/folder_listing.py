"""Images as files: lists of them, and folders of classes. Loads without torch, and opens no image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fathom.choices import Task
from fathom.data.images.folders.layout import find_layout, is_ordinary_file, list_folders, scan
from fathom.data.images.folders.levels import Levels
from fathom.data.images.folders.names import readable_names
from fathom.data.images.folders.walk import describe_strays, name_unread, stray_kind, walk_images
from fathom.data.splits.split_names import SPLITS
from fathom.errors import FathomError
from fathom.phrases import enumerated


@dataclass(frozen=True)
class FileList:
    """Image files with what is to be learned of each.

    Shape:   labels int64 (N,) of classes, int64 (N, L) of labels that each hold or do not, float64 (N,) of numbers
    Attributes:
        groups: what each belongs to, such as a patient, which stays on one side of a cut; "" for none.
        times: float64 (N,), by which the newest are held out; NaN for an unknown one.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray  # (N,) classes, (N, L) of labels, or numbers
    groups: tuple[str, ...] | None = None  # name of each image's group; None: not asked for
    times: np.ndarray | None = None  # (N,), rising with time

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ImageFiles:
    """Image files by split; ``val`` and ``test`` are None where there is no such split.

    Attributes:
        notes: lines about what was passed over.
        missing: paths of files that should be there and are not, each with the reason.
        name: what the set is called.
        aliases: what folders are to be called, by their paths, such as the archive that one was unpacked from.
        origins: which folder or column each split comes from, where there is one.
        cut_by: where groups or times come from, in words; empty without.
        task: of numbers "regression".
        target: the column of the numbers.
    """

    train: FileList
    val: FileList | None
    test: FileList | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    name: str = "images"
    aliases: Mapping[str, str] = field(default_factory=dict)  # copy of a remote folder -> its address, for messages
    origins: Mapping[str, str] = field(default_factory=dict)
    cut_by: str = ""
    task: Task = "classification"
    target: str = ""

    @property
    def multilabel(self) -> bool:
        """Whether each image has a 0 or 1 for each of ``class_names``, and not one class."""
        return self.train.labels.ndim == 2

    def show(self, path: str) -> str:
        """Return the path of a file as people know it."""
        known = next((folder for folder in self.aliases if path.startswith(folder + os.sep)), "")
        return self.aliases[known] + path[len(known) :] if known else path


def list_image_folder(root: str | Path, levels: str | None = None) -> ImageFiles:
    """List ``root/<class>/…/*.jpg``, or ``root/{train,val,test}/<class>/…/*.jpg``, without opening an image.

    Classes are the folders in sorted order, as torchvision's ``ImageFolder`` numbers them. Splits are found by their
    usual names, see ``split_of``, also among the classes. Hidden files are passed over, and so are files that are no
    images by their name, thumbnails and masks; the notes count those.

    Args:
        levels: what the levels of folders mean, from the outside, such as "group/class"; None finds classes and splits.
    Raises:  FathomError if there is no folder, no class or no image, a class is empty, a class of the validation or
        test split is not among the training classes, two folders name one split, or the classes seem to be one level
        further down
    """
    root = Path(root)
    if not root.is_dir():
        what = "is not a folder of images" if root.exists() else "does not exist"
        raise FathomError(f"{root} {what}")
    if levels is not None:
        return _list_by_levels(root, Levels.parse(levels))
    layout = find_layout(root)
    names = tuple(folder.name for folder in layout.classes)
    strays: Counter[str] = Counter()
    train = _list_split(layout.train, layout.classes, names, strays)  # the training folders fix the classes
    val, test = (
        None if folder is None else _list_split(folder, list_folders(folder), names, strays)
        for folder in (layout.val, layout.test)
    )
    shown, told = readable_names(names)
    notes = (*layout.notes, *told, *describe_strays(strays))
    return ImageFiles(train, val, test, shown, notes, name=str(root), origins=layout.origins)


def _list_by_levels(root: Path, levels: Levels) -> ImageFiles:
    """List images by what was said of the folders above them.

    Raises:  FathomError as ``Levels.place``, or if a class has no image for training
    """
    strays: Counter[str] = Counter()
    placed, said = levels.place(root, sorted(walk_images(root, strays)))
    names = tuple(sorted({image.label for image in placed}))
    label_of = {name: label for label, name in enumerate(names)}
    splits: dict[str, FileList] = {}
    for split in SPLITS:
        images = [image for image in placed if image.split == split]
        labels = np.array([label_of[image.label] for image in images], dtype=np.int64)
        groups = tuple(image.group for image in images) if "group" in levels.meanings else None
        splits[split] = FileList(tuple(image.path for image in images), labels, groups)
    untrained = [name for label, name in enumerate(names) if label not in splits["train"].labels]
    if untrained:
        raise FathomError(f"{root}: --levels {levels} leaves no training image of {enumerated(untrained)}")
    shown, told = readable_names(names)
    return ImageFiles(
        splits["train"],
        splits["val"] if len(splits["val"]) else None,
        splits["test"] if len(splits["test"]) else None,
        shown,
        (*said, *told, *describe_strays(strays)),
        name=str(root),
        origins={name: "folders of that name" for name in SPLITS if "split" in levels.meanings and len(splits[name])},
        cut_by=f"folders, as in {levels}" if "group" in levels.meanings else "",
    )


def _list_split(split: Path, folders: Sequence[Path], class_names: tuple[str, ...], strays: Counter[str]) -> FileList:
    # by the order of the names: equal folders, equal numbers
    label_of = {name: label for label, name in enumerate(class_names)}
    paths: list[Path] = []
    labels: list[int] = []
    for entry in scan(split):
        if not entry.name.startswith(".") and is_ordinary_file(entry):
            strays[stray_kind(entry.name)] += 1  # an image beside the class folders has no class
    for folder in folders:
        if folder.name not in label_of:
            # a class that is only evaluated cannot be right
            raise FathomError(f"{folder}: there is no class {folder.name!r} in the training split; add it or remove it")
        passed: Counter[str] = Counter()
        found = sorted(walk_images(folder, passed))
        strays += passed
        if not found:
            unread = name_unread(passed)
            holds = f"no image that is read: {unread}" if unread else "no image; add some or remove it"
            raise FathomError(f"the class folder {folder} holds {holds}")
        paths += found
        labels += [label_of[folder.name]] * len(found)
    if not paths:
        raise FathomError(f"{split} holds no image in class folders")
    return FileList(tuple(paths), np.array(labels, dtype=np.int64))

"""Images as files: lists of them, and folders of classes. Loads without torch, and opens no image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fathom.data.images.formats import is_image
from fathom.errors import FathomError
from fathom.phrases import counted

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_ALL_NAMES = frozenset(name for names in SPLITS.values() for name in names)
_UNREAD = (".heic", ".heif", ".jxl", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".rw2", ".svg", ".psd", ".eps")
_SHOWN = 4  # kinds of stray files in a line


@dataclass(frozen=True)
class FileList:
    """Image files with their labels: paths in sorted order, labels int64 (N,)."""

    paths: tuple[Path, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ImageFiles:
    """Image files by split; ``val`` and ``test`` are None where there is no such split.

    Attributes:
        notes: lines about what was passed over.
        missing: paths of files that should be there and are not.
        name: what the set is called.
        aliases: what folders are to be called, by their paths, such as the archive that one was unpacked from.
    """

    train: FileList
    val: FileList | None
    test: FileList | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    name: str = "images"
    aliases: Mapping[str, str] = field(default_factory=dict)

    def show(self, path: str) -> str:
        """Return the path of a file as people know it."""
        known = next((folder for folder in self.aliases if path.startswith(folder + os.sep)), "")
        return self.aliases[known] + path[len(known) :] if known else path


def list_image_folder(root: str | Path) -> ImageFiles:
    """List ``root/<class>/…/*.jpg``, or ``root/{train,val,test}/<class>/…/*.jpg``, without opening an image.

    Classes are the folders in sorted order, as torchvision's ``ImageFolder`` numbers them. Hidden files are passed
    over, and so are files that are no images by their name; the notes count those.

    Raises:  FathomError if there is no folder, no class or no image, a class is empty, a class of the validation or
        test split is not among the training classes, or the classes seem to be one level further down
    """
    root = Path(root)
    if not root.is_dir():
        what = "is not a folder of images" if root.exists() else "does not exist"
        raise FathomError(f"{root} {what}")
    train, val, test = _find_splits(root)
    base = train or root
    classes = _folders(base)
    if not classes:
        raise FathomError(f"{base} has no class folders: images belong in {base}/<class>/{_advise_table(base)}")
    _refuse_nested(base, classes)
    names = tuple(folder.name for folder in classes)
    strays: Counter[str] = Counter()
    splits = [None if folder is None else _list_split(folder, names, strays) for folder in (base, val, test)]
    assert splits[0] is not None
    return ImageFiles(splits[0], splits[1], splits[2], names, _describe_strays(strays), name=str(root))


def _find_splits(root: Path) -> list[Path | None]:
    """Find the folders train, val and test; there are none where "train" is just a class among others."""
    by_name = {folder.name.lower(): folder for folder in _folders(root)}
    train, val, test = (next((by_name[n] for n in names if n in by_name), None) for names in SPLITS.values())
    only_splits = bool(by_name) and set(by_name) <= _ALL_NAMES
    if train is None and only_splits:
        raise FathomError(f"{root} has {', '.join(sorted(by_name))} but no train folder; name its training split train")
    if train is not None and (only_splits or _folders(train)):
        return [train, val, test]
    return [None, None, None]


def _refuse_nested(base: Path, classes: list[Path]) -> None:
    """Refuse a single class folder that holds nothing but folders: somebody packed one folder too many."""
    if len(classes) > 1:
        return
    (only,) = classes
    below = _folders(only)
    if below and not any(is_image(name) for name in os.listdir(only)):
        names = ", ".join(folder.name for folder in below[:5]) + (" …" if len(below) > 5 else "")
        meant = only
        while len(below) == 1 and below[0].name.lower() not in _ALL_NAMES and _folders(below[0]):
            meant = below[0]
            below = _folders(meant)
        raise FathomError(f"{base} holds one folder, {only.name}, and that one holds {names}; did you mean {meant}?")


def _advise_table(folder: Path) -> str:
    """Say what to do with images that lie side by side."""
    count = sum(is_image(name) for name in os.listdir(folder))
    if not count:
        return ""
    return f"; if the images lie side by side, pass a file of labels: --data labels.csv --images {folder}"


def _list_split(split: Path, class_names: tuple[str, ...], strays: Counter[str]) -> FileList:
    label_of = {name: label for label, name in enumerate(class_names)}
    paths: list[Path] = []
    labels: list[int] = []
    for entry in _scan(split):
        if not entry.name.startswith(".") and entry.is_file():
            strays["beside the class folders" if is_image(entry.name) else _suffix(entry.name)] += 1
    for folder in _folders(split):
        if folder.name not in label_of:
            raise FathomError(f"{folder}: there is no class {folder.name!r} in the training split; add it or remove it")
        found = sorted(_images(folder, strays))
        if not found:
            raise FathomError(f"the class folder {folder} holds no image; add some or remove it")
        paths += found
        labels += [label_of[folder.name]] * len(found)
    if not paths:
        raise FathomError(f"{split} holds no image in class folders")
    return FileList(tuple(paths), np.array(labels, dtype=np.int64))


def _images(folder: Path, strays: Counter[str]) -> Iterator[Path]:
    """Find the images in a folder and below; what is no ordinary file (a pipe would never end) is passed over."""
    for entry in _scan(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _images(Path(entry.path), strays)
        elif is_image(entry.name) and (entry.is_file() or not os.path.exists(entry.path)):
            yield Path(entry.path)
        elif not entry.name.startswith("."):
            strays[_suffix(entry.name)] += 1


def _folders(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in _scan(folder) if entry.is_dir() and not entry.name.startswith("."))


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise FathomError(f"cannot read the folder {error.filename} ({error.strerror or error})") from error


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "no suffix"


def _describe_strays(strays: Counter[str]) -> tuple[str, ...]:
    beside = strays.pop("beside the class folders", 0)
    notes = [f"skipped: {counted(beside, 'image')} beside the class folders"] if beside else []
    if undecoded := [f"{strays.pop(suffix):,} {suffix}" for suffix in _UNREAD if suffix in strays]:
        notes.append(f"skipped: images in a format that is not read ({', '.join(undecoded)}); save them as JPEG")
    if strays:
        kinds = [f"{suffix} {count:,}" for suffix, count in strays.most_common(_SHOWN)]
        more = " …" if len(strays) > _SHOWN else ""
        notes.append(
            f"skipped: {counted(strays.total(), 'file')}, no images by name or kind ({', '.join(kinds)}{more})"
        )
    return tuple(notes)

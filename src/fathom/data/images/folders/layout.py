"""Where in a folder the splits and the classes are: which folders count, and what each stands for. Torch-free."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fathom.data.images.formats import is_image
from fathom.data.splits.split_names import shared_words, split_of
from fathom.errors import FathomError
from fathom.phrases import counted, enumerated

# Folders that file servers, systems and programs put among others: thumbnails of Synology and QNAP, of macOS' archiver,
# and so on. They hold copies, or nothing, and are passed over wherever they are.
_FOREIGN = frozenset(
    ("@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "__pycache__", "lost+found")
    + ("system volume information", "@tmp", "@sharebin", "recycler", "network trash folder", "temporary items")
    + ("thumbnails", "thumbnail", "thumbs", "thumb", "_thumbs", "__thumbs", "@__thumb")
)
# with masks beside them these hold the images
_IMAGES = frozenset(("images", "image", "imgs", "img", "photos", "jpegimages"))
_UNKNOWN = frozenset(("unknown", "unlabeled", "unlabelled", "data", "all", "none", "0"))  # folders that name no class
_MASKS = frozenset(
    ("masks", "mask", "annotations", "annotation", "segmentation", "segmentations", "segmentationclass")
    + ("segmentationobject", "groundtruth", "ground_truth", "gt", "labels", "label")
)
# A folder of masks beside that of the images: cat, cat_masks. Not "mask", which may be worn: with_mask.
_MASKS_OF = re.compile(r"(.+)[_-](?:masks|segmentations?|groundtruth|gt|annotations?)")


@dataclass(frozen=True)
class Layout:
    """The folders of class folders.

    Attributes:
        train: the folder of the training split; the whole folder where there are no splits.
        classes: the class folders of the training split.
        origins: the folder that each split comes from, as people call it; empty without splits.
        notes: what was passed over.
    """

    train: Path
    val: Path | None
    test: Path | None
    classes: tuple[Path, ...]
    origins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_layout(root: Path) -> Layout:
    """Find splits and classes below ``root``.

    Raises:  FathomError if there is no class, a split but no training split, two folders for one split, or if the
        classes seem to be one level further down
    """
    folders = list_folders(root)
    named = _name_splits(root, folders)
    notes = _name_passed_over(root)
    if "train" in named:
        others = [folder.name for folder in folders if folder not in named.values()]
        if others:  # a train folder makes the others splits or strays
            notes.append(f"skipped: {counted(len(others), 'folder')} beside the splits ({enumerated(others)})")
    elif named and len(named) == len(folders):  # all are splits, and none to learn from
        names = ", ".join(sorted(folder.name for folder in folders))
        raise FathomError(f"{root} has {names} but no train folder; name its training split train")
    else:  # class folders, perhaps with a test folder among them
        beside = _splits_beside_classes(folders, named)
        named = {"train": root, **beside} if beside else {}
    # packed folders within are gone through
    by_split = {name: folder if folder == root else _descend(folder) for name, folder in named.items()}
    base = by_split.get("train", root)
    classes = tuple(folder for folder in list_folders(base) if folder not in named.values())
    if not classes:
        raise FathomError(f"{base} has no class folders: images belong in {base}/<class>/{_advise_table(base)}")
    notes += _refuse_nested(root, base, classes)
    for name in ("val", "test"):  # never train: without classes it is refused above
        if name in by_split and (why := _is_unlabelled(by_split[name], classes)):
            shown = by_split.pop(name).relative_to(root)
            is_class = "" if "train" in _name_splits(root, folders) else "; --levels class makes it a class"
            notes.append(f"skipped: {shown}: {why}, so nothing says what they show{is_class}")
    origins = {name: _describe(root, folder) for name, folder in by_split.items()}
    return Layout(base, by_split.get("val"), by_split.get("test"), classes, origins, tuple(notes))


def _name_passed_over(root: Path) -> list[str]:
    """Name the folders beside the classes that are no classes."""
    names = [entry.name for entry in scan(root) if is_folder(entry)]
    found = sorted(name for name in passed_over(names) if not name.startswith("."))
    return [f"skipped: {enumerated(found)}: thumbnails, masks or a system's own"] if found else []


def _is_unlabelled(folder: Path, classes: Sequence[Path]) -> str:
    """Say what a split to evaluate holds if there are no classes in it: no folder, or one such as test/images."""
    below = list_folders(folder)
    names = {path.name for path in below} - {path.name for path in classes}
    # several folders in a split are classes, known or not
    if len(below) > 1 or len(names) != len(below) or not all(map(_says_nothing, names)):
        return ""
    images = sum(is_image(name) for _, _, names in os.walk(folder) for name in names)
    return f"{counted(images, 'image')} without class folders"


def _says_nothing(name: str) -> bool:
    return name.lower() in _IMAGES | _UNKNOWN or split_of(name) is not None


def list_folders(folder: Path) -> list[Path]:
    """List the folders in a folder that may hold images, sorted."""
    names = [entry.name for entry in scan(folder) if is_folder(entry)]
    left_out = passed_over(names)
    return sorted(folder / name for name in names if name not in left_out)


def passed_over(names: Sequence[str]) -> set[str]:
    """Return which of the folders in one folder hold nothing to learn from: hidden ones, thumbnails, masks."""
    lower = {name: name.lower() for name in names}
    known = set(lower.values())
    has_images = not _IMAGES.isdisjoint(known)
    return {
        name
        for name in names
        if name.startswith(".")
        or lower[name] in _FOREIGN
        or (has_images and lower[name] in _MASKS)
        # cat_masks counts only beside cat
        or ((masks := _MASKS_OF.fullmatch(lower[name])) is not None and masks.group(1) in known)
    }


def scan(folder: Path) -> list[os.DirEntry[str]]:
    """Read a folder.

    Raises:  FathomError if it may not be read
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise FathomError(f"cannot read the folder {error.filename} ({error.strerror or error})") from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link that leads round in a circle is neither."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_ordinary_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file, or a link to one, and no pipe or device."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _name_splits(root: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """Return the folders that are splits by their names; none where "train" is just a class among others."""
    # words that all names share say nothing: data_train, data_test
    shared = shared_words([folder.name for folder in folders])
    named = [(split, folder) for folder in folders if (split := split_of(folder.name, shared)) is not None]
    train = [folder for split, folder in named if split == "train"]
    # a class called train: it has no class folders
    if train and len(named) < len(folders) and not any(map(list_folders, train)):
        return {}
    found: dict[str, Path] = {}
    for split, folder in named:
        if split in found and train:
            raise FathomError(
                f"{root}: {found[split].name} and {folder.name} both name a {split} split; join them, or rename one"
            )
        found[split] = folder
    return found


def _splits_beside_classes(folders: Sequence[Path], by_split: dict[str, Path]) -> dict[str, Path]:
    """Return the splits that lie among the classes: test beside cat and dog, with folders cat and dog or none."""
    classes = {folder.name for folder in folders if folder not in by_split.values()}
    if len(classes) < 2:  # train, val and the like may be classes too
        return {}
    return {
        split: folder
        for split, folder in by_split.items()
        # no folders at all: it may hold unlabelled images
        if not (below := {inside.name for inside in list_folders(folder)})
        or (len(below) == 1 and all(map(_says_nothing, below - classes)))
        or (2 * len(below & classes) >= len(below) and not _has_images(folder))  # half of its folders are classes
    }


def _descend(folder: Path) -> Path:
    """Go down where a split was packed once more: seg_train/seg_train, test/images."""
    below = list_folders(folder)
    while len(below) == 1 and not _has_images(folder) and list_folders(below[0]):
        folder, below = below[0], list_folders(below[0])
    return folder


def _refuse_nested(root: Path, base: Path, classes: Sequence[Path]) -> list[str]:
    """Refuse folders that hold nothing but folders where those seem to be the classes.

    Returns: what there is to say of folders below the classes
    """
    below = {folder: list_folders(folder) for folder in classes}
    nested = [folder for folder in classes if below[folder] and not _has_images(folder)]
    if 2 * len(nested) < len(classes) or not nested:  # most have images: nested folders are just deeper ones
        return []
    if len(classes) == 1:
        _refuse_packed(base, classes[0], below[classes[0]])
    # a level for each folder above, for the hint
    above = "".join("*/" if depth else "split/" for depth in range(len(base.relative_to(root).parts)))
    names = [inside.name for folder in classes for inside in below[folder]]
    counts = Counter(names)
    shared = sorted(name for name, count in counts.items() if count > 1)
    # <class>/images has one name below, <class>/<specimen> hardly any twice
    if len(counts) > 1 and 2 * sum(counts[name] for name in shared) >= counts.total():
        outer = enumerated([folder.name for folder in classes], 4)
        raise FathomError(
            f"{base}: {outer} hold no images but folders, with equal names ({enumerated(shared, 4)}); "
            f"{_advise_levels(above, classes, shared)}"
        )
    if len(counts) < 2:
        return []
    outer, inner = enumerated([folder.name for folder in classes], 3), enumerated(sorted(counts), 3)
    return [
        f"classes: the outer folders ({outer}); --levels {above}*/class makes those below them the classes ({inner})"
    ]


def _advise_levels(above: str, classes: Sequence[Path], shared: Sequence[str]) -> str:
    """Say which levels are meant where folders of equal names are below others."""
    if all(split_of(name) for name in shared):  # cat/train, cat/test
        return "the splits are inside the classes: say --levels class/split"
    if all(split_of(folder.name.rstrip("0123456789")) for folder in classes):  # fold1, part2: digits behind the word
        return "those seem to be the classes, in splits: say --levels split/class"
    return (
        f"those seem to be the classes: say --levels {above}group/class to keep each outer folder, such as a patient, "
        f"on one side of a split, or --levels {above}*/class"
    )


def _refuse_packed(base: Path, only: Path, below: Sequence[Path]) -> None:
    """Refuse a single folder of folders: somebody packed one folder too many."""
    if not below:
        return
    names = enumerated([folder.name for folder in below], 5)
    meant = only
    # down to where there is a choice
    while len(below) == 1 and split_of(below[0].name) is None and list_folders(below[0]):
        meant = below[0]
        below = list_folders(meant)
    raise FathomError(f"{base} holds one folder, {only.name}, and that one holds {names}; did you mean {meant}?")


def _has_images(folder: Path) -> bool:
    return any(is_image(entry.name) for entry in scan(folder))


def _describe(root: Path, folder: Path) -> str:
    return "the other folders" if folder == root else f"folder {folder.relative_to(root)}"


def _advise_table(folder: Path) -> str:
    """Say what to do with images that lie side by side."""
    if not _has_images(folder):
        return ""
    return f"; if the images lie side by side, pass a label file: --data labels.csv --images {folder}"

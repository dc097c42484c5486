"""What the levels of folders mean, where somebody said it: ``group/class``, ``class/split``. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.data.splits.split_names import shared_words, split_of
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted, enumerated

_MEANINGS = ("class", "group", "split", "*")


@dataclass(frozen=True)
class PlacedImage:
    """An image by what the folders above it say; the group is "" where none of them names one."""

    path: Path
    label: str
    split: str
    group: str


@dataclass(frozen=True)
class Levels:
    """What each level of folders stands for, from the outside; an image may lie deeper."""

    meanings: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Levels:
        """Read ``group/class`` and the like.

        Raises:  UsageError for another word, or where there is not one class, one group and one split at most
        """
        meanings = tuple(part.strip() for part in text.strip("/").split("/"))
        # a class once, below; these at most once
        often = [meaning for meaning in ("group", "split") if meanings.count(meaning) > 1]
        if often or set(meanings) - set(_MEANINGS) or meanings.count("class") != 1:
            raise UsageError(
                "--levels says what the folders mean, from the outside, such as group/class or class/split: one class, "
                f"a group and a split at most, * for what means nothing; got {text!r}"
            )
        return cls(meanings)

    def __str__(self) -> str:
        return "/".join(self.meanings)

    def place(self, root: Path, images: Sequence[Path]) -> tuple[list[PlacedImage], list[str]]:
        """Say of each image what the folders above it mean, and what there is to say of the others.

        Raises:  FathomError where no image lies deep enough, or a folder that should name a split does not
        """
        placed = []
        shallow = 0
        folders = {path: path.relative_to(root).parts[:-1] for path in images}  # without the name of the file
        # of those deep enough: a stray folder is no split
        meaning_of = self._read_splits(root, [parts for parts in folders.values() if len(parts) >= len(self.meanings)])
        for path, parts in folders.items():
            if len(parts) < len(self.meanings):
                shallow += 1
                continue
            said = dict(zip(self.meanings, parts, strict=False))  # not strict: an image may lie deeper
            split = meaning_of[said["split"]] if "split" in said else "train"
            placed.append(PlacedImage(path, said["class"], split, said.get("group", "")))
        if not placed:
            raise FathomError(f"{root}: no image lies below {counted(len(self.meanings), 'folder')}, as {self} says")
        notes = [f"levels: {self}, as was asked for"]
        if shallow:
            notes.append(f"skipped: {counted(shallow, 'image')} not below all of {self}")
        return placed, notes

    def _read_splits(self, root: Path, folders: Sequence[Sequence[str]]) -> dict[str, str]:
        """Return the split that each folder of the split's level means."""
        if "split" not in self.meanings:
            return {}
        level = self.meanings.index("split")
        names = Counter(parts[level] for parts in folders)
        shared = shared_words(list(names))
        # train1, val2: digits behind the word
        found = {name: split_of(name, shared) or split_of(name.rstrip("0123456789"), shared) or "" for name in names}
        unknown = sorted(name for name, split in found.items() if not split)
        if unknown:
            raise FathomError(
                f"{root}: {enumerated(unknown, 4)}: no usual name of a split; rename to train, val or test, or say * "
                "instead of split"
            )
        return found

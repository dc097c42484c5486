"""Where the files are that a label file names: exactly there, or under a name that differs in writing only. Torch-free.

People move images between machines and systems: the letter case of a name changes, its suffix, its Unicode form (macOS
decomposes "ü"), the folders before it. What differs in nothing else, and fits one file only, is that file.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from fathom.data.images.folders.layout import passed_over, scan
from fathom.data.images.formats import EXTENSIONS, is_image
from fathom.errors import FathomError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]*/?")  # gs://bucket/, file:///
# In what a name may differ from that of its file, the least difference first
_DIFFERENCES = ("", "Unicode form", "letter case", "suffix")
FOLDERS = "folders"  # named as the last difference


@dataclass(frozen=True)
class Location:
    """What a name means.

    Attributes:
        path: the file; None where there is none.
        differs: in what its name differs from the one given, in words.
        others: the files that the name may mean, where it may mean several.
    """

    path: Path | None = None
    differs: tuple[str, ...] = ()
    others: tuple[Path, ...] = ()


@dataclass
class Locator:
    """Finds files by the names in a label file, below a folder and nowhere else.

    Args:
        images: the folder.
    Attributes:
        base: what names are relative to: that folder, or the only one in it, see ``go_down``.
    """

    images: Path
    base: Path = field(init=False)
    _listings: dict[Path, dict[str, list[str]]] = field(init=False, default_factory=dict)
    _index: dict[str, list[tuple[str, ...]]] | None = field(init=False, default=None)
    _shared: int = field(init=False, default=0)  # folders that all files of the index lie in

    def __post_init__(self) -> None:
        self.base = self.images

    def go_down(self, name: str) -> None:
        """Take the only folder in the folder for the base, as long as the file of this name is not there."""
        self.base = self.images
        base, name = self.images, name.replace("\\", "/")  # names may be written on Windows
        while not self._find(base / name):  # down while it is the only way
            inside = [path for path in base.iterdir() if not path.name.startswith(".")]
            if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
                return
            base = inside[0]
        self.base = base

    def find_exactly(self, name: str) -> Path | None:
        """Find a file by its name, with a suffix or without; None where there is none below the folder, or several."""
        path = self._place(name)
        found = [] if path is None else self._find(path)
        return found[0] if len(found) == 1 else None  # several of one stem: which one is meant is not known

    def find_all(self, names: Sequence[str], *, exactly: bool = False) -> list[Path | None]:
        """Find the files that some cells of a column name; where hardly one is exact, those that are written alike."""
        self.go_down(next((name for name in names if name), ""))
        found = [self.find_exactly(name) if name else None for name in names]
        # most are exact: the others are missing, not misspelled
        if exactly or 2 * sum(path is not None for path in found) > len(names):
            return found
        return [self.find(name).path if name else None for name in names]

    def find(self, name: str) -> Location:
        """Find the file of a name, or the only one whose name differs from it in writing.

        Folders at the beginning of either name may lack in the other: those of another machine, or of an archive. But
        one of the two names must then be whole: ``cat/1.jpg`` is not ``dog/1.jpg``.
        """
        path = self.find_exactly(name)
        if path is not None:
            return Location(path)
        parts = _split(name)
        if not parts:
            return Location()
        if self._index is None:  # only now: most label files need no index of all files
            self._index = self._list()
        fitting: dict[tuple[int, int], list[tuple[tuple[str, ...], int]]] = {}
        for found in self._index.get(_key(_stem(parts[-1])), ()):
            common = _count_common(parts, found)  # how many names agree from the file upwards
            # all that is written, or all that tells the files apart
            if common == len(parts) or common >= len(found) - self._shared:
                rank = _compare(parts[-common:], found[-common:])
                fitting.setdefault((rank, -common), []).append((found, common))
        if not fitting:
            return Location()
        (rank, _), best = min(fitting.items())  # the least difference, then the longest common end
        if len(best) > 1:
            return Location(others=tuple(self.images.joinpath(*found) for found, _ in best))
        found, common = best[0]
        # told, where folders were passed over
        in_folders = _is_absolute(name) or common < len(parts) or common < len(found) - self._shared
        words = (_DIFFERENCES[rank],) if rank else ()
        return Location(self.images.joinpath(*found), (*words, FOLDERS) if in_folders else words)

    def _find(self, path: Path) -> list[Path]:
        """Find a file by its name; without a suffix there may be several of that name."""
        if _is_file(path):
            return [path]
        if path.suffix.lower() in EXTENSIONS:  # a name with a suffix means that file alone
            return []
        if path.parent not in self._listings:
            self._listings[path.parent] = _list_stems(path.parent)
        return [path.with_name(name) for name in self._listings[path.parent].get(path.name, ())]

    def climbs(self, name: str) -> bool:
        """Whether a name climbs out of the folder by ``..``."""
        return not _is_absolute(name) and self._place(name) is None

    def is_elsewhere(self, name: str) -> bool:
        """Whether a name is a path that does not lead below the folder."""
        return self._place(name) is None

    def _place(self, name: str) -> Path | None:
        """Return where a name leads to; None for a place that is not below the folder."""
        # normpath: a/../b without asking the disk
        path = os.path.normpath(os.path.join(self.base, name.replace("\\", "/")))
        is_below = Path(os.path.abspath(path)).is_relative_to(os.path.abspath(self.base))
        return Path(path) if is_below else None

    def _list(self) -> dict[str, list[tuple[str, ...]]]:
        """List the images below the folder by their names without suffix, as ``_key`` writes them."""
        index: dict[str, list[tuple[str, ...]]] = {}
        folders: list[tuple[str, ...]] = []
        for place, below, names in os.walk(self.images):
            left_out = passed_over(below)
            below[:] = sorted(name for name in below if name not in left_out)
            start = Path(place).relative_to(self.images).parts
            images = [name for name in names if is_image(name)]
            for name in sorted(images):
                index.setdefault(_key(_stem(name)), []).append((*start, name))
            folders += [start] * bool(images)
        first, last = min(folders, default=()), max(folders, default=())
        # first and last by order share what all share
        self._shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        return index


def tell_apart(
    names: Sequence[str], found: Sequence[Location], show: Callable[[Path], str]
) -> tuple[list[Location], list[str]]:
    """Let each file have one name only, and say how names differ from those of their files.

    Of two names that would mean one file the one that is exact has it, and neither where none is.

    Args:
        names: different ones, each with its location.
        show: how a file is called in a line.
    Returns: the locations, and lines for the user
    """
    claims: dict[Path, set[tuple[str, ...]]] = {}
    # files that are named exactly belong to that name
    exact = {location.path for location in found if location.path is not None and not location.differs}
    for name, location in zip(names, found, strict=True):
        if location.path is not None and location.differs:
            claims.setdefault(location.path, set()).add(tuple(map(_key, _split(name))))
    settled: list[Location] = []
    counts: dict[str, int] = {}
    example = ""
    for name, location in zip(names, found, strict=True):
        path = location.path
        # two names for one file: neither is sure
        if path is not None and location.differs and (path in exact or len(claims[path]) > 1):
            location = Location()
        elif path is not None and location.differs:
            example = example or f"{name} is {show(path)}"
            for what in location.differs:
                counts[what] = counts.get(what, 0) + 1
        settled.append(location)
    number = sum(bool(location.differs) for location in settled)
    return settled, describe_differences(counts, number, len(names), example)


def describe_differences(counts: Mapping[str, int], number: int, names: int, example: str) -> list[str]:
    """Say, in a line if at all, in what so many of all names differ from those of the files."""
    if not number:
        return []
    differ = ", ".join(f"{what} ({count:,})" for what, count in sorted(counts.items(), key=lambda item: -item[1]))
    which = "all names differ" if number == names else f"{number:,} of {names:,} names differ"
    return [
        f"{which} from those of the files in {differ}; each is matched to the only file that fits (such as {example})"
    ]


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\", "~")) or bool(PureWindowsPath(name).drive or _ADDRESS.match(name))


def _split(name: str) -> tuple[str, ...]:
    """Return the folders and the file of a name, of whatever system, without what stands before the first folder."""
    address = _ADDRESS.match(name)
    if address:
        # %20 and queries of web addresses
        name = unquote(re.split("[?#]", name[address.end() :])[0])
    else:
        name = name[len(PureWindowsPath(name).drive) :] if re.match(r"[A-Za-z]:", name) else name
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", "..", "~"):
            parts.append(part)
    return tuple(parts)


def _stem(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in EXTENSIONS else name


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _key(text: str) -> str:
    """Write a name so that letter case and Unicode form do not count."""
    return _compose(_compose(text).casefold())  # casefold may decompose, so composed once more


def _count_common(parts: Sequence[str], found: Sequence[str]) -> int:
    """Count how many names at the end of two paths are the same but for their writing."""
    count = 1  # their files, without suffix
    for ours, theirs in zip(reversed(parts[:-1]), reversed(found[:-1]), strict=False):
        if _key(ours) != _key(theirs):
            break
        count += 1
    return count


def _compare(parts: Sequence[str], found: Sequence[str]) -> int:
    """Return the place in ``_DIFFERENCES`` of the greatest difference in how two paths are written."""
    *folders, file = parts
    if file == _stem(file):  # it has no suffix, so none that differs
        parts, found = (*folders, file), (*found[:-1], _stem(found[-1]))
    forms: tuple[Callable[[str], str], ...] = (str, _compose, _key)
    for rank, write in enumerate(forms):
        if all(write(ours) == write(theirs) for ours, theirs in zip(parts, found, strict=True)):
            return rank
    return len(_DIFFERENCES) - 1


def _list_stems(folder: Path) -> dict[str, list[str]]:
    """List the images of a folder by their names without suffix."""
    found: dict[str, list[str]] = {}
    names = [entry.name for entry in scan(folder)] if folder.is_dir() else []
    for name in sorted(filter(is_image, names)):
        found.setdefault(_stem(name), []).append(name)
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):  # no file has such a name
            return False
        raise FathomError(f"cannot read the folder {path.parent} ({error.strerror})") from error
    except ValueError:  # a NUL in the name
        return False

"""The fresh folder in which a file's code runs, with neighbouring files and data where it expects them. Torch-free."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from fathom.book.documents import Document
from fathom.data.fetch.paths import data_roots, make_cache_folder
from fathom.data.sources import idx
from fathom.errors import FathomError
from fathom.files import describe_failure, write_atomically

# "data", "./data" or "data/mnist" in quotes: a folder beside the code, where the book's own is ../data.
_HERE = re.compile(r"""(["'])(?:\./)?data(?:/[^"'\n]*)?\1""")
HIDDEN = ".ipython"  # what the shell keeps for itself
_FLAT = ("tables", "text")  # folders of FATHOM_DATA whose files the book has directly in ../data


class Workspace:
    """A folder ``work`` with ``code``, where the code runs, and ``data``, which it sees as ``../data``.

    Links lead to the files beside the document, to what it names in the folder above, to the data sets of FATHOM_DATA
    and the cache, and to a ``../data`` that is there already. Code that names ``./data`` finds the same there, behind
    what the document's own folder ``data`` has. ``clean`` removes the links; what the code wrote stays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder / "code"
        self.data = folder / "data"

    def make(self, document: Document, out: Path) -> None:
        """Make the folders and links from scratch.

        Raises:  FathomError if the operating system refuses
        """
        source = "\n".join(cell.source for cell in document.cells)  # names are looked for in the code of all cells
        home = document.path.parent
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)  # left by an earlier run: its files must not help this one
            self.code.mkdir(parents=True)
            self.data.mkdir()
            if _HERE.search(source):  # code that looks for ./data gets one
                (self.code / "data").mkdir()
                self._link_all(home / "data", self.code / "data", skip=out)
            self._link_all(home, self.code, skip=out)  # modules and images that lie beside the file
            for entry in _entries(home.parent):
                # folders beside the file's own, if the code names them
                if entry.name not in ("data", home.name) and re.search(rf"\b{re.escape(entry.name)}\b", source):
                    self._link(entry, self.folder / entry.name, skip=out)
            for name in ("mnist", "fashion_mnist"):
                if idx.SETS[name].folder in source or name in source:  # a class, or d2l.load_data_fashion_mnist
                    self._lay_out_raw(name)
            # the book's data first: the first link with a name stays
            for root in [home.parent / "data", *data_roots()]:
                self._link_all(root, self.data, skip=out)
                for folder in _FLAT:
                    self._link_all(root / folder, self.data, skip=out)
            if _HERE.search(source):
                self._link_all(self.data, self.code / "data", skip=out)
        except OSError as error:
            raise describe_failure("write", error.filename or self.folder, error) from error

    def clean(self) -> bool:
        """Remove the links and empty folders, and return whether the code left files."""
        shutil.rmtree(self.folder / HIDDEN, ignore_errors=True)
        # from the leaves up: folders are empty when their turn comes
        for where, folders, names in os.walk(self.folder, topdown=False):
            for name in [*folders, *names]:
                path = Path(where, name)
                if path.is_symlink():
                    path.unlink(missing_ok=True)
            if not os.listdir(where):
                os.rmdir(where)
        return self.folder.exists()

    def _lay_out_raw(self, name: str) -> None:
        """Lay out an IDX set uncompressed, as torchvision expects it; a gzipped one is unpacked into the cache."""
        found = idx.locate(name)
        if found is None:
            return
        entry = idx.SETS[name]
        raw = self.data / entry.folder / "raw"
        raw.mkdir(parents=True)
        for file in entry.files:
            path = found / file.name
            if not path.is_file():
                path = make_cache_folder(entry.folder, "raw") / file.name
                if not path.is_file():
                    array = idx.read_idx(found / f"{file.name}.gz", file)
                    # IDX: two zeros, 8 for bytes, number of axes; then each size
                    head = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
                    write_atomically(path, head + array.tobytes())
            self._link(path, raw / file.name)

    def _link_all(self, source: Path, target: Path, *, skip: Path) -> None:
        for entry in _entries(source):
            self._link(entry, target / entry.name, skip=skip)

    def _link(self, source: Path, target: Path, *, skip: Path | None = None) -> None:
        if skip is not None and (source == skip or source in skip.parents):  # a link to one of its own parents
            return
        if not os.path.lexists(target):  # lexists: a broken link counts as there
            os.symlink(source, target, target_is_directory=source.is_dir())


def _entries(folder: Path) -> list[Path]:
    """Return the entries of ``folder`` that are not hidden; none if it is not a readable folder."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def check_out(out: Path, names: tuple[str, ...]) -> None:
    """Check that ``out`` can take a transcript: it is absent, empty, or the folder of an earlier one.

    Raises:  FathomError otherwise
    """
    if out.exists() and not out.is_dir():
        raise FathomError(f"{out} is a file; choose another folder with --out")
    if out.is_dir() and any(out.iterdir()) and not any((out / name).is_file() for name in names):
        raise FathomError(f"{out} is not empty and holds no transcript; choose another folder with --out")

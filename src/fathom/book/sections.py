"""``list_sections``: the sections of a checkout of the book that are in scope. Torch-free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fathom.book.cells import read_document
from fathom.errors import FathomError, UsageError

# The chapters whose PyTorch cells are to run, in the order of the book; a folder is chapter_NAME.
CHAPTERS = {
    "en": (
        "preliminaries",
        "linear-regression",
        "linear-classification",
        "multilayer-perceptrons",
        "builders-guide",
        "convolutional-neural-networks",
        "convolutional-modern",
        "recurrent-neural-networks",
        "recurrent-modern",
        "attention-mechanisms-and-transformers",
        "optimization",
        "computational-performance",
        "computer-vision",
        "hyperparameter-optimization",
    ),
    "zh": (
        "preliminaries",
        "linear-networks",
        "multilayer-perceptrons",
        "deep-learning-computation",
        "convolutional-neural-networks",
        "convolutional-modern",
        "recurrent-neural-networks",
        "recurrent-modern",
        "attention-mechanisms",
        "optimization",
        "computational-performance",
        "computer-vision",
    ),
}
APIS = {"en": "new", "zh": "old"}


@dataclass(frozen=True)
class Section:
    """A file of a checkout; ``name`` is edition:chapter/file."""

    edition: str
    book: Path
    path: Path

    @property
    def name(self) -> str:
        """Name the section as the table does."""
        return f"{self.edition}:{self.path.parent.name.removeprefix('chapter_')}/{self.path.stem}"


def list_sections(book: Path) -> list[Section]:
    """List the sections of a checkout that have PyTorch code and are in scope, in the order of the book.

    Raises:  UsageError if ``book`` is no checkout of either edition
    """
    edition = next((e for e, chapters in CHAPTERS.items() if (book / f"chapter_{chapters[1]}").is_dir()), None)
    if edition is None:
        raise UsageError(f"{book} is no checkout of the book: it has no folder chapter_{CHAPTERS['en'][1]} or the like")
    sections = []
    for chapter in CHAPTERS[edition]:
        for path in _in_order(book / f"chapter_{chapter}"):
            try:
                read_document(path)
            except FathomError:
                continue  # no PyTorch code in it
            sections.append(Section(edition, book, path))
    return sections


def _in_order(folder: Path) -> list[Path]:
    """List a chapter's files as its table of contents does, then what that leaves out."""
    files = {path.stem: path for path in sorted(folder.glob("*.md")) if not path.stem.endswith("_origin")}
    index = files.pop("index", None)
    text = index.read_text(encoding="utf-8", errors="replace") if index else ""
    listed = [name for name in re.findall(r"^([\w-]+)$", text, re.MULTILINE) if name in files]
    return [files[name] for name in dict.fromkeys([*listed, *files])]

"""The sections of a checkout of the book that are in scope. Torch-free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fathom.book.documents import read_document
from fathom.errors import FathomError, UsageError

# The chapters in scope, in the order of the book; their folders are chapter_NAME.
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
class BookSection:
    """A file of a checkout; ``name`` is edition:chapter/file."""

    edition: str
    book: Path
    path: Path

    @property
    def name(self) -> str:
        """The name of the section in tables."""
        return f"{self.edition}:{self.path.parent.name.removeprefix('chapter_')}/{self.path.stem}"


def list_sections(book: Path) -> list[BookSection]:
    """Return the sections of a checkout that have PyTorch code and are in scope, in the book's order.

    Raises:  UsageError if ``book`` is not a checkout of either edition
    """
    edition = next((e for e, chapters in CHAPTERS.items() if (book / f"chapter_{chapters[1]}").is_dir()), None)
    if edition is None:
        raise UsageError(
            f"{book} is not a checkout of the book: it has no folder chapter_{CHAPTERS['en'][1]} or the like"
        )
    sections = []
    for chapter in CHAPTERS[edition]:
        for path in _in_order(book / f"chapter_{chapter}"):
            try:
                read_document(path)
            except FathomError:
                continue  # no PyTorch code in it
            sections.append(BookSection(edition, book, path))
    return sections


def _in_order(folder: Path) -> list[Path]:
    """Return a chapter's files in the order of its table of contents, then the unlisted ones."""
    files = {path.stem: path for path in sorted(folder.glob("*.md")) if not path.stem.endswith("_origin")}
    index = files.pop("index", None)
    text = index.read_text(encoding="utf-8", errors="replace") if index else ""
    listed = [name for name in re.findall(r"^([\w-]+)$", text, re.MULTILINE) if name in files]
    return [files[name] for name in dict.fromkeys([*listed, *files])]

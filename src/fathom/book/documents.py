"""A file of code and its cells: a Python file, a notebook, or a chapter in the book's own markdown. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fathom.book.cells import Cell, read_notebook, split_python
from fathom.book.markdown import default_framework, read_chapter
from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure

MAX_BYTES = 64 << 20  # 64 MiB; notebooks hold their images


@dataclass(frozen=True)
class Document:
    """A file and its cells; ``kind`` is python, notebook or markdown."""

    path: Path
    kind: str
    cells: tuple[Cell, ...]


def read_document(path: str | Path) -> Document:
    """Return the cells of ``path``, which ends in .py, .ipynb or .md.

    Raises:  UsageError for any other suffix; FathomError if the file is missing, damaged or without code
    """
    file = Path(path)  # notebooks from Windows end in .IPYNB at times
    kinds = {".py": "python", ".ipynb": "notebook", ".md": "markdown"}
    kind = kinds.get(file.suffix.lower())
    if kind is None:
        raise UsageError(f"{file} cannot be run; name a .py file, an .ipynb notebook or a .md chapter")
    text = _read_text(file)
    if kind == "python":
        cells = split_python(text)
    elif kind == "notebook":
        cells = read_notebook(text, file)
    else:
        cells = read_chapter(text, default_framework(file, text))  # a chapter holds code for several frameworks
    if not cells:
        about = "PyTorch code, in blocks that begin ```{.python .input}" if kind == "markdown" else "code"
        raise FathomError(f"{file} contains no {about}")
    return Document(file.resolve(), kind, tuple(cells))


def _read_text(file: Path) -> str:
    try:
        if file.is_dir():
            raise FathomError(f"{file} is a folder; name a file in it")
        if file.stat().st_size > MAX_BYTES:
            raise FathomError(f"{file} is larger than {MAX_BYTES >> 20} MiB, too large for a file of code")
        return file.read_bytes().decode("utf-8-sig")  # utf-8-sig: a byte order mark is no code
    except OSError as error:
        raise describe_failure("read", file, error) from error
    except UnicodeDecodeError as error:
        raise FathomError(f"{file} is not text in UTF-8 (byte {error.start:,}); is it the right file?") from error

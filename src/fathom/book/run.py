"""``run_file``: a file of code in a process of its own, with ``d2l`` resolved to Fathom's."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.book.cells import Document, read_document
from fathom.book.process import Overdue, Stopped, run_job
from fathom.book.record import FIGURES, CellRecord, Record
from fathom.book.transcript import DATA, PAGE, write_transcript
from fathom.book.workspace import Workspace, check_out
from fathom.data.fetch.paths import make_folder

APIS = ("auto", "new", "old")
WORK = "work"
Listener = Callable[[Record, Mapping[str, Any], CellRecord | None], None]
"""Called with the record, each event after it was taken, and the cell that has just ended, if one has."""


@dataclass(frozen=True)
class Options:
    """How a file is run.

    Attributes:
        api: the generation of the helper package that d2l stands for; auto takes the one that the code fits.
        cpu_stand_in: let code that names CUDA devices run on the CPU.
        batches: end every pass over a ``DataLoader`` after so many batches; None runs whole passes.
        keep_going: run the cells after a failed one.
        timeout_s: for the whole file.
        original: folder of a checkout whose own ``d2l`` is used in place of Fathom's, unless None.
        python: the interpreter.
    """

    api: str = "auto"
    cpu_stand_in: bool = False
    batches: int | None = None
    keep_going: bool = False
    timeout_s: float | None = None
    original: Path | None = None
    python: str = sys.executable


def run_file(path: str | Path, out: str | Path, options: Options = Options(), listen: Listener | None = None) -> Record:
    """Run the code of ``path`` and leave its transcript in ``out``; what the code does is what the file says.

    The folder holds transcript.html, transcript.json, figures/ and, if the code wrote any, its files in work/. An
    earlier transcript there is replaced. The page is written anew after each cell, and is whole at any time.

    Raises:  UsageError or FathomError if the file cannot be read, the folder not be written, or IPython is missing
    """
    document = read_document(path)
    folder = Path(out).absolute()
    check_out(folder, (DATA, PAGE))
    make_folder(folder)
    shutil.rmtree(folder / FIGURES, ignore_errors=True)
    make_folder(folder / FIGURES)
    workspace = Workspace(folder / WORK)
    record = Record(document, folder, options.batches)
    write_transcript(record)
    start = time.monotonic()
    try:
        workspace.make(document, folder)
        events = run_job(_job(document, options), workspace.code, python=options.python, timeout_s=options.timeout_s)
        with contextlib.closing(events):
            for event in events:
                ended = record.take(event)
                if ended is not None:
                    record.seconds = time.monotonic() - start
                    write_transcript(record)
                if listen is not None:
                    listen(record, event, ended)
    except Stopped as reason:
        record.stop(str(reason), is_overdue=isinstance(reason, Overdue))
    except KeyboardInterrupt:
        record.stop("stopped by a signal")
        raise
    finally:
        record.close()
        record.seconds = time.monotonic() - start
        workspace.clean()
        with contextlib.suppress(OSError):
            (folder / FIGURES).rmdir()  # if it is empty
        write_transcript(record)
    return record


def _job(document: Document, options: Options) -> dict[str, Any]:
    path = [document.path.parent, *([options.original] if options.original else [])]
    return {
        "cells": [cell.source for cell in document.cells],
        "name": str(document.path),
        "is_python": document.kind == "python",
        "path": [str(folder) for folder in path],
        "api": None if options.original else options.api,
        "cpu_stand_in": options.cpu_stand_in,
        "batches": options.batches,
        "keep_going": options.keep_going,
    }

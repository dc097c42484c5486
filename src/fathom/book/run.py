"""``run_file``: runs a file of code in its own process, with ``d2l`` resolved to Fathom's."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.book.documents import Document, read_document
from fathom.book.process import Stopped, TimedOut, run_job
from fathom.book.record import FIGURES, CellRecord, RunRecord
from fathom.book.transcript import DATA, PAGE, write_transcript
from fathom.book.workspace import Workspace, check_out
from fathom.data.fetch.paths import make_folder

APIS = ("auto", "new", "old")
WORK = "work"
Listener = Callable[[RunRecord, Mapping[str, Any], CellRecord | None], None]
"""Called with the record, each event after it was added, and the cell that has just ended, if any."""


@dataclass(frozen=True)
class RunOptions:
    """How a file is run.

    Attributes:
        api: the edition of the helper package that d2l stands for; auto takes the one that fits the code.
        cpu_stand_in: let code that names CUDA devices run on the CPU.
        batches: end every pass over a ``DataLoader`` after this many batches; None runs whole passes.
        keep_going: run the cells after a failed one.
        timeout_s: seconds for the whole file.
        original: folder of a checkout whose own ``d2l`` is used instead of Fathom's; None uses Fathom's.
        python: path of the interpreter.
    """

    api: str = "auto"
    cpu_stand_in: bool = False
    batches: int | None = None
    keep_going: bool = False
    timeout_s: float | None = None
    original: Path | None = None
    python: str = sys.executable


def run_file(
    path: str | Path, out: str | Path, options: RunOptions = RunOptions(), listen: Listener | None = None
) -> RunRecord:
    """Run the code of ``path``, which may do anything, and write its transcript to ``out``.

    The folder gets transcript.html, transcript.json, figures/ and, if the code wrote files, work/, in the place of an
    earlier transcript. The page is rewritten after each cell, and complete at any time.

    Raises:  UsageError or FathomError if the file cannot be read or the folder written, or IPython is missing
    """
    document = read_document(path)
    folder = Path(out).absolute()
    check_out(folder, (DATA, PAGE))
    make_folder(folder)
    shutil.rmtree(folder / FIGURES, ignore_errors=True)
    make_folder(folder / FIGURES)
    workspace = Workspace(folder / WORK)
    record = RunRecord(document, folder, options.batches)
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
        record.stop(str(reason), is_timed_out=isinstance(reason, TimedOut))
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


def _job(document: Document, options: RunOptions) -> dict[str, Any]:
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

"""The record of running a file: cells with status, time and outputs, built from the child's events. Torch-free."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fathom.book.cells import Cell
from fathom.book.documents import Document
from fathom.files import write_atomically

FIGURES = "figures"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours and movements of the cursor


@dataclass
class Output:
    """One output of a cell: kind is stdout, stderr, note, result, figure or error; ``file`` is a figure's.

    ``display`` is the id under which the code may replace it; ``is_hidpi`` means that a figure has two pixels for each
    of the screen's.
    """

    kind: str
    text: str
    file: str = ""
    display: str | None = None  # the display's id, by which a later update finds it
    is_hidpi: bool = False


@dataclass
class CellRecord:
    """A cell and its results; status is waiting, running, passed, failed or not run."""

    cell: Cell
    status: str = "waiting"
    seconds: float | None = None
    error: str = ""
    line: int | None = None  # of the cell, where the error was raised
    place: str = ""  # the same line in words, of the file if it has lines
    outputs: list[Output] = field(default_factory=list)


class RunRecord:
    """The record of one run of a file; figures are written to ``out`` as they come.

    ``batches`` is the largest number in a pass over a loader; None if passes were whole.
    """

    def __init__(self, document: Document, out: Path, batches: int | None = None) -> None:
        self.document = document
        self.out = out
        self.batches = batches
        self.cells = [CellRecord(cell) for cell in document.cells]
        self.api = ""
        self.machine = ""  # versions and processor
        self.message = ""  # why the run as a whole ended early
        self.is_timed_out = False
        self.seconds = 0.0
        self.is_done = False
        self._current: CellRecord | None = None  # None between cells

    @property
    def failed(self) -> list[CellRecord]:
        """The cells that failed."""
        return [cell for cell in self.cells if cell.status == "failed"]

    @property
    def passed(self) -> int:
        """The number of cells that ran to their end."""
        return sum(cell.status == "passed" for cell in self.cells)

    @property
    def status(self) -> str:
        """The status of the run: running, done or failed."""
        if self.failed or self.message:  # a message without a failed cell: the process died, say
            return "failed"
        return "done" if self.is_done else "running"

    @property
    def latest(self) -> Output | None:
        """The latest output of the running cell."""
        return self._current.outputs[-1] if self._current is not None and self._current.outputs else None

    def take(self, event: Mapping[str, Any]) -> CellRecord | None:
        """Add one event of the child; return the cell if it has just ended.

        Raises:  FathomError if a figure cannot be written
        """
        kind = event["event"]
        if kind == "start":
            self._current = self.cells[event["cell"] - 1]  # cells count from 1
            self._current.status = "running"
        elif kind == "api":
            self.api = event["name"]
        elif kind == "machine":
            self.machine = event["text"]
        elif kind == "done":
            self._current = None
            self.is_done = True
        elif self._current is not None:
            return self._take_output(self._current, kind, event)
        return None

    def stop(self, reason: str, *, is_timed_out: bool = False) -> None:
        """End the run early; the cell that was running, if any, failed for this reason."""
        self.is_timed_out = is_timed_out
        if self._current is not None and self._current.status == "running":
            self._current.status = "failed"
            self._current.error = reason + (f", at {self._current.place}" if self._current.place else "")
            self._current.outputs.append(Output("error", reason))
        elif not self.failed:
            self.message = reason
        self.close()

    def close(self) -> None:
        """Mark the cells that never ran."""
        for cell in self.cells:
            if cell.status in ("waiting", "running"):
                cell.status = "not run"
        self._current = None

    def _take_output(self, record: CellRecord, kind: str, event: Mapping[str, Any]) -> CellRecord | None:
        outputs = record.outputs
        if kind == "stream":
            if outputs and outputs[-1].kind == event["name"]:  # one output for text that came in pieces
                outputs[-1].text += event["text"]
            else:
                outputs.append(Output(event["name"], event["text"]))
        elif kind in ("result", "display"):
            output = Output("result", "", display=event["id"])
            outputs.append(output)  # first in the list: its file is numbered among the others
            self._fill(record, output, event)
        elif kind == "update":
            # a cell may update what an earlier one showed
            shown = ((r, o) for r in self.cells for o in r.outputs if o.display == event["id"])
            for shower, output in shown:
                self._fill(shower, output, event)
        elif kind == "clear":
            for output in outputs:
                if output.file:  # a file that no output names would stay for ever
                    (self.out / output.file).unlink(missing_ok=True)
            outputs.clear()
        elif kind == "error":
            record.error = _one_line(event["name"], event["message"])
            if event["url"]:  # the address that could not be reached
                record.error += f"; {_where_to_put(event['url'], outputs)}"
            if event["line"]:
                record.line = event["line"]
                record.place = self._place(record.cell, event["line"])
                record.error = f"{record.place}: {record.error}"
            outputs.append(Output("error", _ANSI.sub("", event["traceback"])))
        elif kind == "end":
            record.status = "passed" if event["ok"] else "failed"
            record.seconds = event["seconds"]
            return record
        return None

    def _place(self, cell: Cell, line: int) -> str:
        if cell.line:
            return f"line {cell.line + line - 1} of {self.document.path.name}"  # both count from 1
        return f"line {line}"

    def _fill(self, record: CellRecord, output: Output, event: Mapping[str, Any]) -> None:
        """Fill an output with text, or with an image and its file."""
        output.text = _ANSI.sub("", event["text"])
        if event["png"]:
            image = base64.b64decode(event["png"])
            if not output.file:
                # figures of the cell so far, plus this one
                number = sum(bool(other.file) for other in record.outputs) + 1
                ending = "jpg" if image[:2] == b"\xff\xd8" else "png"  # the first bytes of a JPEG
                output.file = f"{FIGURES}/cell-{record.cell.number:02}-{number}.{ending}"
            output.kind, output.is_hidpi = "figure", event["is_hidpi"]
            write_atomically(self.out / output.file, image)


def _where_to_put(url: str, outputs: list[Output]) -> str:
    """Return how to place by hand what could not be downloaded; PyTorch prints where it looks for weights."""
    printed = re.search(rf'Downloading: "{re.escape(url)}" to (.+)', "".join(output.text for output in outputs))
    place = f"at {printed[1].strip()}" if printed else "in the folder that FATHOM_DATA names"
    return f"fetch {url} by hand and place it {place}"


def _one_line(name: str, message: str) -> str:
    first = (message.strip().splitlines() or [""])[0]
    return f"{name}: {first}" if first else name


def as_lines(text: str) -> str:
    """Return text as a terminal would show it: without what a carriage return overwrote, and without colours."""
    # what stands behind the last carriage return: a progress bar's last state
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in _ANSI.sub("", text).split("\n"))
    return "\n".join(lines)

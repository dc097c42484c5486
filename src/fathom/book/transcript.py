"""The transcript of a run: ``transcript.html``, one page that needs nothing but itself, and ``transcript.json``."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from fathom.book.record import CellRecord, Output, RunRecord, as_lines
from fathom.files import write_atomically
from fathom.runs.analysis.numbers import duration
from fathom.runs.html.markup import Html, element, embedded_image, join, pairs
from fathom.runs.html.page import Page, Section
from fathom.runs.html.summary import show_badge, show_byline

PAGE, DATA = "transcript.html", "transcript.json"
SCHEMA = 1  # goes up when readers of transcript.json must change
_NO_HEADING = "Cells"
_API = {"new": "fathom.d2l.torch", "old": "fathom.d2l.v0.torch", "original": "the original package"}


def write_transcript(record: RunRecord) -> Path:
    """Write both files into the record's folder, and return the path of the page.

    Raises:  FathomError if they cannot be written
    """
    write_atomically(record.out / DATA, json.dumps(to_json(record), indent=1, ensure_ascii=False))
    write_atomically(record.out / PAGE, render_page(record))
    return record.out / PAGE


def to_json(record: RunRecord) -> dict[str, Any]:
    """Return everything as plain values, with images named by their files."""
    return {
        "schema": SCHEMA,
        "file": str(record.document.path),
        "kind": record.document.kind,
        "api": record.api,
        "batches": record.batches,
        "machine": record.machine,
        "status": record.status,
        "message": record.message,
        "seconds": round(record.seconds, 3),
        "cells": [_cell_to_json(cell) for cell in record.cells],
    }


def _cell_to_json(record: CellRecord) -> dict[str, Any]:
    return {
        "number": record.cell.number,
        "heading": record.cell.heading,
        "line": record.cell.line,
        "status": record.status,
        "seconds": None if record.seconds is None else round(record.seconds, 4),
        "error": record.error,
        "outputs": [{"kind": o.kind, "text": as_lines(o.text), "file": o.file} for o in record.outputs],
    }


def render_page(record: RunRecord) -> str:
    """Return the page as HTML; all that came from the file or its code is escaped."""
    name = record.document.path.name
    figures = sum(bool(output.file) for cell in record.cells for output in cell.outputs)
    facts: list[tuple[object, object]] = [
        ("cells that ran", f"{record.passed} of {len(record.cells)}"),
        ("time", duration(record.seconds)),
        ("figures", figures),
    ]
    if record.api:
        facts.append(("d2l is", _API[record.api]))
    if record.batches:
        facts.append(("batches per pass, at most", record.batches))
    page = Page(
        title=f"Transcript of {name}",
        kicker="Transcript",
        heading=name,
        byline=show_byline(show_badge(record.status), element("span", record.document.path, class_="mono")),
        summary=[element("div", pairs(facts, "facts"), class_="transcript-facts"), _failures(record)],
        sections=_sections(record),
        footer="",
    )
    return page.render()


def _sections(record: RunRecord) -> list[Section]:
    """Return the cells in sections, under the headings of the file."""
    # neighbours alone: a heading that comes again gets a section of its own
    groups = groupby(record.cells, key=lambda cell: cell.cell.heading)
    return [
        Section(f"part-{number}", heading or _NO_HEADING, *(_show_cell(cell, record.out) for cell in cells))
        for number, (heading, cells) in enumerate(groups, start=1)
    ]


def _failures(record: RunRecord) -> Html:
    lines = [
        element("p", element("a", f"Cell {cell.cell.number}", href=f"#cell-{cell.cell.number}"), f": {cell.error}")
        for cell in record.failed
    ]
    if record.message:
        lines.append(element("p", record.message))
    return element("div", *lines, class_="message failed") if lines else Html("")


def _show_cell(record: CellRecord, out: Path) -> Html:
    time = "" if record.seconds is None else f"{record.seconds:.2f} s"
    state = "" if record.status == "passed" else record.status  # what passed needs no word
    caption = element(
        "figcaption",
        element("span", f"Cell {record.cell.number}", class_="chart-title"),
        element("span", join((part for part in (state, time) if part), " · "), class_=f"quiet {record.status}"),
    )
    code = element("pre", element("code", record.cell.source))
    outputs = join(_show_output(output, out) for output in record.outputs)
    return element("figure", caption, code, outputs, id=f"cell-{record.cell.number}", class_=f"run {record.status}")


def _show_output(output: Output, out: Path) -> Html:
    if not output.file:  # text; figures have a file
        return element("pre", as_lines(output.text), class_=f"output {output.kind}")
    try:
        image = (out / output.file).read_bytes()
    except OSError:
        return element("p", f"{output.file} is no longer there", class_="quiet")
    kind = "jpeg" if output.file.endswith(".jpg") else "png"
    # the header of a PNG has its width in bytes 16 to 20
    width = int.from_bytes(image[16:20], "big") // 2 if output.is_hidpi else ""
    return embedded_image(image, output.text, kind=kind, class_="output", width=width)

"""One page that shows what ``fathom check`` found, for the eye; made from plain values."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.files import write_atomically
from fathom.findings import Finding, NotChecked, has_errors
from fathom.runs.analysis.numbers import count, percent
from fathom.runs.html.data_section import broken_table, label_table
from fathom.runs.html.page import Html, Section, document, element, join, note, pairs, table
from fathom.runs.html.table_results import column_tables

_SEVERITY_WORDS = {"error": "To mend", "warning": "To look at", "note": "To know"}


@dataclass(frozen=True)
class Content:
    """What the page shows.

    ``splits`` are (name, size, histogram); a histogram is a count for each of ``labels``, empty where there are none.
    """

    name: str
    what: str
    findings: Sequence[Finding]
    not_checked: Sequence[NotChecked]
    facts: Sequence[tuple[str, str]]
    splits: Sequence[tuple[str, int, Sequence[int]]]
    labels: Sequence[str] = ()
    columns: Sequence[Mapping[str, Any]] = ()
    left_out: Sequence[Mapping[str, Any]] = ()
    broken: Sequence[tuple[str, str]] = ()  # file, what is wrong with it
    sheet: bytes | None = None


def write_check(content: Content, out: str | Path) -> Path:
    """Write the page: one file that needs no network and runs no script.

    Raises:  FathomError if it cannot be written
    """
    target = Path(out)
    write_atomically(target, render_check(content))
    return target


def render_check(content: Content) -> str:
    """Write the page as text."""
    about = [_findings(content), *_broken(content), _splits(content), *_labels(content)]
    sections = [*about, *_columns(content), *_sample(content)]
    links = [element("a", section.title, href=f"#{section.key}") for section in sections]
    status, word = ("done", "sound") if not has_errors(content.findings) else ("failed", "to be mended")
    size = sum(size for _, size, _ in content.splits)
    header = element(
        "header",
        element("p", "Data check", class_="kicker"),
        element("h1", content.name),
        element(
            "p", element("span", word, class_=f"status {status}"), f"{count(size)} {content.what}", class_="byline"
        ),
    )
    body = [
        element("nav", *links, aria_label="Parts of this page"),
        element(
            "main",
            element("section", header, pairs(content.facts), id="summary", aria_label="Summary"),
            *(section.render() for section in sections),
        ),
        element("footer", "Made by Fathom before anything was trained."),
    ]
    return document(f"Check of {content.name}", join(body))


def _findings(content: Content) -> Section:
    groups = []
    for severity, word in _SEVERITY_WORDS.items():
        lines = [finding.text for finding in content.findings if finding.severity == severity]
        if lines:
            groups.append(join([element("h3", word), _list(lines)]))
    if not groups:
        groups.append(note("Nothing that stands out."))
    if content.not_checked:
        lines = [f"{check.code}: {check.reason}" for check in content.not_checked]
        groups.append(join([element("h3", "Not checked"), _list(lines)]))
    return Section("findings", "What was found", *groups)


def _list(lines: Sequence[str]) -> Html:
    return element("ul", *(element("li", line) for line in lines), class_="reading")


def _splits(content: Content) -> Section:
    total = sum(size for _, size, _ in content.splits)
    rows = [(name, count(size), percent(size / total if total else 0)) for name, size, _ in content.splits]
    return Section("splits", "Splits", table(("Split", content.what.capitalize(), "Share"), rows, label="Splits"))


def _labels(content: Content) -> list[Section]:
    splits = [(name, histogram) for name, _, histogram in content.splits if len(histogram)]
    if not splits or not content.labels:
        return []
    return [Section("labels", "Labels", label_table(splits, content.labels))]


def _broken(content: Content) -> list[Section]:
    if not content.broken:
        return []
    return [Section("broken", "Files that cannot be read", broken_table(content.broken))]


def _columns(content: Content) -> list[Section]:
    if not content.columns:
        return []
    return [Section("columns", "Columns", *column_tables(content.columns, content.left_out))]


def _sample(content: Content) -> list[Section]:
    if content.sheet is None:
        return []
    source = "data:image/png;base64," + base64.b64encode(content.sheet).decode()
    image = Html(element("img", src=source, alt="A sample of each class", class_="photo").removesuffix("</img>"))
    return [Section("sample", "Sample", note("Training images, drawn at random, a class a row."), image)]

"""One page that shows what ``fathom check`` found, for the eye; made from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.findings import Finding, NotChecked, has_errors
from fathom.runs.analysis.numbers import count, percent
from fathom.runs.html.markup import element, join, note, pairs, table
from fathom.runs.html.page import Page, Section
from fathom.runs.html.sections.data import broken_table, label_table
from fathom.runs.html.sections.samples import show_samples
from fathom.runs.html.sections.table import column_tables
from fathom.runs.html.summary import show_badge, show_byline, show_sentences

_SEVERITY_WORDS = {"error": "Errors", "warning": "Warnings", "note": "Notes"}
_SAMPLES = "Training images, drawn at random, a class a row."


@dataclass(frozen=True)
class CheckContent:
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
    samples: Sequence[tuple[str, bytes]] = ()  # class name, PNG of its images side by side
    augmented: Sequence[tuple[str, bytes]] = ()  # the same, of one image and of draws of augmentation
    augmentation: str = ""  # as it is written after --augment


def write_check(content: CheckContent, out: str | Path) -> Path:
    """Write the page: one file that needs no network and runs no script.

    Raises:  FathomError if it cannot be written
    """
    return check_page(content).write(out)


def check_page(content: CheckContent) -> Page:
    """Lay out the page."""
    badge = show_badge("failed", "has errors") if has_errors(content.findings) else show_badge("done", "no errors")
    size = sum(size for _, size, _ in content.splits)
    return Page(
        title=f"Check of {content.name}",
        kicker="Data check",
        heading=content.name,
        byline=show_byline(badge, f"{count(size)} {content.what}"),
        summary=[pairs(content.facts)],
        sections=[
            _findings(content),
            _broken(content),
            _splits(content),
            _labels(content),
            _columns(content),
            show_samples("samples", "Samples", _SAMPLES, content.samples, len(content.labels)),
            show_samples("augmented", "Augmented", _describe(content), content.augmented, len(content.labels)),
        ],
        footer="Made by fathom check.",
    )


def _describe(content: CheckContent) -> str:
    changes = f" (--augment {content.augmentation})" if content.augmentation else ""
    return f"A training image of each class as the network gets it, then draws of augmentation{changes}."


def _findings(content: CheckContent) -> Section:
    groups = []
    for severity, word in _SEVERITY_WORDS.items():
        lines = [finding.text for finding in content.findings if finding.severity == severity]
        if lines:
            groups.append(join([element("h3", word), show_sentences(lines)]))
    if not groups:
        groups.append(note("Nothing that stands out."))
    if content.not_checked:
        lines = [f"{check.code}: {check.reason}" for check in content.not_checked]
        groups.append(join([element("h3", "Not checked"), show_sentences(lines)]))
    return Section("findings", "What was found", *groups)


def _splits(content: CheckContent) -> Section:
    total = sum(size for _, size, _ in content.splits)
    rows = [(name, count(size), percent(size / total if total else 0)) for name, size, _ in content.splits]
    return Section("splits", "Splits", table(("Split", content.what.capitalize(), "Share"), rows, label="Splits"))


def _labels(content: CheckContent) -> Section | None:
    splits = [(name, histogram) for name, _, histogram in content.splits if len(histogram)]
    if not splits or not content.labels:
        return None
    return Section("labels", "Labels", label_table(splits, content.labels))


def _broken(content: CheckContent) -> Section | None:
    if not content.broken:
        return None
    return Section("broken", "Files that cannot be read", broken_table(content.broken))


def _columns(content: CheckContent) -> Section | None:
    if not content.columns:
        return None
    return Section("columns", "Columns", *column_tables(content.columns, content.left_out))

"""The section of a report that says what was learned from: splits, classes, broken files, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fathom.runs.analysis.numbers import count, percent
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.html.charts.bars import share_bar
from fathom.runs.html.markup import Html, element, fold, join, note, table
from fathom.runs.html.page import Section
from fathom.runs.html.summary import show_sentences

_MOST_OPEN_ROWS = 30  # longer tables are folded


def show_data(run: RunReader) -> Section | None:
    """Write what data.json holds; nothing of a run without one."""
    data = run.data
    splits = (data or {}).get("splits")
    if data is None or not isinstance(splits, Mapping) or not splits:
        return None
    sizes = [(str(name), int(size)) for name, size in splits.items() if is_number(size)]
    total = sum(size for _, size in sizes)
    rows = [(name, count(size), percent(size / total if total else 0)) for name, size in sizes]
    notes = [str(line) for line in data.get("notes") or []]
    content = [
        show_sentences(notes),
        table(("Split", "Samples", "Share"), rows, label="Splits"),
        _classes(data),
        *_files(data),
    ]
    return Section("data", "Data", *content)


def label_table(splits: Sequence[tuple[str, Sequence[int]]], labels: Sequence[str]) -> Html:
    """Count labels split by split, with each one's share of the first split."""
    first = splits[0][1]
    total = sum(first) or 1  # an empty split must not divide by 0

    def share(number: int) -> Html:  # a bar beside the number
        return join([percent(number / total), " ", share_bar(number / total)])

    rows = [
        (label, share(first[i]), *(count(histogram[i]) for _, histogram in splits)) for i, label in enumerate(labels)
    ]
    sheet = table(("", f"Share of {splits[0][0]}", *(name for name, _ in splits)), rows, label="Labels")
    return fold(f"All {count(len(rows))}", sheet) if len(rows) > _MOST_OPEN_ROWS else sheet


def broken_table(broken: Sequence[tuple[str, str]]) -> Html:
    """List files that cannot be read."""
    rows = [(element("span", path, class_="mono"), reason) for path, reason in broken]
    sheet = table(("File", "Problem"), rows, label="Files that cannot be read", text_columns=(0, 1))
    return fold(f"All {count(len(rows))}", sheet) if len(rows) > _MOST_OPEN_ROWS else sheet


def _classes(data: Mapping[str, Any]) -> Html | str:
    counts, names = data.get("counts"), data.get("class_names")
    if not isinstance(counts, Mapping) or not names or "train" not in counts:
        return ""
    # a count a class, else it is another's
    splits = [(str(name), histogram) for name, histogram in counts.items() if len(histogram) == len(names)]
    if not splits:
        return ""
    return element("div", element("h3", "Classes"), label_table(splits, [str(name) for name in names]), class_="group")


def _files(data: Mapping[str, Any]) -> list[Html]:
    """Write which files were left out, and which are copies of others."""
    blocks = []
    broken = [(str(e.get("file")), str(e.get("reason"))) for e in data.get("broken") or [] if isinstance(e, Mapping)]
    if broken:
        about = "They were skipped in every split."
        blocks.append(
            element(
                "div", element("h3", "Files that cannot be read"), note(about), broken_table(broken), class_="group"
            )
        )
    duplicates = data.get("duplicates")
    pairs = duplicates.get("pairs") if isinstance(duplicates, Mapping) else None
    if pairs:
        # pairs as lists in JSON
        rows = [tuple(element("span", path, class_="mono") for path in pair) for pair in pairs if len(pair) == 2]
        sheet = table(("Image", "Same as"), rows, label="Duplicates", text_columns=(0, 1))
        about = "In two splits, or in the training split under two labels; the first of each kind."
        sheet = fold(f"{count(len(rows))} pairs", sheet) if len(rows) > _MOST_OPEN_ROWS else sheet
        blocks.append(element("div", element("h3", "Duplicates"), note(about), sheet, class_="group"))
    return blocks

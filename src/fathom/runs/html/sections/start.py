"""The parts of a report that say where the first weights came from, and what that was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fathom.runs.analysis.curves import curve
from fathom.runs.analysis.from_scratch import check_fine_tuning, form_of, points
from fathom.runs.analysis.numbers import DASH, count, decimal, percent
from fathom.runs.analysis.paired import METHOD
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.folder.relations import address_from
from fathom.runs.html.charts.figure import Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.markup import Html, element, fold, note, pairs, table
from fathom.runs.html.page import Section

_ARMS = {"fine_tuned": ("fine-tuned", "train"), "scratch": ("from scratch", "val")}  # arm: (its name, its colour class)


def show_start(start: Mapping[str, Any]) -> Section:
    """Say what was loaded, what is new and why, what is frozen, and how fast each part learns."""
    facts: list[tuple[object, object]] = []
    if start.get("source"):
        facts.append(("starting from", start["source"]))
        facts.append(("weights reused", percent(start.get("share"))))
    reused = start.get("reused") or []
    if reused:
        facts.append(
            (f"outputs reused by name, of {count(start.get('outputs'))}", f"{len(reused)}: {', '.join(reused)}")
        )
    for line in start.get("learning") or []:
        name, _, value = str(line).partition(": ")  # "frozen: 10 of 20 parameters, …"
        facts.append((name, value))
    changed = [(name, "adapted", how) for name, how in (start.get("changed") or {}).items()]
    # in this order: adapted, new, unused
    rows = changed + [(name, "new", reason) for name, reason in (start.get("new") or {}).items()]
    rows += [(name, "not used", "this network has none") for name in start.get("unused") or []]
    parts = [pairs(facts, "pairs long")]
    if rows:
        shown = [(element("span", name, class_="mono"), what, why) for name, what, why in rows]
        listing = table(("Parameter", "Outcome", "Reason"), shown, label="Parameters", text_columns=(0, 1, 2))
        # 12 rows: no longer than a small screen
        parts.append(listing if len(rows) <= 12 else fold(f"All {len(rows)} that were not loaded unchanged", listing))
    return Section("start", "Starting weights", *parts)


def show_comparison(run: RunReader, comparison: Mapping[str, Any], folder: Path) -> Section:
    """Set fine-tuning and training from scratch side by side, seed by seed, with links that start from ``folder``."""
    form = form_of(comparison)
    rows = []
    for i, seed in enumerate(comparison.get("seeds") or []):
        values = [_at(comparison.get(arm), i) for arm in _ARMS]
        places = [_at((comparison.get("runs") or {}).get(arm), i) for arm in _ARMS]
        cells = [_link(form(value), run, place, folder) for value, place in zip(values, places, strict=True)]
        present = [value for value in values if is_number(value)]
        # both, or no difference
        difference = points(present[0] - present[1], comparison) if len(present) == 2 else DASH
        rows.append([f"seed {seed}", *cells, difference])
    header = [f"test {comparison.get('measure')}", *(name for name, _ in _ARMS.values()), "difference"]
    return Section(
        "scratch",
        "Fine-tuned and from scratch",
        note(" ".join(found.sentence for found in check_fine_tuning(comparison))),
        note(METHOD) if comparison.get("pairs") and not is_number(comparison.get("low")) else "",
        table(header, rows, label="Fine-tuned and from scratch"),
        element("div", _curves(run, comparison), class_="charts"),
    )


def _at(values: Sequence[Any] | None, place: int) -> Any:
    return values[place] if values and place < len(values) else None  # an arm may lag behind while the series runs


def _link(text: str, run: RunReader, place: str | None, folder: Path) -> Html | str:
    """Let a figure lead to the report of the run it comes from."""
    report = run.path / place / schema.REPORT if place else None
    if report is None or place == "." or not report.exists():  # ".": the run of this very page
        return text
    return element("a", text, href=address_from(folder, report))


def _curves(run: RunReader, comparison: Mapping[str, Any]) -> object:
    """Draw the validation curves of all runs, one colour an arm."""
    # by the same metric as the test, on validation
    key = {"accuracy": "val_accuracy", "perplexity": "val_perplexity"}.get(str(comparison.get("measure")), "val_loss")
    lines = []
    for arm, (name, tone) in _ARMS.items():
        for i, place in enumerate((comparison.get("runs") or {}).get(arm) or []):
            points = curve(RunReader(run.path / place).epochs(), key)
            if points:
                lines.append(
                    # the first seed named and strong, the others pale
                    Line(name if i == 0 else f"{name}, seed {comparison['seeds'][i]}", points, tone, faint=i > 0)
                )
    if len(lines) < 2:  # one curve compares nothing
        return ""
    form = percent if key == "val_accuracy" else decimal
    return line_chart(
        "scratch-chart",
        key.removeprefix("val_").title() + " on validation data",
        lines,
        describe="; ".join(f"{line.label} ends at {form(line.points[-1][1])}" for line in lines if not line.faint),
        y=Vertical(key.removeprefix("val_"), form, may_log=key != "val_accuracy"),
    )

"""One page with runs side by side: their figures in a table, their validation curves in one image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fathom.runs.analysis.compare import Comparison, judge_runs
from fathom.runs.analysis.curves import curve
from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.folder.records import is_number
from fathom.runs.html.charts.figure import EPOCHS, TONES, Horizontal, Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.markup import Html, element, note, table
from fathom.runs.html.page import Page, Section
from fathom.runs.html.summary import show_findings


def write_comparison(comparison: Comparison, out: str | Path) -> Path:
    """Write the comparison as one self-contained page.

    Raises:  FathomError if the file cannot be written
    """
    return comparison_page(comparison).write(out)


def comparison_page(comparison: Comparison) -> Page:
    """Lay out the page."""
    title = f"{len(comparison.runs)} runs compared"
    models = sorted({f"{run.model_name} on {run.data_name}" for run in comparison.runs})
    return Page(
        title=title,
        kicker="Comparison",
        heading=title,
        byline=element("p", "; ".join(models), class_="byline"),
        summary=[_run_list(comparison), show_findings(judge_runs(comparison))],
        sections=[_figures(comparison), _curves(comparison)],
        footer="",
    )


def _run_list(comparison: Comparison) -> Html:
    entries = [
        element(
            "li", element("strong", label, class_=f"letter tone-{i % TONES}"), element("span", run.name, class_="mono")
        )
        for i, (label, run) in enumerate(zip(comparison.labels, comparison.runs, strict=True))
    ]
    return element("ul", *entries, class_="runs")


def _figures(comparison: Comparison) -> Section:
    rows = [
        [row.title, *(element("strong", text) if i in row.best() else text for i, text in enumerate(row.texts()))]
        for row in comparison.rows
    ]
    about = "Settings are listed where the runs differ. Bold is the better value of its row."
    return Section("figures", "Figures", note(about), table(["", *comparison.labels], rows, label="Figures"))


def _curves(comparison: Comparison) -> Section:
    charts = [
        _overlay(comparison, "val_loss", "Validation loss", decimal),
        _overlay(comparison, "val_accuracy", "Validation accuracy", percent),
        _overlay(comparison, "val_accuracy", "Validation accuracy over time", percent, over_time=True),
        _overlay(comparison, "train_loss", "Training loss", decimal),
    ]
    return Section("curves", "Curves", element("div", *(chart for chart in charts if chart), class_="charts"))


def _overlay(
    comparison: Comparison, key: str, title: str, form: Callable[[object], str], *, over_time: bool = False
) -> Html | None:
    lines = []
    for i, (label, run) in enumerate(zip(comparison.labels, comparison.runs, strict=True)):
        records = run.epochs()
        if over_time:
            records = [
                {**record, "epoch": record["elapsed_s"]} for record in records if is_number(record.get("elapsed_s"))
            ]
        points = curve(records, key)
        if points:
            lines.append(Line(label, points, str(i % TONES)))
    if not lines:
        return None
    return line_chart(
        f"{key}-{'time' if over_time else 'epoch'}",
        title,
        lines,
        describe="; ".join(f"{line.label} ends at {form(line.points[-1][1])}" for line in lines),
        x=Horizontal("seconds of training", "{:.4g}".format, whole=False) if over_time else EPOCHS,
        y=Vertical(key.removeprefix("val_").removeprefix("train_"), form, may_log=form is decimal),
    )

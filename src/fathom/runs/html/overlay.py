"""One page with runs side by side: their figures in a table, their validation curves in one image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fathom.files import write_atomically
from fathom.runs.analysis.compare import Comparison, describe_comparison
from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.analysis.sentences import series
from fathom.runs.folder.records import is_number
from fathom.runs.html.charts import Line, line_chart
from fathom.runs.html.page import Html, Section, document, element, join, note, table

_TONES = 8  # as many colours as page.css has for runs; further runs begin again


def write_comparison(comparison: Comparison, out: str | Path) -> Path:
    """Write the comparison as one self-contained page.

    Raises:  FathomError if the file cannot be written
    """
    target = Path(out)
    write_atomically(target, render_comparison(comparison))
    return target


def render_comparison(comparison: Comparison) -> str:
    """Write the page as text."""
    sections = [_figures(comparison), _curves(comparison)]
    title = f"{len(comparison.runs)} runs compared"
    models = sorted({f"{run.model_name} on {run.data_name}" for run in comparison.runs})
    header = element(
        "header",
        element("p", "Comparison", class_="kicker"),
        element("h1", title),
        element("p", "; ".join(models), class_="byline"),
    )
    sentences = describe_comparison(comparison)
    reading = element("ul", *(element("li", sentence) for sentence in sentences), class_="reading") if sentences else ""
    links = [element("a", part.title, href=f"#{part.key}") for part in sections]
    body = [
        element("nav", *links, aria_label="Parts of this page"),
        element(
            "main",
            element("section", header, _run_list(comparison), reading, id="summary", aria_label="Summary"),
            *(part.render() for part in sections),
        ),
    ]
    return document(title, join(body))


def _run_list(comparison: Comparison) -> Html:
    entries = [
        element(
            "li", element("strong", label, class_=f"letter tone-{i % _TONES}"), element("span", run.name, class_="mono")
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
        points = series(records, key)
        if points:
            lines.append(Line(label, points, str(i % _TONES)))
    if not lines:
        return None
    return line_chart(
        f"{key}-{'time' if over_time else 'epoch'}",
        title,
        lines,
        describe="; ".join(f"{line.label} ends at {form(line.points[-1][1])}" for line in lines),
        x_label="seconds of training" if over_time else "epoch",
        x_format=(lambda x: f"{x:.4g}") if over_time else (lambda x: f"{x:g}"),
        y_label=key.removeprefix("val_").removeprefix("train_"),
        y_format=form,
        whole_x=not over_time,
        may_log=form is decimal,
    )

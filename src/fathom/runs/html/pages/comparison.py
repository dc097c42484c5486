"""One page with runs side by side: their figures in a table, their validation curves in one image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fathom.runs.analysis.comparison import RunComparison
from fathom.runs.analysis.curves import curve
from fathom.runs.analysis.fairness import check_fairness
from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.analysis.ranking import check_runs
from fathom.runs.folder import schema
from fathom.runs.folder.records import is_number
from fathom.runs.folder.relations import address_from, related_pages
from fathom.runs.html.charts.figure import EPOCHS, TONES, Horizontal, Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.markup import Html, element
from fathom.runs.html.page import Page, Section
from fathom.runs.html.sections.comparison import show_differences
from fathom.runs.html.summary import show_findings


def write_comparison(comparison: RunComparison, out: str | Path) -> Path:
    """Write the comparison as one self-contained page.

    Raises:  FathomError if the file cannot be written
    """
    return comparison_page(comparison, Path(out).parent).write(out)


def comparison_page(comparison: RunComparison, folder: Path) -> Page:
    """Lay out the page, whose links start from ``folder``."""
    title, fairness = f"{len(comparison.runs)} runs compared", check_fairness(comparison)
    # each once: runs of one network on one data set say it once
    models = sorted({f"{run.model_name} on {run.data_name}" for run in comparison.runs})
    return Page(
        title=title,
        kicker="Comparison",
        heading=title,
        byline=element("p", "; ".join(models), class_="byline"),
        summary=[
            _run_list(comparison, folder),
            show_findings(fairness.findings, "Is the comparison fair?", fairness.not_checked),
            show_findings(check_runs(comparison), "What came out"),
        ],
        sections=[show_differences(comparison), _curves(comparison)],
        footer="",
    )


def _run_list(comparison: RunComparison, folder: Path) -> Html:
    """List the runs with links to their reports, and to what they are part of."""
    entries = []
    for i, (label, run) in enumerate(zip(comparison.labels, comparison.runs, strict=True)):
        report = run.path / schema.REPORT
        name: object = element("span", run.name, class_="mono")
        if report.exists():
            name = element("a", name, href=address_from(folder, report))
        parts = [
            element("a", how, href=address_from(folder, page), class_="quiet")
            for how, page in related_pages(run.path)
            if page.exists()
        ]
        # the letter has the colour of the run's curve
        entries.append(element("li", element("strong", label, class_=f"letter tone-{i % TONES}"), name, *parts))
    return element("ul", *entries, class_="runs")


def _curves(comparison: RunComparison) -> Section:
    charts = [
        _overlay(comparison, "val_loss", "Validation loss", decimal),
        _overlay(comparison, "val_accuracy", "Validation accuracy", percent),
        _overlay(comparison, "val_accuracy", "Validation accuracy over time", percent, over_time=True),
        _overlay(comparison, "train_loss", "Training loss", decimal),
    ]
    return Section("curves", "Curves", element("div", *(chart for chart in charts if chart), class_="charts"))


def _overlay(
    comparison: RunComparison, key: str, title: str, form: Callable[[object], str], *, over_time: bool = False
) -> Html | None:
    lines = []
    for i, (label, run) in enumerate(zip(comparison.labels, comparison.runs, strict=True)):
        records = run.epochs()
        if over_time:
            records = [
                # drawn over seconds in place of epochs
                {**record, "epoch": record["elapsed_s"]}
                for record in records
                if is_number(record.get("elapsed_s"))
            ]
        points = curve(records, key)
        if points:
            lines.append(Line(label, points, str(i % TONES)))
    if not lines:
        return None
    return line_chart(
        f"{key}-{'time' if over_time else 'epoch'}",  # unique on the page: it is the element's id
        title,
        lines,
        describe="; ".join(f"{line.label} ends at {form(line.points[-1][1])}" for line in lines),
        x=Horizontal("seconds of training", "{:.4g}".format, whole=False) if over_time else EPOCHS,
        # losses may span powers of ten, accuracies do not
        y=Vertical(key.removeprefix("val_").removeprefix("train_"), form, may_log=form is decimal),
    )

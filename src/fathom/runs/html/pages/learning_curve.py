"""One page that shows a learning curve: its verdict, the errors with the law through them, forecasts, every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fathom.runs.analysis.learning_curves.series import FACTORS, LearningCurve
from fathom.runs.analysis.numbers import count, decimal, duration, percent
from fathom.runs.analysis.series import DIVERGED
from fathom.runs.html.charts.figure import Horizontal, Vertical
from fathom.runs.html.charts.lines import Line
from fathom.runs.html.charts.scatter import Dots, dot_chart
from fathom.runs.html.markup import element, note, pairs, table
from fathom.runs.html.page import Page, Section
from fathom.runs.html.summary import made_from, show_findings, show_folder_byline, show_message

_ABOUT = (
    "The curve is error = a·n^(−b) + c, fitted to the runs. Smaller splits lie in larger ones, and every run takes as "
    "many steps."
)
_POINTS = 60  # of the curve


def learning_curve_page(study: LearningCurve) -> Page:
    """Lay out the page."""
    plan, status = study.plan, str(study.plan["status"])
    title = f"{plan['model']} on {Path(str(plan['data'])).name}"
    law = study.law()
    facts: list[tuple[object, object]] = [
        ("training samples", ", ".join(map(count, study.sizes))),
        ("seeds", count(len(plan["seeds"]))),
        ("progress", f"{len(study.results)} of {len(study.sizes) * len(plan['seeds'])} runs done"),
    ]
    if law is not None:
        facts.append(("law", f"{decimal(law.scale)} · n^(−{law.exponent:.2f}) + {decimal(law.floor)}"))
    return Page(
        title=f"Learning curve of {title}",
        kicker="Learning curve",
        heading=title,
        byline=show_folder_byline(status, study.path.name, plan.get("created")),
        summary=[
            pairs(facts),
            show_message(plan.get("message"), status),
            show_findings(study.findings(), "What the curve says"),
        ],
        sections=[section for section in (_curve(study), _forecasts(study), _runs(study)) if section is not None],
        footer=made_from(plan.get("fathom"), study.path.name),
    )


def _curve(study: LearningCurve) -> Section | None:
    errors, law = study.errors(), study.law()
    if not errors:
        return None
    groups = [
        Dots(
            "runs",
            [(float(n), e, f"{count(n)} samples: {study.form(e)}") for n, values in errors.items() for e in values],
            "train",
        )
    ]
    line = None
    if law is not None:
        ahead = study.projections()
        places = np.geomspace(study.sizes[0], ahead[-1].size, _POINTS).tolist()
        line = Line("law", [(place, law(place)) for place in places], "rate", markers=False)
        tips = [f"{count(p.size)}: {study.form(p.error)} ({study.form(p.low)} to {study.form(p.high)})" for p in ahead]
        points = [(float(p.size), p.error, tip) for p, tip in zip(ahead, tips, strict=True)]
        ends = [(float(p.size), end, tip) for p, tip in zip(ahead, tips, strict=True) for end in (p.low, p.high)]
        groups += [Dots("ends of 95% intervals", ends, "7"), Dots("forecasts", points, "1")]
    form = percent if study.is_classification else decimal
    chart = dot_chart(
        "curve",
        study.error_name,
        groups,
        describe="; ".join(f"{count(n)} samples: {study.form(sum(v) / len(v))}" for n, v in errors.items()),
        x=Horizontal("training samples", count, whole=False, log=True),
        y=Vertical(study.error_name, form, may_log=True),
        steps=line,
    )
    return Section("curve", "The curve", note(_ABOUT), element("div", chart, class_="charts"))


def _forecasts(study: LearningCurve) -> Section | None:
    rows = [
        [f"{factor}×", count(p.size), study.form(p.error), f"{study.form(p.low)} to {study.form(p.high)}"]
        for factor, p in zip(FACTORS, study.projections(), strict=False)
    ]
    if not rows:
        return None
    header = ["Data", "Samples", study.error_name[0].upper() + study.error_name[1:], "95% interval"]
    about = "Intervals are by bootstrap over runs and sizes; they hold as long as the law does."
    return Section("forecasts", "More data", note(about), table(header, rows, label="Forecasts"))


def _runs(study: LearningCurve) -> Section:
    header = ["Samples", "Seed", study.error_name[0].upper() + study.error_name[1:], "Epochs", "Training", "Run"]
    return Section("runs", "Runs", table(header, [_row(study, row) for row in study.results], label="Every run"))


def _row(study: LearningCurve, row: dict[str, Any]) -> list[object]:
    error: object = study.form(row.get("error"))
    if row.get("status") == DIVERGED:
        error = element("span", DIVERGED, class_="status failed")
    link = element("a", "report", href=f"{row['run']}/report.html")  # relative: the page lies in the series' folder
    return [count(row["size"]), count(row["seed"]), error, count(row["epochs"]), duration(row["train_s"]), link]

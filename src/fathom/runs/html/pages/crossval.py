"""One page that shows a cross-validation: its verdicts, a chart of the folds, every fold with a link to its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.phrases import counted
from fathom.runs.analysis.crossval import CrossValidation
from fathom.runs.analysis.numbers import count, decimal, duration, percent
from fathom.runs.analysis.series import DIVERGED
from fathom.runs.html.charts.strips import Strip, strip_chart
from fathom.runs.html.markup import element, note, pairs, table
from fathom.runs.html.page import Page, Section
from fathom.runs.html.summary import made_from, show_folder_byline, show_message, show_sentences

_HOW = (
    "The intervals are Student's t with Nadeau and Bengio's correction: folds share most of their training data, so "
    "the usual standard error would promise too much."
)  # Nadeau and Bengio 2003, see analysis/spread.py


def crossval_page(study: CrossValidation) -> Page:
    """Lay out the page."""
    plan, status = study.plan, str(study.plan["status"])
    title = f"{', '.join(study.models)} on {Path(str(plan['data'])).name}"
    return Page(
        title=f"Cross-validation of {title}",
        kicker="Cross-validation",
        heading=title,
        byline=show_folder_byline(status, study.path.name, plan.get("created")),
        summary=[
            pairs(_facts(study)),
            show_message(plan.get("message"), status),
            show_sentences(_sentences(study), "What the folds say"),
            *map(note, plan.get("notes", ())),
        ],
        sections=[_models(study), _spread(study), _folds(study)],
        footer=made_from(plan.get("fathom"), study.path.name),
    )


def _facts(study: CrossValidation) -> list[tuple[object, object]]:
    plan = study.plan
    again = f", {plan['repeats']} times over" if plan["repeats"] > 1 else ""
    return [
        ("folds", f"{plan['folds']}{again}"),
        ("division", plan["division"]),
        (f"{plan['unit']}s of a fold", plan["parts"]),
        ("test set", "left alone"),
        ("progress", f"{len(study.results)} of {counted(study.planned * len(study.models), 'fold')} done"),
    ]


def _sentences(study: CrossValidation) -> list[str]:
    sentences = [finding.sentence for finding in study.findings()]
    if len(study.models) < 2 or not study.differences():  # one model: its figures instead of a comparison
        sentences += [
            f"{model}: {measure.title} {mean} on average, standard deviation {std}, 95% interval {interval}."
            for measure in study.measures[:1]
            for model, spread in study.spreads(measure).items()
            for mean, std, interval in [measure.describe(spread)]
        ]
    return sentences


def _models(study: CrossValidation) -> Section:
    rows = []
    for model in study.models:
        cells: list[object] = [model]
        for measure in study.measures:
            mean, std, interval = measure.describe(study.spreads(measure).get(model))
            # the interval of the measure that decides
            cells += [mean, std] + ([interval] if measure is study.measures[0] else [])
        rows.append(cells)
    header = ["Model"]
    for measure in study.measures:
        name = f"{measure.title[0].upper()}{measure.title[1:]}"
        header += [name, "Std. dev."] + (["95% interval"] if measure is study.measures[0] else [])
    return Section("models", "Models", note(_HOW), table(header, rows, label="Mean and spread of each model"))


def _spread(study: CrossValidation) -> Section | None:
    measure = study.measures[0]
    values = study.values(measure.key)
    strips = [
        Strip(model, values[model], spread.mean, spread.low, spread.high)
        for model, spread in study.spreads(measure).items()
    ]
    if not strips:
        return None
    chart = strip_chart(
        "folds-chart",
        f"{measure.title[0].upper()}{measure.title[1:]} of every fold",
        strips,
        describe="; ".join(f"{strip.label}: mean {measure.form(strip.mean)}" for strip in strips),
        x_label=f"{measure.title} on the part held out",
        x_form=percent if measure.key == "accuracy" else decimal,
    )
    about = "A dot is a fold, the diamond their mean, the band the mean's interval."
    if len(strips) > 1:
        about += (
            " Networks are compared fold by fold, so a difference can be clear though the bands overlap: a fold that "
            "is hard for one is hard for all."
        )
    return Section("spread", "Spread over folds", note(about), element("div", chart, class_="charts"))


def _folds(study: CrossValidation) -> Section:
    header = ["Model", *(["Repeat"] if study.plan["repeats"] > 1 else []), "Fold", "Held out"]
    header += [f"{measure.title[0].upper()}{measure.title[1:]}" for measure in study.measures]
    rows = [_fold_row(study, row) for row in study.results]
    return Section("folds", "Folds", table([*header, "Training", "Run"], rows, label="Every fold"))


def _fold_row(study: CrossValidation, row: dict[str, Any]) -> list[object]:
    cells: list[object] = [row["model"]]
    if study.plan["repeats"] > 1:
        cells.append(count(row["repeat"]))
    cells += [count(row["fold"]), count(row.get("held_out"))]
    cells += [measure.form(row.get(measure.key)) for measure in study.measures]
    if row.get("status") == DIVERGED:
        cells[-len(study.measures)] = element("span", DIVERGED, class_="status failed")  # in place of the first measure
    # relative: the page lies in the series' folder
    return [*cells, duration(row["train_s"]), element("a", "report", href=f"{row['run']}/report.html")]

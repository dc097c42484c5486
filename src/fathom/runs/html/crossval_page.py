"""One page that shows a cross-validation: its verdicts, an image of the folds, every fold with a link to its run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, decimal, duration, percent
from fathom.runs.analysis.series import DIVERGED
from fathom.runs.html.charts import Strip, strip_chart
from fathom.runs.html.origin import show_byline, show_time
from fathom.runs.html.page import Html, Section, document, element, join, note, pairs, table

if TYPE_CHECKING:
    from fathom.runs.analysis.crossval import CrossValidation, Measure
    from fathom.runs.analysis.spread import Spread

_HOW = (
    "The intervals are Student's t with Nadeau and Bengio's correction: folds share most of their training data, so "
    "the usual standard error would promise too much."
)


def render_crossval(study: CrossValidation) -> str:
    """Write the page as text."""
    sections = [_models(study), *_image(study), _folds(study)]
    title = f"{', '.join(study.models)} on {Path(str(study.plan['data'])).name}"
    links = [element("a", part.title, href=f"#{part.key}") for part in sections]
    body = [
        element("nav", *links, aria_label="Parts of this page"),
        element("main", _summary(study, title), *(part.render() for part in sections)),
        element("footer", f"Made by Fathom {study.plan.get('fathom', '')} from the files of {study.path.name}."),
    ]
    return document(f"Cross-validation of {title}", join(body))


def describe_spread(measure: Measure, spread: Spread | None) -> tuple[str, str, str]:
    """Return mean, standard deviation and interval as people read them."""
    if spread is None:
        return DASH, DASH, DASH
    if spread.std is None or spread.low is None:
        return measure.form(spread.mean), DASH, DASH
    return (
        measure.form(spread.mean),
        measure.form(spread.std),
        f"{measure.form(spread.low)} to {measure.form(spread.high)}",
    )


def _summary(study: CrossValidation, title: str) -> Html:
    plan = study.plan
    status = str(plan["status"])
    again = f", {plan['repeats']} times over" if plan["repeats"] > 1 else ""
    done = f"{len(study.results)} of {counted(study.planned * len(study.models), 'fold')} done"
    sentences = [sentence for _, sentence in study.sentences()]
    if len(study.models) < 2 or not study.differences():
        sentences += [
            f"{model}: {measure.title} {mean} on average, std {std}, 95% interval {interval}."
            for measure in study.measures[:1]
            for model, spread in study.spreads(measure).items()
            for mean, std, interval in [describe_spread(measure, spread)]
        ]
    return element(
        "section",
        element(
            "header",
            element("p", "Cross-validation", class_="kicker"),
            element("h1", title),
            show_byline(status, study.path.name, show_time(plan.get("created"))),
        ),
        pairs(
            [
                ("folds", f"{plan['folds']}{again}"),
                ("division", plan["division"]),
                (f"{plan['unit']}s of a fold", plan["parts"]),
                ("test set", "left alone"),
                ("progress", done),
            ]
        ),
        element("p", plan["message"], class_=f"message {status}") if plan.get("message") else "",
        element("h2", "What the folds say"),
        element("ul", *(element("li", sentence) for sentence in sentences), class_="reading"),
        *(note(text) for text in plan.get("notes", ())),
        id="summary",
        aria_label="Summary",
    )


def _models(study: CrossValidation) -> Section:
    rows = []
    for model in study.models:
        cells: list[object] = [model]
        for measure in study.measures:
            mean, std, interval = describe_spread(measure, study.spreads(measure).get(model))
            cells += [mean, std] + ([interval] if measure is study.measures[0] else [])
        rows.append(cells)
    header = ["Model"]
    for measure in study.measures:
        name = f"{measure.title[0].upper()}{measure.title[1:]}"
        header += [name, "Deviation"] + (["95% interval"] if measure is study.measures[0] else [])
    return Section("models", "Models", note(_HOW), table(header, rows, label="Mean and spread of each model"))


def _image(study: CrossValidation) -> list[Section]:
    measure = study.measures[0]
    values = study.values(measure.key)
    strips = [
        Strip(model, values[model], spread.mean, spread.low, spread.high)
        for model, spread in study.spreads(measure).items()
    ]
    if not strips:
        return []
    chart = strip_chart(
        "folds-chart",
        f"{measure.title[0].upper()}{measure.title[1:]} of every fold",
        strips,
        describe="; ".join(f"{strip.label}: mean {measure.form(strip.mean)}" for strip in strips),
        x_label=f"{measure.title} on the part held out",
        x_format=percent if measure.key == "accuracy" else decimal,
    )
    about = "A dot is a fold, the diamond their mean, the band the mean's interval."
    if len(strips) > 1:
        about += (
            " Networks are compared fold by fold, so a difference can be clear though the bands overlap: a fold that "
            "is hard for one is hard for all."
        )
    return [Section("image", "Image", note(about), element("div", chart, class_="charts"))]


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
        cells[-len(study.measures)] = element("span", DIVERGED, class_="status failed")
    return [*cells, duration(row["train_s"]), element("a", "report", href=f"{row['run']}/report.html")]

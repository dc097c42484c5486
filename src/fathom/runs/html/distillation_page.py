"""One page that sets teacher, student alone and student distilled side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fathom.runs.analysis.numbers import decimal, duration, percent
from fathom.runs.analysis.paired import METHOD
from fathom.runs.analysis.series import DIVERGED
from fathom.runs.html.charts import Strip, strip_chart
from fathom.runs.html.origin import show_byline, show_time
from fathom.runs.html.page import Html, Section, document, element, join, note, pairs, table

if TYPE_CHECKING:
    from fathom.runs.analysis.distillation import Distillation


def render_distillation(study: Distillation) -> str:
    """Write the page as text."""
    sections = [_side_by_side(study), *_image(study), _runs(study)]
    plan = study.plan
    student = plan["config"]["model"]["name"]
    title = f"{student} taught by {plan['teacher_model']} on {Path(str(plan['data'])).name}"
    status = str(plan["status"])
    header = element(
        "header",
        element("p", "Distillation", class_="kicker"),
        element("h1", title),
        show_byline(status, study.path.name, show_time(plan.get("created"))),
    )
    facts = pairs(
        [
            ("temperature", f"{plan['temperature']:g}"),
            ("alpha, the teacher's share of the loss", f"{plan['alpha']:g}"),
            ("seeds", ", ".join(map(str, plan["seeds"]))),
            ("epochs of each student", plan["config"]["training"]["epochs"] or "chosen"),
            ("teacher's run", plan["teacher"]),
        ]
    )
    sentences = [sentence for _, sentence in study.sentences()]
    body = [
        element("nav", *(element("a", part.title, href=f"#{part.key}") for part in sections), aria_label="Parts"),
        element(
            "main",
            element(
                "section",
                header,
                facts,
                element("p", plan["message"], class_=f"message {status}") if plan.get("message") else "",
                element("h2", "What the numbers say"),
                element("ul", *(element("li", sentence) for sentence in sentences), class_="reading"),
                id="summary",
                aria_label="Summary",
            ),
            *(part.render() for part in sections),
        ),
        element("footer", f"Made by Fathom {plan.get('fathom', '')} from the files of {study.path.name}."),
    ]
    return document(f"Distillation: {title}", join(body))


def _side_by_side(study: Distillation) -> Section:
    header, *rows = study.rows()
    about = (
        "Both students have the same network, epochs, seeds and samples; ± is the standard deviation over the seeds. "
        "The test set is evaluated once by each. Times are per image, for one image and in a batch of 256."
        f"{' ' + METHOD if len(study.plan['seeds']) == 1 else ''}"
    )
    columns = ["Who", *(name if name.startswith("ms") else name[0].upper() + name[1:] for name in header[1:])]
    return Section(
        "sides", "Side by side", note(about), table(columns, rows, label="Side by side", text_columns=(0, 1))
    )


def _image(study: Distillation) -> list[Section]:
    from fathom.runs.analysis.distillation import ROLES, SPLITS, TITLES

    charts: list[Html] = []
    for split, word in SPLITS.items():
        key = f"{split}_accuracy"
        found = [(role, study.values(role, key), study.spread(role, key)) for role in ROLES]
        strips = [Strip(TITLES[r], v, s.mean, s.low, s.high) for r, v, s in found if s is not None]
        if strips:
            about = "; ".join(f"{strip.label}: mean {percent(strip.mean, 2)}" for strip in strips)
            title = f"Accuracy on {word}"
            charts.append(
                strip_chart(f"{split}-chart", title, strips, describe=about, x_label="accuracy", x_format=percent)
            )
    about = "A dot is a seed, the diamond their mean, the band the mean's 95% interval."
    return [Section("image", "Image", note(about), element("div", *charts, class_="charts"))] if charts else []


def _runs(study: Distillation) -> Section:
    from fathom.runs.analysis.distillation import TEACHER, TITLES

    rows = []
    for row in study.results:
        accuracies: list[object] = [percent(row.get(f"{split}_accuracy"), 2) for split in ("val", "test")]
        if row.get("status") == DIVERGED:
            accuracies[0] = element("span", DIVERGED, class_="status failed")
        losses = [decimal(row.get(f"{split}_loss")) for split in ("val", "test")]
        run = "" if row["role"] == TEACHER else element("a", "report", href=f"{row['run']}/report.html")
        rows.append([TITLES[row["role"]], str(row["seed"]), *accuracies, *losses, duration(row["train_s"]), run])
    header = ["Who", "Seed", "Validation", "Test", "Validation loss", "Test loss", "Training", "Run"]
    return Section("runs", "Runs", table(header, rows, label="Every run"))

"""One page that sets teacher, student alone and student distilled side by side."""

from __future__ import annotations

from pathlib import Path

from fathom.runs.analysis.distillation import ROLES, SPLITS, TEACHER, TITLES, Distillation
from fathom.runs.analysis.numbers import decimal, duration, percent
from fathom.runs.analysis.paired import METHOD
from fathom.runs.analysis.series import DIVERGED
from fathom.runs.html.charts.strips import Strip, strip_chart
from fathom.runs.html.markup import Html, element, note, pairs, table
from fathom.runs.html.page import Page, Section
from fathom.runs.html.summary import made_from, show_findings, show_folder_byline, show_message


def distillation_page(study: Distillation) -> Page:
    """Lay out the page."""
    plan, status = study.plan, str(study.plan["status"])
    student = plan["config"]["model"]["name"]
    title = f"{student} taught by {plan['teacher_model']} on {Path(str(plan['data'])).name}"
    facts = [
        ("temperature", f"{plan['temperature']:g}"),
        ("alpha, the teacher's share of the loss", f"{plan['alpha']:g}"),
        ("seeds", ", ".join(map(str, plan["seeds"]))),
        ("epochs of each student", plan["config"]["training"]["epochs"] or "chosen"),  # None: by the kind of data
        ("teacher's run", plan["teacher"]),
    ]
    return Page(
        title=f"Distillation: {title}",
        kicker="Distillation",
        heading=title,
        byline=show_folder_byline(status, study.path.name, plan.get("created")),
        summary=[
            pairs(facts),
            show_message(plan.get("message"), status),
            show_findings(study.findings(), "What the numbers say"),
        ],
        sections=[_side_by_side(study), _spread(study), _runs(study)],
        footer=made_from(plan.get("fathom"), study.path.name),
    )


def _side_by_side(study: Distillation) -> Section:
    header, *rows = study.rows()
    about = (
        "Both students have the same network, epochs, seeds and samples; ± is the standard deviation over the seeds. "
        "The test set is evaluated once by each. Times are per image, for one image and in a batch of 256."
        f"{' ' + METHOD if len(study.plan['seeds']) == 1 else ''}"
    )
    # ms stays small: it is a unit
    columns = ["Role", *(name if name.startswith("ms") else name[0].upper() + name[1:] for name in header[1:])]
    return Section(
        "sides", "Side by side", note(about), table(columns, rows, label="Side by side", text_columns=(0, 1))
    )


def _spread(study: Distillation) -> Section | None:
    charts: list[Html] = []
    for split, word in SPLITS.items():
        key = f"{split}_accuracy"
        found = [(role, study.values(role, key), study.spread(role, key)) for role in ROLES]
        strips = [Strip(TITLES[r], v, s.mean, s.low, s.high) for r, v, s in found if s is not None]
        if strips:
            about = "; ".join(f"{strip.label}: mean {percent(strip.mean, 2)}" for strip in strips)
            title = f"Accuracy on {word}"
            charts.append(
                strip_chart(f"{split}-chart", title, strips, describe=about, x_label="accuracy", x_form=percent)
            )
    about = "A dot is a seed, the diamond their mean, the band the mean's 95% interval."
    return (
        Section("spread", "Spread over seeds", note(about), element("div", *charts, class_="charts"))
        if charts
        else None
    )


def _runs(study: Distillation) -> Section:
    rows = []
    for row in study.results:
        # as in SPLITS
        accuracies: list[object] = [percent(row.get(f"{split}_accuracy"), 2) for split in ("val", "test")]
        if row.get("status") == DIVERGED:
            accuracies[0] = element("span", DIVERGED, class_="status failed")
        losses = [decimal(row.get(f"{split}_loss")) for split in ("val", "test")]
        # the teacher's run lies elsewhere
        run = "" if row["role"] == TEACHER else element("a", "report", href=f"{row['run']}/report.html")
        rows.append([TITLES[row["role"]], str(row["seed"]), *accuracies, *losses, duration(row["train_s"]), run])
    header = ["Role", "Seed", "Validation", "Test", "Validation loss", "Test loss", "Training", "Run"]
    return Section("runs", "Runs", table(header, rows, label="Every run"))

"""One page, a table and images of a study: how it went, which settings mattered, how the metric depends on each."""

from __future__ import annotations

import io
from pathlib import Path

from fathom.files import write_atomically
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, duration
from fathom.runs.analysis.study import BestRun, Study, find_best_run
from fathom.runs.analysis.tuning import check_study
from fathom.runs.html.charts.study_images import draw_images
from fathom.runs.html.markup import Html, element, join
from fathom.runs.html.page import Page
from fathom.runs.html.sections.study import show_history, show_importance, show_slices, show_trials
from fathom.runs.html.summary import show_badge, show_byline, show_findings, show_headline, show_number, show_subject

PAGE, TABLE = "study.html", "trials.csv"


def write_study(study: Study, folder: str | Path) -> Path:
    """Write ``study.html``, ``trials.csv`` and the charts as PNG into the study's folder.

    Returns: the page
    Raises:  FathomError if they cannot be written
    """
    folder = Path(folder)
    write_atomically(folder / TABLE, study.to_csv())
    for name, figure in draw_images(study).items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")  # at 130 dots an inch
        write_atomically(folder / name, buffer.getvalue())
    return study_page(study, find_best_run(study, folder)).write(folder / PAGE)


def study_page(study: Study, kept: BestRun | None = None) -> Page:
    """Lay out the page; ``kept`` is the run of the best trial, with the test set evaluated."""
    is_over = study.num_done >= study.target  # --trials reached
    badge = show_badge("done", "finished") if is_over else show_badge("stopped", "unfinished")
    return Page(
        title=f"Study of {study.model} on {study.data}",
        kicker="Search for settings",
        heading=show_subject(study.model, study.data),
        byline=show_byline(badge, element("span", study.name, class_="mono")),
        summary=[
            show_headline(join([_validation(study), _test(study, kept)]), _facts(study)),
            show_findings(check_study(study), "What the trials say"),
        ],
        sections=[show_history(study), show_importance(study), show_slices(study), show_trials(study)],
        footer="Made by Fathom from the study's folder. The test split played no role in any trial.",
        related=[] if kept is None else [("Report of the run that was kept", kept.report)],
    )


def _validation(study: Study) -> Html:
    best = study.best()
    if best is None:
        return show_number(DASH, f"best {study.metric_name}", "")
    end = "highest" if study.maximise else "lowest"
    about = f"trial {best.number}, chosen as the {end} of {counted(study.count('complete'), 'completed trial')}"
    return show_number(study.form(best.value), f"best {study.metric_name}", about)


def _test(study: Study, kept: BestRun | None) -> Html:
    # both figures, since the first one flatters
    """Write what the test set says of the run that was kept, beside the figure that the best trial was chosen for."""
    name = f"test {study.metric.removeprefix('val_')}"
    # val_accuracy: accuracy in evaluation.json
    value = None if kept is None else kept.evaluation.get(study.metric.removeprefix("val_"))
    if kept is None or value is None:
        return show_number(DASH, name, "the test set has not been used")
    samples = kept.evaluation.get("num_samples")
    unit = "token" if study.metric == "val_perplexity" else "sample"  # perplexity is a mean over tokens
    about = f"the best trial, trained again; {counted(samples, unit)}, evaluated once" if samples else ""
    return show_number(study.form(value), name, about)


def _facts(study: Study) -> list[tuple[object, object]]:
    return [
        ("trials done", f"{study.num_done} of {study.target}"),
        ("completed", count(study.count("complete"))),
        ("pruned", count(study.count("pruned"))),
        ("diverged or failed", count(study.count("diverged") + study.count("failed"))),
        ("time in trials", duration(sum(trial.duration_s or 0.0 for trial in study.trials))),
        ("seed", study.seed),
    ]

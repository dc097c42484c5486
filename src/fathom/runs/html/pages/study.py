"""One page, a table and images of a study: how it went, which settings mattered, how the metric depends on each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from fathom.files import write_atomically
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, duration, percent
from fathom.runs.analysis.study import KeptRun, State, Study, Trial, find_kept_run
from fathom.runs.analysis.tuning import check_study, describe_values, metric_form, show_value
from fathom.runs.html.charts.bars import share_bar
from fathom.runs.html.charts.figure import Horizontal, Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.charts.scatter import Dots, dot_chart
from fathom.runs.html.charts.study_images import draw_images
from fathom.runs.html.markup import Html, element, fold, join, note, table
from fathom.runs.html.page import Page, Section
from fathom.runs.html.summary import show_badge, show_byline, show_findings, show_headline, show_number, show_subject

PAGE, TABLE = "study.html", "trials.csv"
_TONES: dict[State, str] = {"complete": "train", "pruned": "7", "diverged": "val"}
_BEST_SHOWN = 10
_MOST_CURVES = 100
_FEW = 10  # completed trials, below which importance is a guess


def write_study(study: Study, folder: str | Path) -> Path:
    """Write ``study.html``, ``trials.csv`` and the charts as PNG into the study's folder.

    Returns: the page
    Raises:  FathomError if they cannot be written
    """
    folder = Path(folder)
    write_atomically(folder / TABLE, study.to_csv())
    for name, figure in draw_images(study).items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        write_atomically(folder / name, buffer.getvalue())
    return study_page(study, find_kept_run(study, folder)).write(folder / PAGE)


def study_page(study: Study, kept: KeptRun | None = None) -> Page:
    """Lay out the page; ``kept`` is the run of the best trial, with the test set evaluated."""
    is_over = study.num_done >= study.target
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
        sections=[_history(study), _importance(study), _slices(study), _table(study)],
        footer="Made by Fathom from the study's folder. The test split played no role in any trial.",
        related=[] if kept is None else [("Report of the run that was kept", kept.report)],
    )


def _validation(study: Study) -> Html:
    best = study.best()
    if best is None:
        return show_number(DASH, f"best {study.metric_name}", "")
    end = "highest" if study.maximise else "lowest"
    about = f"trial {best.number}, chosen as the {end} of {counted(study.count('complete'), 'completed trial')}"
    return show_number(metric_form(study.metric)(best.value), f"best {study.metric_name}", about)


def _test(study: Study, kept: KeptRun | None) -> Html:
    """Write what the test set says of the run that was kept, beside the figure that the best trial was chosen for."""
    name = f"test {study.metric.removeprefix('val_')}"
    value = None if kept is None else kept.evaluation.get(study.metric.removeprefix("val_"))
    if kept is None or value is None:
        return show_number(DASH, name, "the test set has not been used")
    samples = kept.evaluation.get("num_samples")
    unit = "token" if study.metric == "val_perplexity" else "sample"
    about = f"the best trial, trained again; {counted(samples, unit)}, evaluated once" if samples else ""
    return show_number(metric_form(study.metric)(value), name, about)


def _facts(study: Study) -> list[tuple[object, object]]:
    return [
        ("trials done", f"{study.num_done} of {study.target}"),
        ("completed", count(study.count("complete"))),
        ("pruned", count(study.count("pruned"))),
        ("diverged or failed", count(study.count("diverged") + study.count("failed"))),
        ("time in trials", duration(sum(trial.duration_s or 0.0 for trial in study.trials))),
        ("seed", study.seed),
    ]


def _tip(trial: Trial, study: Study) -> str:
    how = {"pruned": ", pruned", "diverged": ", diverged"}.get(trial.state, "")
    return f"trial {trial.number}: {metric_form(study.metric)(trial.value)}{how}\n{describe_values(trial)}"


def _history(study: Study) -> Section:
    groups = [
        Dots(state, [(t.number, t.value, _tip(t, study)) for t in trials if t.value is not None], _TONES[state])
        for state, trials in study.drawn().items()
        if trials
    ]
    if not groups:
        return Section("history", "History", note("No trial has come to a first value yet."))
    stair = study.best_so_far()
    word = study.metric_name
    chart = dot_chart(
        "history-chart",
        word.capitalize(),
        groups,
        describe=f"{word} of each trial in turn, with the best so far",
        x=Horizontal("trial"),
        y=_metric_axis(study),
        steps=Line("best so far", stair, "rate", markers=False) if stair else None,
    )
    about = "A pruned trial is shown with the best it had reached when it was stopped."
    return Section("history", "History", note(about), element("div", chart, _curves(study), class_="charts"))


def _curves(study: Study) -> Html:
    """Draw the metric of every trial over its epochs, the best one over all others."""
    word, best = study.metric_name, study.best()
    trials = [t for t in study.trials if t.curve and t is not best][-_MOST_CURVES:]
    lines = [Line(f"trial {t.number}", t.curve, _TONES.get(t.state, "7"), faint=True) for t in trials]
    if best is not None:
        lines.append(Line(f"best: trial {best.number}", best.curve, "rate"))
    return line_chart(
        "curves-chart",
        f"{word.capitalize()} by epoch",
        lines,
        describe=f"{word} of every trial after each of its epochs",
        y=_metric_axis(study),
    )


def _metric_axis(study: Study) -> Vertical:
    label = study.metric_name.removeprefix("validation ")
    return Vertical(label, percent) if study.metric == "val_accuracy" else Vertical(label, may_log=True)


def _importance(study: Study) -> Section | None:
    if not study.importance:
        return None
    complete = study.count("complete")
    text = f"The share of the differences between the {complete} completed trials that each setting explains (fANOVA)."
    if complete < _FEW:
        text += " With so few of them it is a guess."
    rows = [(name, join([percent(share, 0), " ", share_bar(share)])) for name, share in study.importance.items()]
    return Section("importance", "Importance", note(text), table(("Setting", "Share"), rows, label="Importance"))


def _slices(study: Study) -> Section:
    charts = []
    word = study.metric_name
    for number, axis in enumerate(study.axes):
        groups = []
        for state, trials in study.drawn(axis.name).items():
            points = []
            for t in trials:
                x = t.values[axis.name]
                place = axis.choices.index(str(x)) if axis.choices else x
                if isinstance(place, int | float) and t.value is not None:
                    points.append((float(place), t.value, _tip(t, study)))
            if points:
                groups.append(Dots(state, points, _TONES[state]))
        if groups:
            charts.append(
                dot_chart(
                    f"slice-{number}",
                    axis.name,
                    groups,
                    describe=f"{word} over {axis.name}",
                    x=Horizontal(axis.name, whole=False, log=axis.log, names=axis.choices),
                    y=_metric_axis(study),
                )
            )
    content: Sequence[object] = [element("div", *charts, class_="charts")] if charts else [note("Nothing to show yet.")]
    return Section(
        "slices", "Slices", note("Each trial over each setting; the others differ from dot to dot."), *content
    )


def _table(study: Study) -> Section:
    names = [axis.name for axis in study.axes]
    form = metric_form(study.metric)

    def row(trial: Trial) -> list[object]:
        values = [show_value(trial.values[name]) if name in trial.values else DASH for name in names]
        return [trial.number, form(trial.value), *values, len(trial.curve), duration(trial.duration_s)]

    header = ["Trial", study.metric_name.capitalize(), *names, "Epochs", "Time"]
    ranked = study.ranked()
    parts: list[object] = []
    if ranked:
        best = table(header, map(row, ranked[:_BEST_SHOWN]), label="Best trials", marked=[0])
        parts.append(element("h3", "The best") if len(ranked) > 1 else "")
        parts.append(best)
    rows = [[*row(trial)[:1], trial.state, *row(trial)[1:], trial.reason] for trial in study.trials]
    everything = table(
        ["Trial", "End", *header[1:], "Reason"], rows, label="All trials", text_columns=(0, 1, len(header) + 1)
    )
    title = "The only trial" if len(rows) == 1 else f"All {counted(len(rows), 'trial')}"
    parts.append(fold(title, everything, is_open=not ranked))
    return Section("trials", "Trials", *parts)

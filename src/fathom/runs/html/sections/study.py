"""The sections of a study's page: its history, which settings mattered, the metric over each of them, all trials."""

from __future__ import annotations

from collections.abc import Sequence

from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, duration, percent
from fathom.runs.analysis.study import State, Study, Trial, value_text
from fathom.runs.html.charts.bars import share_bar
from fathom.runs.html.charts.figure import Horizontal, Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.charts.scatter import Dots, dot_chart
from fathom.runs.html.markup import Html, element, fold, join, note, table
from fathom.runs.html.page import Section

# "7": the greyest colour of the runs
_TONES: dict[State, str] = {"complete": "train", "pruned": "7", "diverged": "val"}
_BEST_SHOWN = 10  # the rest is in the fold
_MOST_CURVES = 100  # more curves are one blot
_FEW = 10  # completed trials, below which importance is a guess


def _tip(trial: Trial, study: Study) -> str:
    how = {"pruned": ", pruned", "diverged": ", diverged"}.get(trial.state, "")
    # a line for the value, one for the settings
    return f"trial {trial.number}: {study.form(trial.value)}{how}\n{trial.describe()}"


def show_history(study: Study) -> Section:
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
    # the newest; the best is drawn apart
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
    # losses of trials may span powers of ten
    return Vertical(label, percent) if study.metric == "val_accuracy" else Vertical(label, may_log=True)


def show_importance(study: Study) -> Section | None:
    if not study.importance:
        return None
    complete = study.count("complete")
    text = f"The share of the differences between the {complete} completed trials that each setting explains (fANOVA)."
    if complete < _FEW:
        text += " With so few of them this is a guess."
    rows = [(name, join([percent(share, 0), " ", share_bar(share)])) for name, share in study.importance.items()]
    return Section("importance", "Importance", note(text), table(("Setting", "Share"), rows, label="Importance"))


def show_slices(study: Study) -> Section:
    charts = []
    word = study.metric_name
    for number, axis in enumerate(study.axes):
        groups = []
        for state, trials in study.drawn(axis.name).items():
            points = []
            for t in trials:
                x = t.values[axis.name]  # absent ones were left out by drawn()
                place = axis.choices.index(str(x)) if axis.choices else x  # choices stand at 0, 1, 2 …
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
        "settings", "Each setting", note("A dot is a trial; the other settings vary from dot to dot."), *content
    )


def show_trials(study: Study) -> Section:
    names = [axis.name for axis in study.axes]
    form = study.form

    def row(trial: Trial) -> list[object]:
        values = [value_text(trial.values[name]) if name in trial.values else DASH for name in names]
        return [trial.number, form(trial.value), *values, len(trial.curve), duration(trial.duration_s)]

    header = ["Trial", study.metric_name.capitalize(), *names, "Epochs", "Time"]
    ranked = study.ranked()
    parts: list[object] = []
    if ranked:
        best = table(header, map(row, ranked[:_BEST_SHOWN]), label="Best trials", marked=[0])
        parts.append(element("h3", "The best") if len(ranked) > 1 else "")
        parts.append(best)
    # the state goes between number and value
    rows = [[*row(trial)[:1], trial.state, *row(trial)[1:], trial.reason] for trial in study.trials]
    everything = table(
        ["Trial", "Status", *header[1:], "Reason"], rows, label="All trials", text_columns=(0, 1, len(header) + 1)
    )
    title = "The only trial" if len(rows) == 1 else f"All {counted(len(rows), 'trial')}"
    parts.append(fold(title, everything, is_open=not ranked))  # open where there is no table of the best
    return Section("trials", "Trials", *parts)

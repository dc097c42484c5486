"""One page, a table and images of a study: how it went, which settings mattered, how the metric depends on each."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from fathom.files import write_atomically
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, decimal, duration, percent
from fathom.runs.analysis.study import State, Study, Trial
from fathom.runs.html.charts import Dots, Line, dot_chart, line_chart, share_bar
from fathom.runs.html.page import Html, Section, document, element, fold, join, note, pairs, table
from fathom.runs.html.study_figures import draw_images

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
    write_atomically(folder / PAGE, render_study(study))
    return folder / PAGE


def metric_form(metric: str) -> Callable[[object], str]:
    """How a metric is written."""
    return (lambda value: percent(value, 2)) if metric == "val_accuracy" else decimal


def show_value(value: object) -> str:
    """Write one value that was tried.

    >>> show_value(0.00312345), show_value(128), show_value("[256, 128]")
    ('0.003123', '128', '[256, 128]')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def render_study(study: Study) -> str:
    """Write the page as text."""
    sections = [_history(study), *_importance(study), _slices(study), _table(study)]
    links = [element("a", part.title, href=f"#{part.key}") for part in sections]
    body = [
        element("nav", *links, aria_label="Parts of this page"),
        element("main", _summary(study), *(part.render() for part in sections)),
        element("footer", "Made by Fathom from the study's folder. The test split played no role in any trial."),
    ]
    return document(f"Study of {study.model} on {study.data}", join(body))


def _summary(study: Study) -> Html:
    best, form = study.best(), metric_form(study.metric)
    is_over = study.num_done >= study.target
    word = study.metric_name
    big = element("p", form(best.value) if best else DASH, class_="big")
    about = (
        f"trial {best.number}, {'highest' if study.maximise else 'lowest'} of {study.count('complete')}" if best else ""
    )
    result = element("div", big, element("p", f"best {word}"), element("p", about, class_="quiet"), class_="result")
    spent = sum(trial.duration_s or 0.0 for trial in study.trials)
    facts: list[tuple[object, object]] = [
        ("trials done", f"{study.num_done} of {study.target}"),
        ("completed", count(study.count("complete"))),
        ("pruned", count(study.count("pruned"))),
        ("diverged or failed", count(study.count("diverged") + study.count("failed"))),
        ("time in trials", duration(spent)),
        ("seed", study.seed),
    ]
    status = element(
        "span", "finished" if is_over else "unfinished", class_=f"status {'done' if is_over else 'stopped'}"
    )
    return element(
        "section",
        element(
            "header",
            element("p", "Search for settings", class_="kicker"),
            element("h1", element("span", study.model), element("small", " on "), element("span", study.data)),
            element("p", status, element("span", study.name, class_="mono"), class_="byline"),
        ),
        element("div", result, pairs(facts, "facts"), class_="headline"),
        element("ul", *(element("li", sentence) for sentence in read_study(study)), class_="reading"),
        id="summary",
        aria_label="Summary",
    )


def read_study(study: Study) -> list[str]:
    """Say in sentences what came out, and what to make of it."""
    best, form, word = study.best(), metric_form(study.metric), study.metric_name
    if best is None:
        return ["No trial was completed yet."]
    sentences = [f"Best: {describe_values(best)}."]
    default = next((t for t in study.trials if t.is_default and t.state == "complete"), None)
    if default is not None and default is best:
        sentences.append("The best trial is the one with the defaults: nothing that was tried is better.")
    elif default is not None:
        sentences.append(f"Trial {default.number}, with the defaults, came to {form(default.value)}.")
    sentences += _read_edges(study, best)
    if study.best_run:
        sentences.append(
            f"The best trial was trained again and kept, with the test set evaluated once: {study.best_run}"
        )
    sentences.append(
        f"The best {word} of many trials flatters: it was chosen for being the best on these very samples. "
        "The test set of the run that is kept says how good it is."
    )
    return sentences


def _read_edges(study: Study, best: Trial) -> list[str]:
    """Point to values at the very end of what was tried: better ones may lie beyond."""
    found = []
    for axis in study.axes:
        values = [t.values[axis.name] for t in study.ranked()[:3] if axis.name in t.values]
        numbers = [value for value in values if isinstance(value, int | float)]
        low, high = _ends(axis.text)
        if axis.choices or len(numbers) < 3 or low is None or high is None:
            continue
        for end, where in ((low, "lower"), (high, "upper")):
            near = 0.02 * (high - low) if not axis.log else 0.1 * end
            if end != 0 and all(abs(number - end) <= near for number in numbers):
                found.append(
                    f"The best trials lie at the {where} end of {axis.name}; a wider range may hold better ones."
                )
    return found


def _ends(text: str) -> tuple[float | None, float | None]:
    low, _, high = text.partition(":")[0].partition("..")
    try:
        return float(low), float(high)
    except ValueError:
        return None, None


def describe_values(trial: Trial) -> str:
    """Write what a trial tried in one line."""
    return ", ".join(f"{name} {show_value(value)}" for name, value in trial.values.items())


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
        x_label="trial",
        x_whole=True,
        y_label=word.removeprefix("validation "),
        y_format=percent if study.metric == "val_accuracy" else decimal,
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
        y_label=word.removeprefix("validation "),
        y_format=percent if study.metric == "val_accuracy" else decimal,
        may_log=study.metric != "val_accuracy",
    )


def _importance(study: Study) -> list[Section]:
    if not study.importance:
        return []
    complete = study.count("complete")
    text = f"The share of the differences between the {complete} completed trials that each setting explains (fANOVA)."
    if complete < _FEW:
        text += " With so few of them it is a guess."
    rows = [(name, join([percent(share, 0), " ", share_bar(share)])) for name, share in study.importance.items()]
    return [Section("importance", "Importance", note(text), table(("Setting", "Share"), rows, label="Importance"))]


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
                    x_label=axis.name,
                    y_label=word.removeprefix("validation "),
                    y_format=percent if study.metric == "val_accuracy" else decimal,
                    x_log=axis.log,
                    x_names=axis.choices,
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

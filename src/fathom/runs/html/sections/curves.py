"""The part of a report that shows how training went: curves, final numbers, every epoch."""

from __future__ import annotations

from collections.abc import Callable

from fathom.runs.analysis.curves import curve
from fathom.runs.analysis.numbers import count, decimal, duration, percent, rate
from fathom.runs.folder import schema
from fathom.runs.folder.reader import Best, RunReader
from fathom.runs.html.charts.figure import Horizontal, Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.markup import Html, element, fold, note, table
from fathom.runs.html.page import Section

_MOST_EPOCH_ROWS = 500  # the newest ones; metrics.csv has all

_ACRONYMS = {"f1": "F1", "f1_binary": "F1 (binary)", "auroc": "AUROC"}  # which title case would spoil

_COLUMNS: dict[str, tuple[str, Callable[[object], str]]] = {  # column: (heading, how a value is written), in this order
    "train_loss": ("Training loss", decimal),
    "val_loss": ("Validation loss", decimal),
    "train_accuracy": ("Training accuracy", percent),
    "val_accuracy": ("Validation accuracy", percent),
    "train_perplexity": ("Training perplexity", decimal),
    "val_perplexity": ("Validation perplexity", decimal),
    "lr": ("Learning rate", rate),
    "samples_per_s": ("Samples/s", count),
    "elapsed_s": ("Elapsed", duration),
}


def show_curves(run: RunReader) -> Section:
    """Draw loss, accuracy and learning rate over epochs, with the final numbers beside them."""
    if not run.metrics:
        return Section("curves", "Curves", note("There is nothing to draw: no step was recorded."))
    charts = [_metric_chart(run, "loss", "Loss", decimal)]
    if any("train_accuracy" in record or "val_accuracy" in record for record in run.metrics):
        charts.append(_metric_chart(run, "accuracy", "Accuracy", percent))
    if any("train_perplexity" in record for record in run.metrics):
        charts.append(_metric_chart(run, "perplexity", "Perplexity", decimal))
    parts = [
        note(_explain(run)),
        element("div", *charts, _rate_chart(run), _final_numbers(run), class_="charts"),
        _epoch_table(run),
    ]
    return Section("curves", "Curves", *parts)


def metric_words(name: str) -> str:
    """Return a recorded metric's name in words: val_loss is the validation loss."""
    split, _, metric = name.partition("_")  # val_loss: ("val", "loss")
    return f"{'validation' if split == 'val' else 'training'} {_ACRONYMS.get(metric, metric.replace('_', ' '))}"


def _explain(run: RunReader) -> str:
    if not run.epochs():
        return "Training ended within its first epoch: there are only the means over each log interval."
    text = "A training point is the mean over an epoch, taken while the weights change"
    if run.steps():
        text += "; the pale line is the mean over each log interval"
    return f"{text}. Validation is measured at the end of an epoch. Point at a chart to read its values."


def _metric_chart(run: RunReader, metric: str, title: str, form: Callable[[object], str]) -> Html:
    fine = curve(run.steps(), f"train_{metric}")  # within epochs
    coarse = curve(run.epochs(), f"train_{metric}")
    val = curve(run.epochs(), f"val_{metric}")
    lines = []
    if fine and coarse:  # pale, behind the means over epochs
        lines.append(Line("each log interval", fine, "train", faint=True))
    if coarse or fine:
        # a run without a whole epoch has the fine ones alone
        lines.append(Line("training", coarse or fine, "train", markers=bool(coarse)))
    if val:
        lines.append(Line("validation", val, "val"))
    peaks = [(x, y) for x, y in val if y is not None]
    mark = None
    if len(peaks) > 1:  # one point has no extreme
        # all but accuracy are losses of a kind
        pick, word = (max, "highest") if metric == "accuracy" else (min, "lowest")
        at = pick(peaks, key=lambda point: point[1])[0]
        mark = (at, f"{word} at epoch {at:g}")
    return line_chart(
        f"{metric}-chart",
        title,
        lines,
        describe="; ".join(f"{line.label} ends at {form(line.points[-1][1])}" for line in lines if not line.faint),
        x=Horizontal(end=run.metrics[-1]["epoch"]),  # all charts of a run end where training ended
        y=Vertical(metric, form, may_log=metric != "accuracy"),
        mark=mark,
    )


def _rate_chart(run: RunReader) -> Html:
    points = curve(run.metrics, "lr")
    values = [y for _, y in points if y is not None]
    if not values:
        return Html("")
    about = f"From {rate(values[0])} to {rate(values[-1])}, at most {rate(max(values))}."
    # a single point would be invisible as a line
    line = Line("learning rate", points, "rate", markers=len(points) == 1)
    x = Horizontal(end=run.metrics[-1]["epoch"])
    return line_chart("lr-chart", "Learning rate", [line], describe=about, x=x, y=Vertical("learning rate", rate))


def _final_numbers(run: RunReader) -> Html:
    epochs, best = run.epochs(), run.best()
    if not epochs or best is None:
        return Html("")
    last = epochs[-1]
    at = next(record for record in epochs if record["epoch"] == best.epoch)  # the record of the best epoch
    further = {"accuracy": percent, "perplexity": decimal}
    # only columns that some record has
    further = {m: form for m, form in further.items() if any(f"train_{m}" in r or f"val_{m}" in r for r in epochs)}

    def row(name: str, prefix: str, record: dict[str, object]) -> list[str]:
        cells = [form(record.get(f"{prefix}{metric}")) for metric, form in further.items()]
        return [name, decimal(record.get(f"{prefix}loss")), *cells]

    rows = []
    for record, name in ((at, "best"), (last, "last"))[: 1 if at is last else 2]:  # one row where the best is the last
        rows.append(row(f"training, {name} epoch ({record['epoch']:g})", "train_", record))
        if "val_loss" in record:
            rows.append(row(f"validation, {name} epoch ({record['epoch']:g})", "val_", record))
    if run.evaluation is not None:
        rows.append(row(str(run.evaluation.get("split", "test")), "", run.evaluation))
    numbers = table(["", "Loss", *(metric.title() for metric in further)], rows, label="Final numbers")
    about = element("p", f"Best: {_best_rule(best)}.", class_="quiet small")
    return element("div", element("h3", "Final numbers"), numbers, about)


def _best_rule(best: Best) -> str:
    return f"{'highest' if best.is_highest else 'lowest'} {metric_words(best.metric)}"


def _epoch_table(run: RunReader) -> Html:
    epochs, best = run.epochs(), run.best()
    if not epochs:
        return Html("")
    shown = [key for key in _COLUMNS if any(key in record for record in epochs)]
    records = epochs[-_MOST_EPOCH_ROWS:]
    rows = [[f"{r['epoch']:g}", *(_COLUMNS[key][1](r.get(key)) for key in shown)] for r in records]
    marked = [i for i, r in enumerate(records) if best and r["epoch"] == best.epoch]  # places within what is shown
    title = f"Every epoch ({len(epochs)})"
    if len(epochs) > len(records):
        title += f", the last {len(records)} shown; all are in {schema.METRICS_TABLE}"
    header = ["Epoch", *(_COLUMNS[key][0] for key in shown)]
    return fold(title, table(header, rows, label="Every epoch", marked=marked, text_columns=()))

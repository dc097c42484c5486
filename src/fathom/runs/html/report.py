"""One page that shows a whole run, made from its folder alone: ``write_report(path)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fathom.files import write_atomically
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, decimal, determination, duration, percent, wilson_interval
from fathom.runs.analysis.sentences import read_run
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.html.data_section import show_data
from fathom.runs.html.fine_tuning import show_comparison, show_start
from fathom.runs.html.origin import show_byline, show_config, show_layers, show_origin, show_time
from fathom.runs.html.page import Html, document, element, join, pairs
from fathom.runs.html.progress import METRIC_WORDS, show_curves
from fathom.runs.html.prune_results import show_pruning
from fathom.runs.html.results import show_results
from fathom.runs.html.table_results import show_columns


def write_report(run_path: str | Path, out: str | Path | None = None) -> Path:
    """Make report.html in the run folder (or at ``out``): one file that needs no network and runs no script.

    Raises:  FathomError if the folder is no run or a file in it is damaged, or the page cannot be written
    """
    run = RunReader(run_path)
    target = Path(out) if out is not None else run.path / schema.REPORT
    write_atomically(target, render_report(run))
    return target


def render_report(run: RunReader) -> str:
    """Write the page as text."""
    start = [show_comparison(run), show_start(run)]
    results = [show_pruning(run), show_curves(run), *show_results(run)]
    found = [*results, show_data(run), show_columns(run), *start, show_layers(run), show_config(run)]
    sections = [part for part in [*found, show_origin(run)] if part is not None]
    links = [element("a", part.title, href=f"#{part.key}") for part in sections]
    made_by = f"Made by Fathom {run.run.get('fathom', '')} from the files of {run.name}."
    body = [
        element("nav", *links, aria_label="Parts of this page"),
        element("main", _summary(run), *(part.render() for part in sections)),
        element("footer", made_by),
    ]
    return document(f"{run.model_name} on {run.data_name} · {run.name}", join(body))


def _summary(run: RunReader) -> Html:
    when = show_time(run.run.get("created"))
    message = run.run.get("message")
    return element(
        "section",
        element(
            "header",
            element("p", "Training report", class_="kicker"),
            element("h1", element("span", run.model_name), element("small", " on "), element("span", run.data_name)),
            show_byline(run.status, run.name, when),
        ),
        element("div", _headline(run), pairs(_facts(run), "facts"), class_="headline"),
        element("p", message, class_=f"message {run.status}") if message else "",
        element("h2", "What the numbers say"),
        element("ul", *(element("li", sentence) for sentence in read_run(run)), class_="reading"),
        id="summary",
        aria_label="Summary",
    )


def _facts(run: RunReader) -> list[tuple[object, object]]:
    best = run.best()
    facts: list[tuple[object, object]] = [
        ("parameters", count((run.model or {}).get("parameters"))),
        ("training time", duration(run.train_s)),
        ("samples per second", count(run.samples_per_s)),
        ("epochs", _epochs(run)),
    ]
    if best is None:
        facts.append(("best validation", DASH))
    else:
        facts.append(
            (f"best {METRIC_WORDS[best.metric]} (epoch {best.epoch:g})", _show_metric(best.metric, best.value))
        )
    return [*facts, ("seed", run.run.get("seed", DASH))]


def _epochs(run: RunReader) -> str:
    done = run.epochs()[-1]["epoch"] if run.epochs() else 0
    training = run.config.get("training")
    planned = training.get("epochs") if isinstance(training, Mapping) else None
    return f"{done:g} of {planned:g}" if is_number(planned) and planned != done else f"{done:g}"


def _headline(run: RunReader) -> Html:
    """The one number to take away: from the test set, or as long as that is unused from validation."""
    evaluation, best = run.evaluation, run.best()
    if evaluation is None:
        value = _show_metric(best.metric, best.value) if best else DASH
        name = f"best {METRIC_WORDS[best.metric]}" if best else "no result"
        return _big_number(value, name, "The test set has not been used.")
    split, samples = evaluation.get("split", "test"), evaluation.get("num_samples")
    about = counted(samples, "sample") if isinstance(samples, int) else DASH
    accuracy = evaluation.get("accuracy")
    if is_number(accuracy):
        if isinstance(samples, int) and samples > 0:
            low, high = wilson_interval(accuracy, samples)
            about += f" · 95% interval {percent(low)} to {percent(high)}"
        return _big_number(percent(accuracy), f"{split} accuracy", about)
    if is_number(evaluation.get("perplexity")):
        about = f"{count(samples)} tokens · {decimal(evaluation.get('bits_per_token'))} bits a token"
        return _big_number(decimal(evaluation.get("perplexity")), f"{split} perplexity", about)
    key, name = ("r2", "R²") if is_number(evaluation.get("r2")) else ("loss", "loss")
    about += f" · loss {decimal(evaluation.get('loss'))}"
    form = determination if key == "r2" else decimal
    return _big_number(form(evaluation.get(key)), f"{split} {name}", about)


def _big_number(value: str, name: str, about: str) -> Html:
    lines = (element("p", value, class_="big"), element("p", name), element("p", about, class_="quiet"))
    return element("div", *lines, class_="result")


def _show_metric(metric: str, value: object) -> str:
    return percent(value) if metric.endswith("accuracy") else decimal(value)

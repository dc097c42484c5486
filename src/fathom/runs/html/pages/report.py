"""One page that shows a whole run, made from its folder alone: ``write_report(path)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fathom.findings import Findings, has_errors
from fathom.phrases import counted
from fathom.runs.analysis.findings import find_in_run, write_findings
from fathom.runs.analysis.numbers import DASH, count, decimal, determination, duration, percent, wilson_interval
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.folder.relations import address_from, related_pages
from fathom.runs.html.language import speaking
from fathom.runs.html.markup import Html
from fathom.runs.html.page import Page
from fathom.runs.html.sections.curves import metric_words, show_curves
from fathom.runs.html.sections.data import show_data
from fathom.runs.html.sections.layers import show_layers
from fathom.runs.html.sections.provenance import show_config, show_provenance
from fathom.runs.html.sections.special import show_columns, show_comparison, show_doctor, show_pruning, show_start
from fathom.runs.html.sections.test_set import show_results
from fathom.runs.html.summary import (
    made_from,
    show_findings,
    show_folder_byline,
    show_headline,
    show_message,
    show_number,
    show_subject,
)


def write_report(run_path: str | Path, out: str | Path | None = None, *, language: str = "en") -> Path:
    """Make findings.json and report.html in the run folder: a page that needs no network and runs no script.

    With ``out`` the page alone is written, there, and the folder stays as it is.

    Raises:  FathomError if the folder is no run or a file in it is damaged, or the page cannot be written
    """
    run = RunReader(run_path)
    target = run.path / schema.REPORT if out is None else Path(out)
    findings = write_findings(run) if out is None else find_in_run(run)  # a page elsewhere leaves the folder alone
    with speaking(language):
        return report_page(run, findings, target.parent).write(target)


def report_page(run: RunReader, findings: Findings, folder: Path) -> Page:
    """Lay out the page: what came out, then what it was learned from, then how to make it again.

    Args:
        folder: where the page will lie, which its links start from.
    """
    told = has_errors(findings.findings)  # why it failed stands among the findings, with its cause
    said = [finding for finding in findings.findings if not finding.code.startswith("prune.")]  # has its own section
    return Page(
        title=f"{run.model_name} on {run.data_name} · {run.name}",
        kicker="Training report",
        heading=show_subject(run.model_name, run.data_name),
        byline=show_folder_byline(run.status, run.name, run.run.get("created")),
        summary=[
            show_headline(_headline(run), _facts(run)),
            show_message(None if told else run.run.get("message"), run.status),
            show_findings(said, "What the numbers say", findings.not_checked),
        ],
        sections=[  # from what came out to how it was made
            show_pruning(run),
            show_curves(run),
            show_doctor(run),
            *show_results(run),
            show_data(run),
            show_columns(run),
            show_comparison(run, folder),
            show_start(run),
            show_layers(run),
            show_config(run),
            show_provenance(run),
        ],
        footer=made_from(run.run.get("fathom"), run.name),
        related=[(how, address_from(folder, page)) for how, page in related_pages(run.path)],
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
            # of the metric that is monitored
            (f"best {metric_words(best.metric)} (epoch {best.epoch:g})", _show_metric(best.metric, best.value))
        )
    return [*facts, ("seed", run.run.get("seed", DASH))]


def _epochs(run: RunReader) -> str:
    done = run.epochs()[-1]["epoch"] if run.epochs() else 0
    training = run.config.get("training")
    planned = training.get("epochs") if isinstance(training, Mapping) else None
    # "3 of 10" where it stopped early
    return f"{done:g} of {planned:g}" if is_number(planned) and planned != done else f"{done:g}"


def _headline(run: RunReader) -> Html:
    """The one number to take away: from the test set, or as long as that is unused from validation."""
    evaluation, best = run.evaluation, run.best()
    if evaluation is None:
        value = _show_metric(best.metric, best.value) if best else DASH
        name = f"best {metric_words(best.metric)}" if best else "no result"
        return show_number(value, name, "The test set has not been used.")
    split, samples = evaluation.get("split", "test"), evaluation.get("num_samples")
    about = f"{counted(samples, 'sample')}, evaluated once" if isinstance(samples, int) else DASH
    accuracy = evaluation.get("accuracy")
    if is_number(accuracy):
        if isinstance(samples, int) and samples > 0:  # an interval needs the number of samples
            low, high = wilson_interval(accuracy, samples)
            about += f" · 95% interval {percent(low)} to {percent(high)}"
        name = "accuracy (all labels of a sample)" if evaluation.get("per_label") else "accuracy"
        return show_number(percent(accuracy), f"{split} {name}", about)
    if is_number(evaluation.get("perplexity")):
        about = f"{count(samples)} tokens, evaluated once · {decimal(evaluation.get('bits_per_token'))} bits per token"
        return show_number(decimal(evaluation.get("perplexity")), f"{split} perplexity", about)
    key, name = ("r2", "R²") if is_number(evaluation.get("r2")) else ("loss", "loss")  # a regression with a defined R²
    about += f" · loss {decimal(evaluation.get('loss'))}"
    form = determination if key == "r2" else decimal
    return show_number(form(evaluation.get(key)), f"{split} {name}", about)


def _show_metric(metric: str, value: object) -> str:
    return percent(value) if metric.endswith("accuracy") else decimal(value)

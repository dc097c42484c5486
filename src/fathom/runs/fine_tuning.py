"""The parts of a report that say where the first weights came from, and what that was worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fathom.runs.charts import Line, line_chart
from fathom.runs.numbers import DASH, count, decimal, percent
from fathom.runs.page import Section, element, fold, note, pairs, table
from fathom.runs.reader import RunReader
from fathom.runs.reading import series
from fathom.runs.records import is_number

_ARMS = {"fine_tuned": ("fine-tuned", "train"), "scratch": ("from scratch", "val")}


def show_start(run: RunReader) -> Section | None:
    """Say what was loaded, what is new and why, what is frozen, and how fast each part learns."""
    start = run.run.get("start")
    if not isinstance(start, Mapping):
        return None
    facts: list[tuple[object, object]] = []
    if start.get("source"):
        facts.append(("starting from", start["source"]))
        facts.append(("numbers taken over", percent(start.get("share"))))
    reused = start.get("reused") or []
    if reused:
        facts.append((f"taken over by name, of {count(start.get('outputs'))}", f"{len(reused)}: {', '.join(reused)}"))
    for line in start.get("learning") or []:
        name, _, value = str(line).partition(": ")
        facts.append((name, value))
    changed = [(name, "made to fit", how) for name, how in (start.get("changed") or {}).items()]
    rows = changed + [(name, "new", reason) for name, reason in (start.get("new") or {}).items()]
    rows += [(name, "not used", "this network has none") for name in start.get("unused") or []]
    parts = [pairs(facts, "pairs long")]
    if rows:
        shown = [(element("span", name, class_="mono"), what, why) for name, what, why in rows]
        listing = table(("Parameter", "What became of it", "Why"), shown, label="Parameters", text_columns=(0, 1, 2))
        parts.append(listing if len(rows) <= 12 else fold(f"All {len(rows)} that were not simply loaded", listing))
    return Section("start", "Where it started", *parts)


def show_comparison(run: RunReader) -> Section | None:
    """Set fine-tuning and training from scratch side by side, seed by seed."""
    comparison = run.comparison
    if comparison is None:
        return None
    form = percent if comparison.get("measure") == "accuracy" else decimal
    fine, scratch = (comparison.get(arm) or [] for arm in _ARMS)
    rows = []
    for i, seed in enumerate(comparison.get("seeds") or []):
        pair = [values[i] if i < len(values) else None for values in (fine, scratch)]
        present = [value for value in pair if is_number(value)]
        difference = _points(present[0] - present[1], comparison) if len(present) == 2 else DASH
        rows.append([f"seed {seed}", *(form(value) if is_number(value) else DASH for value in pair), difference])
    header = [f"test {comparison.get('measure')}", *(name for name, _ in _ARMS.values()), "difference"]
    return Section(
        "scratch",
        "Fine-tuned and from scratch",
        note(describe_comparison(comparison)),
        table(header, rows, label="Fine-tuned and from scratch"),
        _curves(run, comparison),
    )


def describe_comparison(comparison: Mapping[str, Any]) -> str:
    """Say in a sentence what starting from other weights was worth, and whether that is more than chance."""
    difference, low, high = (comparison.get(key) for key in ("difference", "low", "high"))
    if not is_number(difference):
        return "Training from scratch, for comparison, is not done yet."
    better = difference > 0 if comparison.get("more_is_better") else difference < 0
    word = "better" if better else "worse"
    measure = comparison.get("measure")
    seeds = len(comparison.get("scratch") or [])
    text = f"On the same budget fine-tuning is {word} than training from scratch by {_size(difference, comparison)}"
    if difference == 0:
        text = "On the same budget fine-tuning and training from scratch are equal"
    text += f" of test {measure}"
    if not is_number(low) or not is_number(high):
        return f"{text}, with one seed: {_chance(comparison)}."
    interval = f"95% interval over {seeds} seeds: {_points(low, comparison)} to {_points(high, comparison)}"
    if low <= 0 <= high:
        return f"{text}, on average; the {interval}, includes no difference at all: no gain is shown."
    return f"{text}, on average ({interval})."


def _chance(comparison: Mapping[str, Any]) -> str:
    """What one seed can say: for accuracies, the error of the test part's size."""
    fine, scratch, samples = comparison["fine_tuned"][0], comparison["scratch"][0], comparison.get("num_samples")
    if comparison.get("measure") != "accuracy" or not samples:
        return "--seeds 3 would say how much of it is chance"
    error = 1.96 * ((fine * (1 - fine) + scratch * (1 - scratch)) / samples) ** 0.5
    verdict = "more than" if abs(fine - scratch) > error else "no more than"
    return f"that is {verdict} the {100 * error:.1f} points that chance allows on {count(samples)} samples"


def _size(difference: float, comparison: Mapping[str, Any]) -> str:
    return _points(abs(difference), comparison).lstrip("+")


def _points(difference: float, comparison: Mapping[str, Any]) -> str:
    if comparison.get("measure") == "accuracy":
        return f"{100 * difference:+.1f} points"
    return f"{difference:+.4g}"


def _curves(run: RunReader, comparison: Mapping[str, Any]) -> object:
    """Draw the validation curves of all runs, one colour an arm."""
    key = {"accuracy": "val_accuracy", "perplexity": "val_perplexity"}.get(str(comparison.get("measure")), "val_loss")
    lines = []
    for arm, (name, tone) in _ARMS.items():
        for i, place in enumerate((comparison.get("runs") or {}).get(arm) or []):
            points = series(RunReader(run.path / place).epochs(), key)
            if points:
                lines.append(Line(name if i == 0 else f"{name}, seed {i + 1}", points, tone, faint=i > 0))
    if len(lines) < 2:
        return ""
    form = percent if key == "val_accuracy" else decimal
    return line_chart(
        "scratch-chart",
        key.removeprefix("val_").title() + " on validation data",
        lines,
        describe="; ".join(f"{line.label} ends at {form(line.points[-1][1])}" for line in lines if not line.faint),
        y_label=key.removeprefix("val_"),
        y_format=form,
        may_log=key != "val_accuracy",
    )

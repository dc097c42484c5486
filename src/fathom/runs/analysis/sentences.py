"""What the numbers of a run say, in plain sentences; each is written only where the numbers bear it out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fathom.phrases import counted
from fathom.runs.analysis.from_scratch import describe_comparison
from fathom.runs.analysis.numbers import count, decimal, determination, duration, percent, rate, wilson_interval
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.html.sections.table import compare_baseline

FLAT = 0.02  # a loss that rises by less than this share is called flat
BLOWN_UP = 1.5  # times the loss of knowing nothing
FALLING = 0.01  # a loss that falls by more than this share in one epoch is called falling


@dataclass(frozen=True)
class Confused:
    """A pair of classes: ``times`` images of ``label`` were taken for ``predicted``, ``share`` of all of them."""

    label: str
    predicted: str
    times: int
    share: float


def read_run(run: RunReader) -> list[str]:
    """Describe how far training went, what the curves show, and what the test set says."""
    blow_up = _blow_up(run)
    sentences = [
        _extent(run),
        _broken_numbers(run),
        _standstill(run),
        blow_up,
        _validation_loss(run, has_blown_up=bool(blow_up)),
        _validation_accuracy(run),
        _gap(run),
        _test(run),
        compare_baseline(run.evaluation or {}) or _no_better_than_chance(run.evaluation or {}),
        describe_comparison(run.comparison) if run.comparison else "",
        _hardest_class(run),
    ]
    return [sentence for sentence in sentences if sentence]


def most_confused(evaluation: dict[str, Any], limit: int) -> list[Confused]:
    """The pairs of classes mistaken most often, most frequent first."""
    names, counts = evaluation.get("class_names"), evaluation.get("confusion")
    if not names or not counts:
        return []
    found = [
        Confused(str(names[i]), str(names[j]), n, n / sum(row))
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if i != j and n
    ]
    return sorted(found, key=lambda pair: (-pair.times, -pair.share))[:limit]


def missing_evaluation_reason(run: RunReader) -> str:
    """Say why the test set has not been used, as far as the folder tells."""
    name = run.name
    if run.status == "running":
        return "The test set has not been used yet: by its own record, this run is still training."
    if run.status == "stopped":
        return (
            "The run was stopped before the test set was used. "
            f"“fathom train --resume {name}” goes on with it; “fathom eval {name}” tests its best weights as they are."
        )
    if run.status == "failed":
        return "The run failed before the test set was used."
    return f"This folder holds no test result; “fathom eval {name}” makes one."


def series(records: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float | None]]:
    """The values of ``key`` over epochs; a record that has it as null (not finite) is a gap."""
    return [(r["epoch"], r[key] if is_number(r[key]) else None) for r in records if key in r]


def _extent(run: RunReader) -> str:
    if not run.metrics:
        return "Nothing was recorded: the run ended before its first step was logged."
    last = run.metrics[-1]
    epochs = run.epochs()
    took = f" in {duration(run.train_s)}" if run.train_s is not None else ""
    done = epochs[-1]["epoch"] if epochs else 0
    whole = counted(done, "epoch")
    if last["epoch"] > done:
        parts = f"{counted(last['step'], 'step')}, {last['epoch']:.2f} epochs, of which {done:g} whole"
        return f"Recorded{took}: {parts}."
    return f"Training took {whole}, {counted(last['step'], 'step')}{took}."


def _broken_numbers(run: RunReader) -> str:
    for record in run.metrics:
        for key in ("train_loss", "val_loss"):
            if key in record and record[key] is None:
                return f"At step {count(record['step'])} {key} was not a finite number: the training diverged there."
    return ""


def _standstill(run: RunReader) -> str:
    losses = [y for _, y in series(run.steps() or run.epochs(), "train_loss") if y is not None]
    if len(losses) < 5 or losses[0] <= 0 or abs(losses[0] - losses[-1]) > 0.01 * losses[0]:
        return ""
    return f"Training loss ended where it began: {decimal(losses[0])} at first, {decimal(losses[-1])} at the end."


def _blow_up(run: RunReader) -> str:
    """Warn of a cross-entropy that rose far above that of equal probabilities, which steps of a sane size do not do."""
    names = (run.evaluation or {}).get("class_names")
    training = run.config.get("training", {})
    losses = [(y, x) for x, y in series(run.epochs(), "train_loss") if y is not None]
    if not names or len(names) < 2 or not losses or training.get("loss") not in (None, "cross_entropy"):
        return ""
    (highest, at), nothing = max(losses), math.log(len(names))
    if highest < BLOWN_UP * nothing:
        return ""
    return (
        f"In epoch {at:g} training loss was {decimal(highest)} on average, where equal probabilities for all classes "
        f"give {decimal(nothing)}: the steps were too large. Try a learning rate far below {rate(training.get('lr'))}."
    )


def _validation_loss(run: RunReader, *, has_blown_up: bool) -> str:
    points = [(x, y) for x, y in series(run.epochs(), "val_loss") if y is not None]
    if not points:
        return "There is no validation curve: no validation loss was recorded." if run.epochs() else ""
    if len(points) == 1:
        return f"After its only validation the loss on held-out data is {decimal(points[0][1])}."
    lowest = min(range(len(points)), key=lambda i: points[i][1])
    at, best = points[lowest]
    end, last = points[-1]
    if lowest == len(points) - 1:
        before = points[-2][1]
        more = ""
        if before > 0 and before - best > FALLING * before and not has_blown_up:
            more = f"; it fell by {percent((before - best) / before)} in that epoch, so longer training may lower it"
        return f"Validation loss is lowest at the last epoch, {at:g} ({decimal(best)}){more}."
    start = f"Validation loss is lowest at epoch {at:g} ({decimal(best)})"
    if best <= 0:
        return f"{start} and {decimal(last)} at epoch {end:g}."
    rise = (last - best) / best
    if rise <= FLAT:
        return f"{start} and within {percent(FLAT, 0)} of that at the end ({decimal(last)} at epoch {end:g})."
    train = dict(series(run.epochs(), "train_loss"))
    then, now = train.get(at), train.get(end)
    if then is not None and now is not None and now < then:
        return (
            f"{start}. By epoch {end:g} it is {percent(rise, 0)} higher, while training loss fell on from "
            f"{decimal(then)} to {decimal(now)}: after epoch {at:g} the network mostly memorises its training data."
        )
    return f"{start} and {percent(rise, 0)} higher at epoch {end:g}, where training loss is no lower either."


def _validation_accuracy(run: RunReader) -> str:
    accuracy = [(x, y) for x, y in series(run.epochs(), "val_accuracy") if y is not None]
    loss = {x: y for x, y in series(run.epochs(), "val_loss") if y is not None}
    if len(accuracy) < 2:
        return ""
    at, best = max(accuracy, key=lambda point: point[1])
    text = f"Validation accuracy is highest at epoch {at:g} ({percent(best)})"
    lowest = min(loss, key=lambda x: loss[x]) if loss else at
    if at > lowest and loss.get(at, 0.0) > loss[lowest] * (1 + FLAT):
        return (
            f"{text}: fewer answers are wrong there than at epoch {lowest:g} although the loss is higher, "
            "a sign of over-confident answers."
        )
    return f"{text}."


def _gap(run: RunReader) -> str:
    last = run.epochs()[-1] if run.epochs() else {}
    train, val = last.get("train_accuracy"), last.get("val_accuracy")
    if not is_number(train) or not is_number(val):
        return ""
    text = f"In the last epoch accuracy is {percent(train)} on training data and {percent(val)} on validation data"
    if train >= val:
        return f"{text}, {100 * (train - val):.1f} points apart."
    return (
        f"{text}. That is usual: training accuracy is averaged over the epoch, while the weights still change and "
        "with dropout and augmentation, where used, at work."
    )


def _test(run: RunReader) -> str:
    evaluation = run.evaluation or {}
    accuracy, samples = evaluation.get("accuracy"), evaluation.get("num_samples")
    if is_number(evaluation.get("rmse")):
        return (
            f"On {count(samples)} test samples a prediction is off by {decimal(evaluation['rmse'])} (root mean "
            f"square), and R² is {determination(evaluation.get('r2'))}: 1 would be perfect, 0 no better than always "
            "saying the mean."
        )
    if is_number(evaluation.get("perplexity")):
        return (
            f"On the {count(samples)} tokens of the test split perplexity is {decimal(evaluation['perplexity'])}: the "
            "model wavers as between that many equally likely tokens, where knowing nothing would be "
            f"{count(evaluation.get('vocabulary'))}."
        )
    if not is_number(accuracy) or not isinstance(samples, int) or samples < 1:
        return ""
    low, high = wilson_interval(accuracy, samples)
    text = (
        f"Of {count(samples)} test samples {percent(accuracy)} are classified correctly "
        f"(95% interval for that many samples: {percent(low)} to {percent(high)})"
    )
    best = run.best()
    if best is None or best.metric != "val_accuracy":
        return f"{text}."
    place = "inside" if low <= best.value <= high else "below" if best.value < low else "above"
    return f"{text}. The best validation accuracy, {percent(best.value)}, lies {place} it."


def _no_better_than_chance(evaluation: Mapping[str, Any]) -> str:
    """Say so where always naming the commonest class of the test set may do as well as the model."""
    accuracy, rows = evaluation.get("accuracy"), evaluation.get("per_class") or []
    supports = [(row["support"], str(row.get("class"))) for row in rows if isinstance(row.get("support"), int)]
    samples = sum(support for support, _ in supports)
    if not is_number(accuracy) or len(supports) < 2 or not samples:
        return ""
    most, name = max(supports)
    if most / samples < wilson_interval(accuracy, samples)[0]:
        return ""
    return (
        f"Always saying {name} would be right for {percent(most / samples)} of them: these samples do not show that "
        "the model has learned anything."
    )


def _hardest_class(run: RunReader) -> str:
    evaluation = run.evaluation or {}
    rows = [row for row in evaluation.get("per_class", []) if is_number(row.get("recall")) and row.get("support")]
    if len(rows) < 2:
        return ""
    worst = min(rows, key=lambda row: row["recall"])
    name = str(worst.get("class"))
    if worst["recall"] >= 1:
        return "Every class is recognised without a mistake."
    text = f"The hardest class is {name}: {percent(worst['recall'])} of it are recognised"
    pairs = most_confused(evaluation, len(evaluation.get("class_names", [])) ** 2)
    first = next((pair for pair in pairs if pair.label == name), None)
    if first is None:
        return f"{text}."
    return f"{text}, {count(first.times)} of {count(worst['support'])} taken for {first.predicted}."

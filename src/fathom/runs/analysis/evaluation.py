"""What the test set shows of a run, as findings: how good it is, compared with guessing, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fathom.findings import Finding, NotChecked
from fathom.runs.analysis.labels import check_labels
from fathom.runs.analysis.numbers import count, decimal, determination, percent, wilson_interval
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

GUESSING = "run.no_better_than_chance"


@dataclass(frozen=True)
class ConfusedPair:
    """A pair of classes: ``times`` samples of ``label`` were taken for ``predicted``, ``share`` of all of them."""

    label: str
    predicted: str
    times: int
    share: float


def check_evaluation(run: RunReader) -> tuple[list[Finding], list[NotChecked]]:
    """Return what the test set shows."""
    if run.evaluation is None:
        return [], [NotChecked(GUESSING, "the test set has not been used")]
    if run.evaluation.get("per_label"):
        return check_labels(run.evaluation), []
    found = [
        _result(run, run.evaluation),
        # where there is a baseline, its guess is that of the training split
        compare_baseline(run.evaluation) or _no_better_than_chance(run.evaluation),
        _collapse(run.evaluation),
        _hardest_class(run.evaluation),
    ]
    return [finding for finding in found if finding is not None], []


def most_confused(evaluation: Mapping[str, Any], limit: int) -> list[ConfusedPair]:
    """Return the pairs of classes mistaken most often, most frequent first."""
    names, counts = evaluation.get("class_names"), evaluation.get("confusion")
    if not names or not counts:
        return []
    found = [
        ConfusedPair(str(names[i]), str(names[j]), n, n / sum(row))  # sum(row): samples of the true class
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if i != j and n  # off the diagonal, and not empty
    ]
    return sorted(found, key=lambda pair: (-pair.times, -pair.share))[:limit]  # of equal counts the rarer class first


def missing_evaluation_reason(run: RunReader) -> str:
    """Return why the test set has not been used, as far as the folder shows."""
    name = run.name
    if run.status == "running":
        return "The test set has not been used yet: by its own record, this run is still training."
    if run.status == "stopped":
        return (
            "The run was stopped before the test set was used. "
            f"“fathom train --resume {name}” resumes it; “fathom eval {name}” tests its best weights as they are."
        )
    if run.status == "failed":
        return "The run failed before the test set was used."
    return f"This folder holds no test result; “fathom eval {name}” makes one."


def _result(run: RunReader, evaluation: Mapping[str, Any]) -> Finding | None:
    accuracy, samples = evaluation.get("accuracy"), evaluation.get("num_samples")
    if is_number(evaluation.get("rmse")):
        evidence = {key: evaluation.get(key) for key in ("num_samples", "rmse", "mae", "r2")}
        text = (
            f"On {count(samples)} test samples a prediction is off by {decimal(evaluation['rmse'])} (root mean "
            f"square), and R² is {determination(evaluation.get('r2'))}: 1 would be perfect, 0 no better than always "
            "saying the mean"
        )
        return Finding("run.test_result", "note", text, evidence)
    if is_number(evaluation.get("perplexity")):  # of a language model
        evidence = {key: evaluation.get(key) for key in ("num_samples", "perplexity", "vocabulary")}
        text = (
            f"On the {count(samples)} tokens of the test split perplexity is {decimal(evaluation['perplexity'])}: the "
            "model wavers as between that many equally likely tokens, where knowing nothing would be "
            f"{count(evaluation.get('vocabulary'))}"
        )
        return Finding("run.test_result", "note", text, evidence)
    if not is_number(accuracy) or not isinstance(samples, int) or samples < 1:
        return None
    low, high = wilson_interval(accuracy, samples)  # not the normal one, which at 100 % has no width
    text = (
        f"Of {count(samples)} test samples {percent(accuracy)} are classified correctly "
        f"(95% interval for that many samples: {percent(low)} to {percent(high)})"
    )
    evidence = {"num_samples": samples, "accuracy": accuracy, "low": low, "high": high}
    best = run.best()
    if best is not None and best.metric == "val_accuracy":  # only accuracies compare with it
        # above is usual: it was chosen for being the best
        place = "inside" if low <= best.value <= high else "below" if best.value < low else "above"
        text += f". The best validation accuracy, {percent(best.value)}, lies {place} it"
        evidence["best_val_accuracy"] = best.value
    return Finding("run.test_result", "note", f"{text}", evidence)


def compare_baseline(evaluation: Mapping[str, Any]) -> Finding | None:
    """Compare the model with a guess that looks at no column."""
    baseline = evaluation.get("baseline")
    if not isinstance(baseline, Mapping):
        return None
    says, own = baseline.get("says"), evaluation.get("accuracy")
    if is_number(own) and is_number(baseline.get("accuracy")):  # of a classifier of rows
        guess = f"Always saying {says}, the commonest class, would be right for {percent(baseline['accuracy'])}"
        is_better = own > baseline["accuracy"]
        verdict = "the model is better" if is_better else "the model has learned nothing of use"
        evidence = {"accuracy": own, "accuracy_of_guessing": baseline["accuracy"], "guess": str(says)}
        return _against_guessing(is_better, f"{guess} of the test rows; {verdict}", evidence)
    own = evaluation.get("rmse")
    # of a regression; 0 where all targets are equal
    if not (is_number(own) and is_number(baseline.get("rmse")) and baseline["rmse"] > 0):
        return None
    what = baseline.get("what", "the mean")
    guess = f"Always saying {decimal(says)}, {what} of the training split, would be off by {decimal(baseline['rmse'])}"
    is_better = own < baseline["rmse"]
    taken = f"; the model takes {percent(1 - own / baseline['rmse'], 0)} off that"
    text = guess + (taken if is_better else ": the model has learned nothing of use")
    return _against_guessing(is_better, text, {"rmse": own, "rmse_of_guessing": baseline["rmse"]})


def _against_guessing(is_better: bool, text: str, evidence: Mapping[str, Any]) -> Finding:
    if is_better:
        return Finding("run.better_than_guessing", "note", text, evidence)
    return Finding(GUESSING, "warning", text, evidence)


def _no_better_than_chance(evaluation: Mapping[str, Any]) -> Finding | None:
    """Warn if always naming the most common class of the test set may do as well as the model."""
    accuracy, rows = evaluation.get("accuracy"), evaluation.get("per_class") or []
    # how many samples each class has
    # damaged entries are passed over
    supports = [(row["support"], str(row.get("class"))) for row in rows if isinstance(row.get("support"), int)]
    samples = sum(support for support, _ in supports)
    if not is_number(accuracy) or len(supports) < 2 or not samples:
        return None
    most, name = max(supports)  # by number, then by name: the same on every call
    low = wilson_interval(accuracy, samples)[0]
    if most / samples < low:  # the whole interval lies above guessing
        return None
    return Finding(
        GUESSING,
        "warning",
        f"Always saying {name} would be right for {percent(most / samples)} of the test samples: these do not show "
        "that the model has learned anything",
        {"accuracy": accuracy, "low": low, "accuracy_of_guessing": most / samples, "guess": name},
    )


def _collapse(evaluation: Mapping[str, Any]) -> Finding | None:
    """Warn of a model that predicts one class for samples of several."""
    names, counts = evaluation.get("class_names"), evaluation.get("confusion")
    if not names or not counts or sum(any(row) for row in counts) < 2:  # one class alone has one answer rightly
        return None
    answers = [i for i in range(len(names)) if any(row[i] for row in counts)]  # columns with any prediction
    if len(answers) != 1:
        return None
    name = str(names[answers[0]])
    return Finding(
        "model.collapse",
        "warning",
        f"Every test sample is taken for {name}",
        {"class": name, "classes": len(names)},
        cause="one class rules the training data, or the steps were too large",
        remedy="try --balance weights, or a lower --lr",
    )


def _hardest_class(evaluation: Mapping[str, Any]) -> Finding | None:
    rows = [row for row in evaluation.get("per_class", []) if is_number(row.get("recall")) and row.get("support")]
    if len(rows) < 2:
        return None
    worst = min(rows, key=lambda row: row["recall"])  # recall, not F1: how much of the class is found
    name = str(worst.get("class"))
    evidence = {"class": name, "recall": worst["recall"], "support": worst["support"]}
    if worst["recall"] >= 1:
        return Finding("run.hardest_class", "note", "Every class is recognised without a mistake", evidence)
    text = f"The hardest class is {name}: {percent(worst['recall'])} of it are recognised"
    # all pairs: classes × classes at most
    pairs = most_confused(evaluation, len(evaluation.get("class_names", [])) ** 2)
    first = next((pair for pair in pairs if pair.label == name), None)
    if first is not None:
        text += f", {count(first.times)} of {count(worst['support'])} taken for {first.predicted}"
        evidence |= {"taken_for": first.predicted, "times": first.times}
    return Finding("run.hardest_class", "note", f"{text}", evidence, place=f"class {name}")

"""What the test set says of a model of labels, as findings: how good it is, against guessing, where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fathom.findings import Finding
from fathom.runs.analysis.numbers import count, percent, wilson_interval
from fathom.runs.folder.records import is_number


def check_labels(evaluation: Mapping[str, Any]) -> list[Finding]:
    """Say what the test set shows; nothing where samples have one class each.

    A sample counts as right where all of its labels are, so that intervals are of independent samples.
    """
    rows, samples = evaluation.get("per_label") or [], evaluation.get("num_samples")
    accuracy, share = evaluation.get("accuracy"), evaluation.get("label_accuracy")
    if not (rows and is_number(accuracy) and is_number(share)) or not isinstance(samples, int) or samples < 1:
        return []
    low, high = wilson_interval(accuracy, samples)  # of whole samples: labels of one sample are not independent
    evidence = {"num_samples": samples, "accuracy": accuracy, "low": low, "high": high, "label_accuracy": share}
    text = (
        f"Of {count(samples)} test samples {percent(accuracy)} have every label right (95% interval for that many "
        f"samples: {percent(low)} to {percent(high)}); of all labels {percent(share)} are right"
    )
    found = [Finding("run.test_result", "note", text, evidence)]
    found += [finding for finding in (_collapse(rows, samples), _guessing(evaluation, low)) if finding is not None]
    return [*found, *_hardest(rows)]


def _guessing(evaluation: Mapping[str, Any], low: float) -> Finding | None:
    """Say so where always giving the commonest set of labels may do as well as the model."""
    commonest = evaluation.get("commonest_labels")
    share = commonest.get("share") if isinstance(commonest, Mapping) else None
    if not is_number(share) or share < low:  # below the interval, guessing is beaten
        return None
    guess = str(commonest["labels"])  # type: ignore[index]
    text = (
        f"Always saying {guess} would be right for {percent(share)} of the test samples: these do not show that the "
        "model has learned anything"
    )
    evidence = {"accuracy": evaluation["accuracy"], "low": low, "accuracy_of_guessing": share, "guess": guess}
    return Finding("run.no_better_than_chance", "warning", text, evidence)


def _collapse(rows: list[Mapping[str, Any]], samples: int) -> Finding | None:
    """Warn of a model that gives the same labels to every sample, where they differ."""
    said, true = ([row.get(key) for row in rows] for key in ("predicted", "support"))
    # every label for all or for none of the samples, while the truth varies
    if any(number not in (0, samples) for number in said) or all(number in (0, samples) for number in true):
        return None
    given = "|".join(str(row.get("label")) for row in rows if row.get("predicted")) or "none"
    return Finding(
        "model.collapse",
        "warning",
        f"Every test sample is given the same labels: {given}",
        {"labels": given, "num_labels": len(rows)},
        cause="labels are rare in the training data, or the steps were too large",
        remedy="weigh the samples that have a label (pos_weight of nn.BCEWithLogitsLoss), or try a lower --lr",
    )


def _hardest(rows: list[Mapping[str, Any]]) -> list[Finding]:
    """Name the label with the lowest F1 among those that hold for some sample."""
    # of a label without samples recall is undefined
    told = [row for row in rows if is_number(row.get("f1")) and row.get("support")]
    if len(told) < 2:
        return []
    worst = min(told, key=lambda row: row["f1"])
    evidence = {key: worst.get(key) for key in ("label", "f1", "precision", "recall", "support")}
    if worst["f1"] >= 1:
        return [Finding("run.hardest_class", "note", "Every label is given without a mistake", evidence)]
    name = str(worst.get("label"))
    text = (
        f"The hardest label is {name}: {percent(worst.get('recall'))} of the {count(worst['support'])} samples that "
        f"have it are found, and {percent(worst.get('precision'))} of those said to have it do"
    )
    return [Finding("run.hardest_class", "note", text, evidence, place=f"label {name}")]

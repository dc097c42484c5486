"""``fathom doctor RUN``: what the files of a run say, finished or still running."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean

from fathom.doctor import thresholds
from fathom.doctor.catalog import CATALOG, found
from fathom.findings import Finding, Findings, NotChecked
from fathom.phrases import counted, significant
from fathom.runs.analysis.curves import curve
from fathom.runs.analysis.findings import find_in_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

# what metrics, evaluation and configuration of a run show; the rest needs the training itself
_SEEN = {
    "loss.not_finite",
    "loss.oscillates",
    "lr.too_high",
    "lr.zero",
    "init.scale",
    "fit.overfitting",
    "fit.underfitting",
    "model.collapse",
}


def examine_run(path: Path) -> Findings:
    """Return what the run's own findings and the doctor's checks of its curves say, the gravest first.

    Raises:  FathomError if the folder is no run or a file of it is damaged
    """
    run = RunReader(path)
    own = find_in_run(run)
    known = {finding.code for finding in own.findings}
    checked = (*_oscillates(run), *_zero_rate(run), *_first_loss(run))
    more = [finding for finding in checked if finding.code not in known]
    skipped = {check.code: check.reason for check in own.not_checked}
    for code in CATALOG:
        if code not in _SEEN and code not in known:
            skipped.setdefault(code, "the run folder does not record what it takes")
    return Findings.gravest_first([*own.findings, *more], [NotChecked(*item) for item in skipped.items()])


def _oscillates(run: RunReader) -> Iterator[Finding]:
    values = [value for _, value in curve(run.epochs(), "val_loss") if value is not None]
    if len(values) < thresholds.LEAST_FOR_OSCILLATION:
        return
    steps = [b - a for a, b in pairwise(values)]
    turns, size = sum(a * b < 0 for a, b in pairwise(steps)), mean(abs(step) for step in steps)
    if turns > thresholds.TURNS * (len(steps) - 1) and size > thresholds.SWING * abs(mean(values)):
        yield found(
            "loss.oscillates",
            f"Validation loss changes its direction {counted(turns, 'time')} in {counted(len(values), 'epoch')}, by "
            f"{significant(size)} on average around {significant(mean(values))}",
            {"epochs": len(values), "turns": turns, "mean_change": size},
        )


def _zero_rate(run: RunReader) -> Iterator[Finding]:
    rates = [float(record["lr"]) for record in run.steps() if is_number(record.get("lr"))]
    if len(rates) < thresholds.LEAST_STEPS:
        return
    highest = max(rates)
    dead = sum(rate <= 1e-6 * highest for rate in rates) if highest > 0 else len(rates)
    if dead > thresholds.ZERO_RATE_SHARE * len(rates):
        yield found(
            "lr.zero",
            f"In {dead} of {len(rates)} log intervals the learning rate was 0, or a millionth of the highest",
            {"intervals": len(rates), "at_zero": dead, "highest": highest},
            severity="error" if dead >= thresholds.ZERO_RATE_ERROR * len(rates) else "warning",
            remedy="--schedule constant, or a schedule as long as the training",
            place="training.schedule",
        )


def _first_loss(run: RunReader) -> Iterator[Finding]:
    """Compare the first recorded cross-entropy with that of equal probabilities, where nothing was learned before."""
    names = (run.evaluation or {}).get("class_names") or (run.model or {}).get("class_names")
    training = run.config.get("training")
    loss = training.get("loss") if isinstance(training, dict) else None
    losses = [record["train_loss"] for record in run.steps() if is_number(record.get("train_loss"))]
    if not names or len(names) < 2 or not losses or loss not in (None, "cross_entropy") or run.run.get("start"):
        return
    chance = math.log(len(names))
    if losses[0] > thresholds.FIRST_LOSS * chance + thresholds.FIRST_LOSS_MARGIN:
        yield found(
            "init.scale",
            f"The first recorded loss is {significant(losses[0])}; equal probabilities for {len(names)} classes give "
            f"{significant(chance)}",
            {"loss": losses[0], "loss_of_equal_probabilities": chance},
            cause="large weights, inputs or first steps make the network certain before it has learned anything",
            remedy="a lower --lr with --warmup 100",
            place=f"step {run.steps()[0]['step']}",
        )

"""``fathom doctor RUN``: what the files of a run say, finished or still running."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean

from msgspec import UNSET

from fathom.doctor import thresholds
from fathom.doctor.catalog import CATALOG, found
from fathom.doctor.ranking import rank
from fathom.doctor.remedies import advise
from fathom.doctor.training.judge import judge
from fathom.doctor.training.opening import lasts
from fathom.findings import Finding, Findings, NotChecked
from fathom.phrases import counted, significant
from fathom.runs.analysis.curves import curve
from fathom.runs.analysis.findings import find_in_run, merge
from fathom.runs.folder.lock import is_locked
from fathom.runs.folder.probes import PROBE, findings_in
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.folder.schema import PROBES
from fathom.settings.reading import read_config

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
    """Return what a run's probes, metrics, evaluation and configuration say, the gravest first.

    Where a cure is a setting of the run, the finding has it in ``settings``. A run without probes is judged by what is
    left, and the reason stands with each check that could not run.

    Raises:  FathomError if the folder is no run or a file of it is damaged
    """
    run = RunReader(path)
    own = find_in_run(run)
    checked = (*_oscillates(run), *_zero_rate(run), *_first_loss(run))
    known = {finding.code for finding in own.findings}
    found = [*own.findings, *(finding for finding in checked if finding.code not in known)]
    skipped = {check.code: check.reason for check in own.not_checked}
    if run.probes:
        watched = _judge_again(run)
        found = merge(found, watched.findings)
        skipped |= {check.code: check.reason for check in watched.not_checked}
    else:
        reason = f"the run has no {PROBES}: {_why_unwatched(run)}"
        skipped |= {code: skipped.get(code, reason) for code in CATALOG if code not in _SEEN}
    codes = {finding.code for finding in found}
    config = read_config(path)
    advised = [f if f.settings is not UNSET else advise(f, config) for f in found]
    skipped_now = [NotChecked(code, reason) for code, reason in skipped.items() if code not in codes]
    return Findings(tuple(rank(advised)), tuple(skipped_now))


def headline(path: Path) -> str:
    """Return a line on what is judged: how the run ended, and how closely it was watched."""
    run = RunReader(path)
    probes = sum(event.get("event") == PROBE for event in run.probes)
    seen = f"{counted(probes, 'probe')}" if run.probes else f"no probes: {_why_unwatched(run)}"
    status = run.status
    if status == "running" and not is_locked(path):
        status = "interrupted"  # killed: it could write no other end
    steps = run.metrics[-1]["step"] if run.metrics else 0
    steps = max([steps, *(int(event["step"]) for event in run.probes)])
    return f"doctor   {run.name}: {status}, {counted(steps, 'step')}; {seen}"


def _why_unwatched(run: RunReader) -> str:
    training = run.config.get("training")
    level = training.get("doctor") if isinstance(training, dict) else None
    return (
        "it was trained with --doctor off"
        if level == "off"
        else "`fathom train` did not make it, or an earlier version did"
    )


def _judge_again(run: RunReader) -> Findings:
    """Judge the course anew, by today's thresholds; what the first steps showed stays as it was found."""
    stored = findings_in(run.probes, run.path / PROBES) or Findings()
    ended = run.status == "done" or (run.failure is not None and run.failure.code == "loss.not_finite")
    course = judge(run.probes, run.epochs(), is_over=ended)
    kept = [finding for finding in stored.findings if lasts(finding)]
    known = {check.code: check for check in (*stored.not_checked, *course.not_checked)}
    return Findings.gravest_first([*kept, *course.findings], known.values())


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

"""What the curves of a run show, as findings; each only if the numbers support it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fathom.findings import Finding, NotChecked, Plain, Severity
from fathom.phrases import counted
from fathom.runs.analysis.numbers import count, decimal, duration, percent, rate
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

FLAT = 0.02  # a loss that rises by less than this share counts as flat
RISEN = 0.2  # a validation loss that ends this share above its minimum is a warning (trainproof's threshold)
# the same beside a training loss that falls on: the best epoch's weights are kept, and a fifth is usual of small data
OVERFITTED = 0.5
BLOWN_UP = 1.5  # times the loss of equal probabilities
FALLING = 0.01  # a loss that falls by more than this share in one epoch counts as falling
STEEP = 0.05  # one that falls by more in its last epoch was stopped too early
STILL = 0.01  # a training loss that ends within this share of where it began stands still


def curve(records: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float | None]]:
    """Return the values of ``key`` over epochs; a record that has it as null (not finite) is a gap."""
    # keys absent in a record are no gap: validation may be rarer
    return [(r["epoch"], r[key] if is_number(r[key]) else None) for r in records if key in r]


def check_curves(run: RunReader) -> tuple[list[Finding], list[NotChecked]]:
    """Return how far training got and what its curves show."""
    broken, blow_up = _broken_numbers(run), _blow_up(run)
    found = [
        _extent(run),
        broken,
        _standstill(run),
        blow_up,
        _validation_loss(run, has_blown_up=blow_up is not None),
        _validation_accuracy(run),
        _gap(run),
    ]  # None: that check has nothing to say
    skipped = []
    if not any(y is not None for _, y in curve(run.epochs(), "val_loss")):  # needed by fit.overfitting alone
        why = "no validation loss was recorded" if run.epochs() else "no epoch was finished"
        skipped.append(NotChecked("fit.overfitting", f"there is no validation curve: {why}"))
    return [finding for finding in found if finding is not None], skipped


def _extent(run: RunReader) -> Finding:
    if not run.metrics:
        return Finding("run.extent", "note", "Nothing was recorded: the run ended before its first step was logged")
    last = run.metrics[-1]
    epochs = run.epochs()
    took = f" in {duration(run.train_s)}" if run.train_s is not None else ""
    done = epochs[-1]["epoch"] if epochs else 0
    evidence = {"epochs": last["epoch"], "steps": last["step"], "train_s": run.train_s}
    if last["epoch"] > done:  # stopped inside an epoch
        parts = f"{counted(last['step'], 'step')}, {last['epoch']:.2f} epochs, of which {done:g} whole"
        return Finding("run.extent", "note", f"Recorded{took}: {parts}", evidence)
    text = f"Training took {counted(done, 'epoch')}, {counted(last['step'], 'step')}{took}"
    return Finding("run.extent", "note", text, evidence)


def _broken_numbers(run: RunReader) -> Finding | None:
    """Return how the run diverged: as recorded when it stopped, else from the metrics."""
    failure = run.failure
    if failure is not None and failure.code == "loss.not_finite":
        return failure
    for record in run.metrics:
        for key in ("train_loss", "val_loss"):  # training diverges first, its loss is logged first
            if key in record and record[key] is None:
                return Finding(
                    "loss.not_finite",
                    "error",
                    f"At step {count(record['step'])} {key} was not a finite number: the training diverged there",
                    {"step": record["step"], "metric": key},
                    place=f"step {record['step']}",
                )
    return None


def _standstill(run: RunReader) -> Finding | None:
    # steps show more than epochs do
    losses = [y for _, y in curve(run.steps() or run.epochs(), "train_loss") if y is not None]
    # fewer records are no curve; below 0 no share of it is meant
    if len(losses) < 5 or losses[0] <= 0 or abs(losses[0] - losses[-1]) > STILL * losses[0]:
        return None
    text = f"Training loss ended where it began: {decimal(losses[0])} at first, {decimal(losses[-1])} at the end"
    return Finding("loss.stands_still", "warning", text, {"first": losses[0], "last": losses[-1]})


def _blow_up(run: RunReader) -> Finding | None:
    """Warn of a cross-entropy far above that of equal probabilities, which reasonable steps do not cause."""
    names = (run.evaluation or {}).get("class_names")
    training = run.config.get("training", {})
    # as (loss, epoch), so that max finds the loss
    losses = [(y, x) for x, y in curve(run.epochs(), "train_loss") if y is not None]
    loss = training.get("loss")
    # None is cross_entropy, the default
    if not names or len(names) < 2 or not losses or loss not in (None, "cross_entropy", "bce_with_logits"):
        return None
    is_log_loss = loss == "bce_with_logits"  # each output decides between two
    # log K: the cross-entropy of 1/K each
    (highest, at), nothing = max(losses), math.log(2 if is_log_loss else len(names))
    if highest < BLOWN_UP * nothing or not _rose(run, highest):
        return None
    lr = training.get("lr")
    return Finding(
        "lr.too_high",
        "warning",
        f"In epoch {at:g} training loss was {decimal(highest)} on average, where "
        f"{'a probability of one half' if is_log_loss else 'equal probabilities'} for all classes "
        f"{'gives' if is_log_loss else 'give'} {decimal(nothing)}",
        {"loss": highest, "loss_of_equal_probabilities": nothing, "lr": lr if is_number(lr) else None},
        cause="the steps were too large",
        remedy=f"try a learning rate far below {rate(lr)} (--lr)",
        place=f"epoch {at:g}",
    )


def _rose(run: RunReader, highest: float) -> bool:
    """Whether a mean loss lies above the first that was recorded; else it shows the initial weights, not the steps."""
    first = next((record["train_loss"] for record in run.steps() if is_number(record.get("train_loss"))), None)
    return first is None or highest > first


def _validation_loss(run: RunReader, *, has_blown_up: bool) -> Finding | None:
    points = [(x, y) for x, y in curve(run.epochs(), "val_loss") if y is not None]
    if not points:
        return None
    lowest = min(range(len(points)), key=lambda i: points[i][1])  # the first of equal ones
    at, best = points[lowest]
    end, last = points[-1]
    evidence: dict[str, Plain] = {"best_epoch": at, "best": best, "last_epoch": end, "last": last}
    if len(points) == 1:
        text = f"After its only validation the loss on held-out data is {decimal(best)}"
        return Finding("fit.validation_loss", "note", text, evidence)
    if lowest == len(points) - 1:  # still falling, or flat, at the end
        text = f"Validation loss is lowest at the last epoch, {at:g} ({decimal(best)})"
        before = points[-2][1]
        # after a blow-up any fall is only recovery
        if before > 0 and before - best > FALLING * before and not has_blown_up:
            fall = (before - best) / before
            return Finding(
                "fit.underfitting" if fall > STEEP else "fit.validation_loss",
                "note",
                f"{text}; it fell by {percent(fall)} in that epoch, so longer training may lower it",
                evidence | {"fall": fall},
                # Twice: enough to see a minimum where the loss still falls this fast.
                remedy=f"try --epochs {2 * math.ceil(end)}",
            )
        return Finding("fit.validation_loss", "note", f"{text}", evidence)
    start = f"Validation loss is lowest at epoch {at:g} ({decimal(best)})"
    if best <= 0:  # a share of it would have no meaning
        return Finding("fit.validation_loss", "note", f"{start} and {decimal(last)} at epoch {end:g}", evidence)
    rise = (last - best) / best
    # None where it is unknown, or for texts
    if (noise := _noise(run, points[lowest][0], end)) is not None and FLAT < rise <= noise[1]:
        text = f"{start} and {decimal(last)} at epoch {end:g}: {counted(noise[0], 'sample')} cannot tell these apart"
        return Finding("fit.validation_loss", "note", text, evidence | {"rise": rise, "standard_error": noise[1]})
    if rise <= FLAT:
        text = f"{start} and within {percent(FLAT, 0)} of that at the end ({decimal(last)} at epoch {end:g})"
        return Finding("fit.validation_loss", "note", text, evidence)
    return _rise(run, start, evidence | {"rise": rise}, rise)


def _noise(run: RunReader, *epochs: float) -> tuple[int, float] | None:
    """Return the number of validation samples and the standard error of their mean loss, as a share of it.

    A cross-entropy rests on the samples that the network gets wrong, and k of these vary as k ± √k (binomial, for a
    small share); at least one is counted. A mean of n squared errors has the relative standard error √(2/n) (χ² with
    n degrees of freedom). Two epochs are evaluated on the same samples, so that one standard error is a wide margin.
    None where the number of samples is not known, and for texts, whose tokens are many and not independent.
    """
    sizes = (run.data or {}).get("splits")
    num_samples = sizes.get("val") if isinstance(sizes, Mapping) else None
    if not isinstance(num_samples, int) or num_samples < 1:
        return None
    accuracy = dict(curve(run.epochs(), "val_accuracy"))  # epoch: accuracy
    known = [value for epoch in epochs if (value := accuracy.get(epoch)) is not None]
    if known:
        # of two epochs the one with more mistakes: the cautious choice
        num_wrong = max(1.0, *(num_samples * (1 - value) for value in known))
        return num_samples, 1 / math.sqrt(num_wrong)
    if any("val_perplexity" in record for record in run.epochs()):
        return None
    return num_samples, math.sqrt(2 / num_samples)


def _rise(run: RunReader, start: str, evidence: dict[str, Plain], rise: float) -> Finding:
    """Interpret a validation loss that ends above its minimum, by the course of the training loss."""
    at, end = evidence["best_epoch"], evidence["last_epoch"]
    train = dict(curve(run.epochs(), "train_loss"))
    then, now = train.get(at), train.get(end)  # type: ignore[arg-type]
    severity: Severity = "warning" if rise >= RISEN else "note"
    if then is not None and now is not None and now < then:
        return Finding(
            "fit.overfitting",
            "warning" if rise >= OVERFITTED else "note",
            f"{start}. By epoch {end:g} it is {percent(rise, 0)} higher, while training loss fell on from "
            f"{decimal(then)} to {decimal(now)}",
            evidence | {"train_then": then, "train_last": now},
            cause=f"after epoch {at:g} the network mostly memorises its training data",
            remedy="more data, --weight-decay or --dropout would hold that back",
            place=f"epoch {at:g}",
        )
    text = f"{start} and {percent(rise, 0)} higher at epoch {end:g}, where training loss is no lower either"
    return Finding("loss.rises", severity, text, evidence, place=f"epoch {at:g}")


def _validation_accuracy(run: RunReader) -> Finding | None:
    accuracy = [(x, y) for x, y in curve(run.epochs(), "val_accuracy") if y is not None]
    loss = {x: y for x, y in curve(run.epochs(), "val_loss") if y is not None}
    if len(accuracy) < 2:
        return None
    at, best = max(accuracy, key=lambda point: point[1])
    text = f"Validation accuracy is highest at epoch {at:g} ({percent(best)})"
    evidence = {"best_epoch": at, "best": best}
    lowest = min(loss, key=lambda x: loss[x]) if loss else at  # without validation loss nothing lies before it
    if at > lowest and loss.get(at, 0.0) > loss[lowest] * (1 + FLAT):  # higher by more than "flat", or it is noise
        return Finding(
            "fit.overconfident",
            "note",
            f"{text}: fewer answers are wrong there than at epoch {lowest:g} although the loss is higher, "
            "a sign of over-confident answers",
            evidence | {"epoch_of_lowest_loss": lowest},
            place=f"epoch {at:g}",
        )
    return Finding("fit.validation_accuracy", "note", f"{text}", evidence)


def _gap(run: RunReader) -> Finding | None:  # of the last epoch alone
    last = run.epochs()[-1] if run.epochs() else {}
    train, val = last.get("train_accuracy"), last.get("val_accuracy")
    if not is_number(train) or not is_number(val):
        return None
    text = f"In the last epoch accuracy is {percent(train)} on training data and {percent(val)} on validation data"
    if train >= val:
        text = f"{text}, {100 * (train - val):.1f} points apart"
    else:
        text = (
            f"{text}. That is usual: training accuracy is averaged over the epoch, while the weights still change and "
            "with dropout and augmentation, where used, at work"
        )
    return Finding("fit.gap", "note", text, {"train_accuracy": train, "val_accuracy": val, "gap": train - val})

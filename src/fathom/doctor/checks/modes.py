"""Dropout and batch normalisation: in which mode the network was, exactly."""

from __future__ import annotations

from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import OptimizerRecord, Record, RootRecord
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the flags in steps and in evaluations."""
    for optimizer in record.optimizers:
        yield from _training_in_evaluation_mode(optimizer, record)
    yield from _evaluation_in_training_mode(record)
    for root in record.roots:
        yield from _small_batch(root)
        yield from _varies(root)


def _training_in_evaluation_mode(optimizer: OptimizerRecord, record: Record) -> Iterator[Finding]:
    wrong, right = optimizer.steps_in_evaluation_mode, optimizer.steps_in_training_mode
    total = wrong + right
    if not wrong or wrong < max(2, thresholds.WRONG_MODE_SHARE * total):
        return
    # weights that were loaded: fine-tuning with the statistics and without the dropout of before is a choice
    is_loaded = any(
        root.has_loaded_weights and optimizer.parameter_ids & set(root.parameters.values()) for root in record.roots
    )
    names = ", ".join(optimizer.evaluation_mode_modules[:3])
    left = optimizer.last_steps_in_evaluation_mode
    tail = f"; the last {left:,} in a row, after steps in training mode" if right and left > 1 else ""
    yield found(
        "model.wrong_mode",
        f"{wrong:,} of {total:,} steps were taken in evaluation mode{tail}: {names} did not train",
        {"steps": total, "in_evaluation_mode": wrong},
        place=", ".join(dict.fromkeys(filter(None, (optimizer.evaluation_mode_place, optimizer.step_place)))),
        severity="note" if is_loaded and not right else "error",
        cause="in evaluation mode dropout does nothing and batch normalisation keeps its old statistics",
        remedy="model.train() at the start of each epoch",
    )


def _evaluation_in_training_mode(record: Record) -> Iterator[Finding]:
    passes = {
        i: loader for loader in record.loaders if loader.evaluations_in_training_mode for i in loader.evaluated_roots
    }
    trained = _trained(record)
    for number, root in enumerate(record.roots):
        if number not in trained or root.repeats_inputs or root.feeds_others:
            continue
        loader = passes.get(number)
        wrong = root.calls_evaluating_in_training_mode
        if loader is None:
            alone = wrong and wrong == root.calls_evaluating and not root.evaluates_within_steps
            if not alone or (record.loaders and any(other.passes_training for other in record.loaders) and wrong < 2):
                continue
        what = (
            f"{loader.evaluations_in_training_mode} passes over a loader"
            if loader
            else f"{wrong} calls without gradients"
        )
        yield found(
            "model.wrong_mode",
            f"{root.name} was evaluated in training mode ({what}), {', '.join(root.mode_modules[:3])} with it",
            {"calls": wrong, "passes": loader.evaluations_in_training_mode if loader else 0},
            place=root.evaluation_place or (loader.place if loader else ""),
            cause="in training mode dropout drops, and batch normalisation takes the statistics of the batch",
            remedy="model.eval() before the evaluation, model.train() after it",
        )


def _varies(root: RootRecord) -> Iterator[Finding]:
    if not root.probe.get("varies") or root.repeats_inputs:  # the mean of random answers is what it is for
        return
    drop = root.probe["dropout"]
    yield found(
        "model.wrong_mode",
        f"In evaluation mode {root.name} gives two outputs for one input"
        + (f": a functional dropout of {drop:g} is at work" if drop else ""),
        {"dropout": drop},
        place=root.place or root.call_place,
        severity="error" if drop else "note",
        cause="something random does not follow model.eval(); a network that samples on purpose does so too",
        remedy="F.dropout(x, p, training=self.training), or nn.Dropout",
    )


def _trained(record: Record) -> set[int]:
    """Return the networks that some optimiser trains."""
    held = {i for optimizer in record.optimizers if optimizer.steps for i in optimizer.parameter_ids}
    return {n for n, root in enumerate(record.roots) if held & set(root.parameters.values()) and root.calls_training}


def _small_batch(root: RootRecord) -> Iterator[Finding]:
    if not root.batch_norm or not root.batch_sizes:
        return
    usual, count = root.batch_sizes.most_common(1)[0]
    name, values = min(root.batch_norm.items(), key=lambda item: item[1])
    if values >= thresholds.BATCH_NORM_VALUES or usual >= thresholds.SMALL_BATCH:
        return
    yield found(
        "model.batch_norm_small_batch",
        f"{name} takes mean and variance of {values} values a channel: batches have {usual} samples",
        {"batch_size": usual, "values_per_channel": values, "batches": count},
        place=root.call_place,
    )

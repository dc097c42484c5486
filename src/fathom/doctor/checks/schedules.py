"""Learning-rate schedules: planned steps against taken ones."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import OptimizerRecord, Record, SchedulerRecord
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check rhythm and rates of every optimiser that stepped."""
    for schedule in record.schedulers:
        if 0 <= schedule.optimizer < len(record.optimizers):
            yield from _rhythm(schedule, record.optimizers[schedule.optimizer], record)
    for number, optimizer in enumerate(record.optimizers):
        places = [_place(schedule) for schedule in record.schedulers if schedule.optimizer == number]
        for finding in _zero(optimizer):
            yield msgspec.structs.replace(finding, place=", ".join([finding.place, *places]))


def _place(schedule: SchedulerRecord) -> str:
    """Return where it is stepped and where it is made."""
    return ", ".join(dict.fromkeys(filter(None, (schedule.step_place, schedule.place))))


def _epochs(record: Record) -> int:
    return max((loader.passes_training for loader in record.loaders), default=0)


def _rhythm(schedule: SchedulerRecord, optimizer: OptimizerRecord, record: Record) -> Iterator[Finding]:
    taken, epochs = optimizer.steps - schedule.optimizer_steps_at_creation, _epochs(record)
    place = _place(schedule)
    evidence = {
        "schedule_steps": schedule.steps,
        "optimizer_steps": taken,
        "epochs": epochs,
        "horizon": schedule.horizon,
    }
    is_whole = not record.stopped_early and not record.failure
    if schedule.steps == 0:
        if taken >= 2 and is_whole and not schedule.is_inner:
            yield found(
                "lr.schedule_rhythm",
                f"{schedule.kind} was made and never stepped in {taken:,} steps of the optimiser",
                evidence,
                place=schedule.place,
                cause="without scheduler.step() the rate never changes",
                remedy="scheduler.step() after each epoch, or after each optimizer.step()",
            )
        return
    if schedule.steps_before_optimizer and not record.scaler.get("updates"):
        yield found(
            "lr.schedule_rhythm",
            f"{schedule.kind} was stepped before the optimiser's first step: the first rate of the schedule is never "
            "used",
            evidence,
            place=place,
            cause="the schedule runs ahead of the optimiser",
            remedy="optimizer.step() first, then scheduler.step()",
        )
    if schedule.horizon is not None and schedule.horizon > 1:
        yield from _against_horizon(schedule, taken, epochs, evidence, is_whole=is_whole)
    elif schedule.decay_per_step is not None and schedule.decay_per_step < 1 and epochs >= 1:
        per_epoch = schedule.steps / max(1, epochs)
        fall = schedule.decay_per_step**per_epoch
        if per_epoch > 2 and schedule.steps >= 0.5 * taken and fall < thresholds.FALL_WITHIN_AN_EPOCH:
            yield found(
                "lr.schedule_rhythm",
                f"{schedule.kind} is stepped {per_epoch:.0f} times an epoch and lowers the rate to {fall:.2g} of it "
                "in each",
                {**evidence, "fall_per_epoch": fall},
                place=place,
                cause="the schedule was planned for one step an epoch",
                remedy="scheduler.step() after each epoch",
            )


def _against_horizon(
    schedule: SchedulerRecord, taken: int, epochs: int, evidence: dict, *, is_whole: bool
) -> Iterator[Finding]:
    place = _place(schedule)
    horizon = schedule.horizon or 0.0
    is_cosine = schedule.kind == "CosineAnnealingLR"
    if is_cosine and schedule.steps > thresholds.PAST_HORIZON * horizon and taken >= schedule.steps * 0.9:
        yield found(
            "lr.schedule_rhythm",
            f"{schedule.kind} was planned for {horizon:g} steps and stepped {schedule.steps:,} times: past its end "
            "the rate rises again",
            evidence,
            place=place,
            remedy=f"T_max={taken}, or one scheduler.step() for each of the {horizon:g} units it was planned for",
        )
    elif (
        schedule.kind in ("CosineAnnealingLR", "OneCycleLR")
        and is_whole
        and schedule.steps < thresholds.SHORT_OF_HORIZON * horizon
        and schedule.steps <= 0.5 * taken
        and horizon >= 0.5 * taken
    ):
        yield found(
            "lr.schedule_rhythm",
            f"{schedule.kind} was planned for {horizon:g} steps and stepped {schedule.steps:,} times in {taken:,} "
            "steps of the optimiser: "
            "its rate hardly moved",
            evidence,
            place=place,
            remedy="scheduler.step() after each optimizer.step()",
        )


def _zero(optimizer: OptimizerRecord) -> Iterator[Finding]:
    rates = optimizer.rates
    if len(rates) < thresholds.LEAST_STEPS or not optimizer.steps:
        if rates and len(rates) >= 3 and not any(rates):
            yield _at_zero(optimizer, len(rates), len(rates))
        return
    highest = max(rates)
    if highest == 0 and optimizer.zero_rate_steps < len(rates):  # the first group rests, others learn
        return
    dead = sum(rate <= 1e-6 * highest for rate in rates) if highest > 0 else len(rates)
    # the first steps of a warm-up and the last of a cosine are at 0 or near it
    if dead > thresholds.ZERO_RATE_SHARE * len(rates):
        finding = _at_zero(optimizer, dead, len(rates))
        is_warm_up = dead <= thresholds.ZERO_RATE_WARM_UP * len(rates) and max(rates[:dead]) <= 1e-6 * highest
        yield msgspec.structs.replace(finding, severity="note") if is_warm_up else finding


def _at_zero(optimizer: OptimizerRecord, dead: int, total: int) -> Finding:
    return found(
        "lr.zero",
        f"{dead:,} of {total:,} steps were taken with a learning rate of 0, or of a millionth of the highest",
        {"steps": total, "at_zero": dead, "highest": max(optimizer.rates)},
        place=optimizer.step_place,
        severity="error" if dead >= thresholds.ZERO_RATE_ERROR * total else "warning",
    )

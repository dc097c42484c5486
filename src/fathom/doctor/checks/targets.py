"""Whether the targets fit the outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.losses import BINARY_LOSSES, SIGNED_LOSSES
from fathom.doctor.observer.record import LossCall, Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check targets of every line that computes a loss."""
    for call in record.losses:
        facts = call.facts
        if "target_min" not in facts:
            continue
        if call.kind in ("cross_entropy", "nll_loss") and facts["error"] and "float" not in facts["target_dtype"]:
            yield from _out_of_range(call)
        if call.kind in BINARY_LOSSES and not (facts["target_min"] >= 0 and facts["target_max"] <= 1):
            yield found(
                "data.labels_out_of_range",
                f"{call.kind} gets targets between {facts['target_min']:g} and {facts['target_max']:g}; they must lie "
                "within 0 and 1",
                {"min": facts["target_min"], "max": facts["target_max"]},
                place=call.place,
                remedy="y = (y > 0).float() for labels −1 and 1; cross_entropy for more than two classes",
            )
        if call.kind in SIGNED_LOSSES and facts["target_min"] == 0:
            yield found(
                "data.labels_out_of_range",
                f"{call.kind} takes targets −1 and 1 and gets {facts['target_min']:g} to {facts['target_max']:g}",
                {"min": facts["target_min"], "max": facts["target_max"]},
                place=call.place,
                cause="a target of 0 has no side: such samples teach nothing",
                remedy="y = 2 * y - 1, or binary_cross_entropy_with_logits",
            )
    yield from _constant_outputs(record)
    for place, entry in record.target_counts.items():
        yield from _dead_classes(place, entry)
        yield from _ignored_class(place, entry)
        yield from _collapse(place, entry, record)


def _out_of_range(call: LossCall) -> Iterator[Finding]:
    facts = call.facts
    classes = facts["shape"][1] if len(facts["shape"]) > 1 else facts["shape"][0]
    low, high = int(facts["target_min"]), int(facts["target_max"])
    if low >= 0 and high < classes:
        return
    off_by_one = low >= 1 and high == classes
    yield found(
        "data.labels_out_of_range",
        f"{call.kind} has {classes} outputs and gets labels from {low} to {high}",
        {"outputs": classes, "min": low, "max": high},
        place=call.place,
        remedy="the labels count from 1: y = y - 1"
        if off_by_one
        else f"{max(high + 1, classes)} outputs, or labels 0 to {classes - 1}",
    )


def _ignored_class(place: str, entry: dict[str, Any]) -> Iterator[Finding]:
    """Note an ignored label that is as frequent as a class: padding is another task's, a class this one's."""
    ignored, classes, counts = entry["ignore_index"], entry["classes"], entry["targets"].tolist()
    if not 0 <= ignored < classes or not sum(counts) or entry["is_sequence"]:
        return
    share = counts[ignored] / sum(counts) * classes
    low, high = thresholds.IGNORED_SHARE
    if low < share < high:
        yield found(
            "data.labels_out_of_range",
            f"ignore_index={ignored} leaves out class {ignored}, {counts[ignored]} of {sum(counts)} targets: it is "
            "never learned",
            {"ignore_index": ignored, "targets": counts[ignored]},
            place=place,
            severity="note",
            cause="an ignored label that is as frequent as the others looks like a class",
            remedy="leave ignore_index out, unless the label is padding",
        )


def _dead_classes(place: str, entry: dict[str, Any]) -> Iterator[Finding]:
    counts = entry["targets"].tolist()
    classes, total = entry["classes"], sum(counts)
    missing = [k for k, count in enumerate(counts) if count == 0 and k != entry["ignore_index"]]
    if not missing or classes < 3 or total < thresholds.SAMPLES_PER_CLASS * classes:
        return
    if len(missing) > thresholds.MOST_DEAD_CLASSES or len(missing) * 2 > classes:
        return
    is_off_by_one = missing == [0] and entry["ignore_index"] < 0
    names = ", ".join(map(str, missing))
    yield found(
        "data.labels_out_of_range",
        f"The network has {classes} outputs; class {names} was never a target among {total:,} samples",
        {"outputs": classes, "missing": names, "samples": total},
        place=place,
        severity="warning" if is_off_by_one else "note",
        cause="the labels may count from 1" if is_off_by_one else "this output is never right",
        remedy="y = y - 1, and one output less"
        if is_off_by_one
        else f"{classes - len(missing)} outputs, if the class does not exist",
    )


def _constant_outputs(record: Record) -> Iterator[Finding]:
    """Report a network that, late in training, gives nearly one and the same output whatever it is given."""
    for root in record.roots:
        late = [item for item in root.spreads if item[0] >= thresholds.LEAST_STEPS]
        if len(late) < 2 or root.feeds_others:
            continue
        shares = [spread / size for _, spread, size in late[-3:] if size > 0]
        if not shares or max(shares) > thresholds.CONSTANT_OUTPUT:
            continue
        first = root.spreads[0]
        _, spread, size = late[-1]
        yield found(
            "model.collapse",
            f"The outputs of {root.name} differ from sample to sample by {spread:.2g} on average, and are {size:.2g} "
            f"large: whatever it is given, it answers the same (at first {first[1]:.2g} of {first[2]:.2g})",
            {"deviation": spread, "size": size, "first_deviation": first[1], "first_size": first[2]},
            place=", ".join(dict.fromkeys(filter(None, (root.call_place, root.place)))),
        )


def _collapse(place: str, entry: dict[str, Any], record: Record) -> Iterator[Finding]:
    """Report a network that, late in training, answers one class whatever it is given."""
    recent = [item for item in entry["recent"] if item[0] >= thresholds.LEAST_STEPS]
    if len(recent) < 2:
        return
    guesses = [sum(column) for column in zip(*(item[1] for item in recent[-4:]), strict=True)]
    truth = [sum(column) for column in zip(*(item[2] for item in recent[-4:]), strict=True)]
    samples = sum(guesses)
    if samples < thresholds.LEAST_PREDICTIONS or max(guesses) < thresholds.COLLAPSED_SHARE * samples:
        return
    most = max(truth) / max(1, sum(truth))
    if most > thresholds.LARGEST_CLASS_SHARE:
        if most < 1 and entry["classes"] > 1 and not entry["weighted"]:
            yield found(
                "model.collapse",
                f"All of the last {samples} predictions are class {guesses.index(max(guesses))}, which {most:.0%} of "
                "the targets are",
                {"samples": samples, "largest_class": most},
                place=place,
                severity="note" if most < thresholds.IMBALANCED_SHARE else "warning",
                cause="with so unequal classes always answering the largest one is nearly right",
                remedy="cross_entropy(…, weight=…) or a WeightedRandomSampler",
            )
        return
    yield found(
        "model.collapse",
        f"All of the last {samples} predictions are class {guesses.index(max(guesses))}, while the largest class is "
        f"{most:.0%} of the targets",
        {"samples": samples, "largest_class": most},
        place=place,
    )

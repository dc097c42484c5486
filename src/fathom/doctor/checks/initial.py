"""Initial weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.checks.losses import training_calls
from fathom.doctor.observer.record import OptimizerRecord, Record, RootRecord
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the weights that the first steps began with."""
    for root in record.roots:
        yield from _symmetric(root, record)
    yield from _first_loss(record)
    for root in record.roots:
        if not root.has_loaded_weights:
            yield from _scale(root, record)


def _owner(root: RootRecord, record: Record) -> OptimizerRecord | None:
    ids = set(root.parameters.values())
    return next((optimizer for optimizer in record.optimizers if optimizer.parameter_ids & ids), None)


def _symmetric(root: RootRecord, record: Record) -> Iterator[Finding]:
    optimizer = _owner(root, record)
    if optimizer is None:
        return
    label = next((n for n in optimizer.names if n.endswith(f".{root.output_layer}")), root.output_layer)
    prefix = label[: len(label) - len(root.output_layer)]
    later = [interval for interval in optimizer.intervals if interval.step >= 2]
    still, constant = [], []
    for name in sorted(root.equal_rows_at_start - {root.output_layer}):
        full = prefix + name
        seen = [i for i in later if i.gradient_norms.get(full) is not None]
        # equal weights with unequal gradients part company: a zero start of a branch is no fault
        if seen and all(full in i.equal_rows for i in seen):
            still.append(name)
        elif seen and name not in root.zero_at_start:
            constant.append(name)
    if not still:
        if constant:
            yield found(
                "init.symmetric",
                f"All units of {', '.join(constant[:3])} begin with the same weights; only what follows them tells "
                "them apart",
                {"weights": len(constant), "steps_looked_at": len(later)},
                place=_place(root, constant[0]),
                severity="warning",
                cause="units with equal weights begin as one unit, and their gradients differ only in scale",
            )
        return
    yield found(
        "init.symmetric",
        f"All units of {', '.join(still[:3])} begin with the same weights, and their gradients are the same on every "
        "step looked at",
        {"weights": len(still), "steps_looked_at": len(later)},
        place=_place(root, still[0]),
    )


def _first_loss(record: Record) -> Iterator[Finding]:
    """Compare the first cross-entropy with that of equal probabilities."""
    if any(root.has_loaded_weights for root in record.roots):
        return
    for place, calls in training_calls(record).items():
        first = calls[0]
        if first.kind != "cross_entropy" or first.step > 0 or first.facts.get("value") is None:
            continue
        classes, value = first.facts.get("classes", 0), first.facts["value"]
        if classes < 2 or first.facts.get("reduction") != "mean" or first.facts["has_pos_weight"]:
            continue
        chance = math.log(classes)
        if value > thresholds.FIRST_LOSS * chance + thresholds.FIRST_LOSS_MARGIN:
            yield found(
                "init.scale",
                f"The first loss is {value:.3g}; equal probabilities for {classes} classes give {chance:.3g}",
                {"loss": value, "loss_of_equal_probabilities": chance, "largest_logit": first.facts["max"]},
                place=place,
                cause="large weights or inputs make the network certain before it has learned anything",
                remedy="He or Xavier initialisation, inputs with mean 0 and standard deviation 1",
            )


def _gain(root: RootRecord) -> Iterator[Finding]:
    """Report layers that together make signals and gradients larger by far, where nothing normalises them."""
    hidden = [(name, std / he) for name, (std, he, _) in root.weights_at_start.items() if name != root.output_layer]
    if len(hidden) < thresholds.DEEP or any("Norm" in layer.kind for layer in root.layers.values()):
        return
    gain = math.prod(ratio for _, ratio in hidden)
    if gain <= thresholds.LARGE_GAIN:
        return
    name = max(hidden, key=lambda item: item[1])[0]
    yield found(
        "init.scale",
        f"{len(hidden)} layers together make a signal about {gain:.2g} times as large: each begins with weights above "
        "He's scale",
        {"layers": len(hidden), "gain": gain},
        place=_place(root, name),
    )


def _scale(root: RootRecord, record: Record) -> Iterator[Finding]:
    wrong = []
    for name, (std, he, xavier) in root.weights_at_start.items():
        if name not in root.trainable:  # random features that stay as they are
            continue
        if std == 0 or name in root.equal_rows_at_start or (name == root.output_layer and std < he):
            continue  # zeros are another check's; a small last layer only makes the first loss ln K
        low, high = min(xavier, he / math.sqrt(6)), max(he, xavier)  # PyTorch's own Linear is He's over the root of 6
        # small weights under a large factor, as of sines, still make outputs of a usual size
        has_small_outputs = not root.spreads or root.spreads[0][1] < thresholds.SMALL_OUTPUTS
        if std > thresholds.LARGE_WEIGHTS * high or (std < low / thresholds.SMALL_WEIGHTS and has_small_outputs):
            wrong.append((name, std, he))
    if _owner(root, record) is None:
        return
    yield from _gain(root)
    if not wrong:
        return
    name, std, he = wrong[0]
    yield found(
        "init.scale",
        f"The weights of {', '.join(n for n, _, _ in wrong[:3])} begin with a standard deviation of {std:.3g}; He's "
        "initialisation "
        f"has {he:.3g}",
        {"layers": len(wrong), "std": std, "he_std": he},
        place=_place(root, name),
    )


def _place(root: RootRecord, weight: str) -> str:
    """Return where a layer is made and called, and where its weight was set."""
    layer = weight.rpartition(".")[0]
    known = root.layers[layer].place if layer in root.layers else root.place
    return ", ".join(dict.fromkeys(filter(None, (*known.split(", "), root.initial_places.get(weight, "")))))

"""Whether each loss gets what it is for."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.losses import VALUE_LOSSES
from fathom.doctor.observer.record import LossCall, Record
from fathom.findings import Finding, NotChecked, Plain


def training_calls(record: Record) -> dict[str, list[LossCall]]:
    """Return the calls of loss functions on what carries a gradient, by their lines."""
    calls: dict[str, list[LossCall]] = defaultdict(list)
    for call in record.losses:
        if call.is_training and call.facts.get("min") is not None:
            calls[call.place].append(call)
    return calls


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the loss of every line."""
    calls = training_calls(record)
    if not calls and record.backwards:
        reason = "no loss function of torch.nn.functional was called: the loss is written out"
        for code in (
            "loss.softmax_before_cross_entropy",
            "loss.sigmoid_before_bce_with_logits",
            "model.relu_on_logits",
        ):
            yield NotChecked(code, reason)
    for place, same in calls.items():
        yield from _probabilities(same, place)
        yield from _rectified(same, place)
        yield from _log_probabilities(same, place)
        yield from _values(same, place, record)
    for place, graph in record.graph.items():
        if not calls and graph.get("into_loss"):  # imported before the observation began, or written out
            loss, made_by = graph["into_loss"]
            yield from _from_graph(loss, made_by, place)
        if graph["broadcast"] and not any(call.place == place for call in record.losses):
            operand, result = graph["broadcast"]
            yield found(
                "loss.target_broadcast",
                f"A difference of shape {_shape(result)} is computed from predictions of shape {_shape(operand)}",
                {"prediction": _shape(operand), "difference": _shape(result)},
                place=place,
            )


def _from_graph(loss: str, made_by: str, place: str) -> Iterator[Finding]:
    what = f"The graph of the loss shows {made_by.lower()} before {loss}"
    evidence: dict[str, Plain] = {"operation": made_by, "loss": loss}
    if loss == "cross_entropy" and made_by in ("Softmax", "Sigmoid"):
        yield found("loss.softmax_before_cross_entropy", what, evidence, place=place)
    elif loss == "BinaryCrossEntropyWithLogits" and made_by in ("Softmax", "Sigmoid"):
        yield found("loss.sigmoid_before_bce_with_logits", what, evidence, place=place)
    elif loss in ("cross_entropy", "BinaryCrossEntropyWithLogits") and made_by == "Relu":
        yield found("model.relu_on_logits", what, evidence, place=place)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "()"


def _probabilities(calls: list[LossCall], place: str) -> Iterator[Finding]:
    call, facts = calls[0], calls[0].facts
    made_by = facts["producer"]
    if call.kind == "cross_entropy":
        sums = facts.get("row_sum_error", math.inf)
        # rows that happen to sum to 1 within rounding, in every call, are probabilities
        rows_sum = (
            all(c.facts.get("row_sum_error", 1.0) < 1e-4 and c.facts["min"] >= 0 for c in calls)
            and facts.get("classes", 0) > 1
        )
        if made_by in ("Softmax", "Sigmoid") or (rows_sum and made_by != "LogSoftmax"):
            classes = facts.get("classes", 2)
            floor = math.log(1 + (classes - 1) / math.e)
            what = {"Softmax": "a softmax", "Sigmoid": "a sigmoid"}.get(made_by, "rows that sum to 1")
            yield found(
                "loss.softmax_before_cross_entropy",
                f"cross_entropy gets the outputs of {what}, between {facts['min']:.3g} and {facts['max']:.3g}: with "
                f"{classes} "
                f"classes its loss cannot fall below {floor:.3f}",
                {
                    "min": facts["min"],
                    "max": facts["max"],
                    "row_sum_error": sums,
                    "classes": classes,
                    "lowest_loss": floor,
                },
                place=_both(place, facts),
            )
        elif made_by == "Tanh":
            yield _bounded(call, facts, place)
    elif call.kind == "binary_cross_entropy_with_logits" and made_by in ("Sigmoid", "Softmax"):
        yield found(
            "loss.sigmoid_before_bce_with_logits",
            f"binary_cross_entropy_with_logits gets the outputs of a {made_by.lower()}, between {facts['min']:.3g} and "
            f"{facts['max']:.3g}: its loss cannot fall below 0.313 for positives and 0.693 for negatives",
            {"min": facts["min"], "max": facts["max"], "operation": made_by.lower()},
            place=_both(place, facts),
        )


def _both(place: str, facts: dict[str, Any]) -> str:
    """Return the line of the loss, and that where the activation before it is made."""
    return ", ".join(dict.fromkeys(filter(None, (place, facts["producer_place"]))))


def _bounded(call: LossCall, facts: dict[str, Any], place: str) -> Finding:
    classes = facts.get("classes", 2)
    floor = math.log(1 + (classes - 1) * math.exp(-2))  # the right logit at 1, all others at −1
    return found(
        "loss.wrong_kind",
        f"The logits that {call.kind} gets come out of a tanh, between −1 and 1: with {classes} classes its loss "
        "cannot "
        f"fall below {floor:.3f}",
        {"classes": classes, "lowest_loss": floor},
        place=_both(place, facts),
        severity="warning",
        cause="bounded logits bound the probability that the network can give",
        remedy="remove the activation after the last layer",
    )


def _rectified(calls: list[LossCall], place: str) -> Iterator[Finding]:
    call, facts = calls[0], calls[0].facts
    if facts["producer"] not in ("Relu", "Threshold", "HardtanhBackward", "Hardtanh"):
        return
    if call.kind not in ("cross_entropy", "binary_cross_entropy_with_logits", "nll_loss"):
        return
    zero_rows = max(c.facts.get("zero_rows", 0.0) for c in calls)
    yield found(
        "model.relu_on_logits",
        f"The logits that {call.kind} gets come out of a ReLU: their minimum is {facts['min']:g}, and up to "
        f"{zero_rows:.0%} of the samples have only zeros",
        {"min": facts["min"], "rows_of_zeros": zero_rows},
        place=_both(place, facts),
    )


def _log_probabilities(calls: list[LossCall], place: str) -> Iterator[Finding]:
    call, facts = calls[0], calls[0].facts
    if call.kind in ("nll_loss", "kl_div") and "logsumexp" in facts:
        error = min(c.facts.get("logsumexp", math.inf) for c in calls)
        if error > thresholds.LOG_PROBABILITY_ERROR and facts["producer"] != "LogSoftmax":
            is_probability = facts["min"] >= 0 and facts["max"] <= 1
            cure = "give it torch.log_softmax(logits, dim=1)"
            if call.kind == "nll_loss":
                cure = "use cross_entropy for logits, or " + cure
            yield found(
                "loss.wrong_kind",
                f"{call.kind} takes log-probabilities and gets "
                f"{'probabilities' if is_probability else 'other values'}, between "
                f"{facts['min']:.3g} and {facts['max']:.3g}: the logarithm of the sum of their exponentials is not 0 "
                "but off by "
                f"{error:.3g}",
                {"min": facts["min"], "max": facts["max"], "logsumexp": error, "loss": facts["value"]},
                place=place,
                remedy=cure,
            )
    if call.kind == "cross_entropy" and facts.get("classes") == 1 and len(facts["shape"]) > 1:
        yield found(
            "loss.wrong_kind",
            "cross_entropy gets a single output: the softmax of one value is always 1, so the loss is always 0",
            {"outputs": 1, "loss": facts["value"]},
            place=place,
            remedy="binary_cross_entropy_with_logits for one output, or one output for each class",
        )


def _values(calls: list[LossCall], place: str, record: Record) -> Iterator[Finding]:
    call, facts = calls[0], calls[0].facts
    if call.kind not in VALUE_LOSSES:
        return
    shape, target = facts["shape"], facts["target_shape"]
    if shape != target and math.prod(torch_broadcast(shape, target)) > max(math.prod(shape), math.prod(target)):
        yield found(
            "loss.target_broadcast",
            f"{call.kind} compares predictions of shape {_shape(shape)} with targets of shape {_shape(target)}: "
            "together "
            f"{_shape(torch_broadcast(shape, target))}",
            {"prediction": _shape(shape), "target": _shape(target), "loss": facts["value"]},
            place=place,
        )
        return
    yield from _out_of_reach(calls, place)
    values = sorted({v for c in calls for v in c.facts.get("target_values", [])})
    has_one_output = shape == target and math.prod(shape[1:]) == 1
    is_whole = all(c.facts.get("target_is_whole") for c in calls)
    if not (has_one_output and is_whole and len(values) >= 3 and values == [float(i) for i in range(len(values))]):
        return
    from_loader = any(loader.is_training and loader.integer_targets for loader in record.loaders)
    yield found(
        "loss.wrong_kind",
        f"{call.kind} gets the whole numbers 0 to {len(values) - 1} as targets, which look like class numbers",
        {"values": len(values), "integer_in_loader": from_loader},
        place=place,
        severity="warning" if from_loader else "note",
        cause="class numbers have no order: predicting 1 for a mix of 0 and 2 is rewarded",
        remedy="cross_entropy with one output for each class; leave it if these are counts or ratings",
    )


def _out_of_reach(calls: list[LossCall], place: str) -> Iterator[Finding]:
    """Report targets that the activation before the loss cannot give."""
    call, facts = calls[0], calls[0].facts
    bounds = {"Relu": (0.0, math.inf), "Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
    if facts["producer"] not in bounds:
        return
    low, high = bounds[facts["producer"]]
    least, most = min(c.facts["target_min"] for c in calls), max(c.facts["target_max"] for c in calls)
    slack = 0.01 * (most - least)  # a target just beyond a bound is reached nearly
    if low - slack <= least and most <= high + slack:
        return
    name = facts["producer"].lower()
    yield found(
        "model.relu_on_logits" if name == "relu" else "loss.wrong_kind",
        f"The targets of {call.kind} lie within {least:.3g} and {most:.3g}; the {name} before it gives {low:g} to "
        f"{high:g}",
        {"target_min": least, "target_max": most, "operation": name},
        place=_both(place, facts),
        cause="the network cannot give these values",
        remedy="remove the activation after the last layer, or scale the targets to its range",
    )


def torch_broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that two shapes have together.

    >>> torch_broadcast((8, 1), (8,))
    (8, 8)
    """
    size = max(len(a), len(b))
    left, right = (1,) * (size - len(a)) + tuple(a), (1,) * (size - len(b)) + tuple(b)
    return tuple(max(x, y) for x, y in zip(left, right, strict=True))

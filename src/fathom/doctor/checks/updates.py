"""Exact checks of the step: are gradients cleared, do all parameters move, are accumulated batches even."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import OptimizerRecord, Record, RootRecord
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check every optimiser."""
    for optimizer in record.optimizers:
        yield from _not_cleared(optimizer)
        if optimizer.kind == "LBFGS" and optimizer.steps:
            yield NotChecked("step.uneven_accumulation", "LBFGS runs backward passes within its step")
            continue
        yield from _unmoved(optimizer)
        yield from _uneven(optimizer, record)
        yield from _strangers(optimizer, record)
        yield from _decay(optimizer)
    yield from _never_stepped(record)
    for root in record.roots:
        yield from _unowned(root, record)
    if record.plain_tensors and any(optimizer.steps for optimizer in record.optimizers):
        yield found(
            "step.parameters_not_updated",
            f"{_few(sorted(record.plain_tensors))} of a network: a tensor with a gradient that is no parameter, and in "
            "no optimiser",
            {"tensors": len(record.plain_tensors)},
            place=next(iter(record.plain_tensors.values())),
            severity="warning",
            cause="only nn.Parameter is found by model.parameters()",
            remedy="self.name = nn.Parameter(…), or register_buffer if it is not to be learned",
        )
    if record.foreign_layers and any(optimizer.steps for optimizer in record.optimizers):
        names = sorted(record.foreign_layers)
        yield found(
            "step.parameters_not_updated",
            f"{len(names)} parameters have gradients, but no network registers them and no optimiser holds them: "
            f"{_few(names)}",
            {"parameters": len(names)},
            place=next(iter(record.foreign_layers.values())),
            cause="layers in a plain list or dictionary are not part of the network",
            remedy="nn.ModuleList([...]) or nn.ModuleDict({...})",
        )


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _not_cleared(optimizer: OptimizerRecord) -> Iterator[Finding]:
    seen = [interval for interval in optimizer.intervals[1:] if interval.num_backwards]
    dirty = [interval for interval in seen if not interval.starts_clean]
    if not dirty or len(dirty) * 2 <= len(seen):
        return
    share = max(interval.stale_share for interval in dirty)
    yield found(
        "step.gradients_not_cleared",
        f"On {len(dirty)} of {len(seen)} steps looked at, backward added to the gradients of the step before: "
        f"{share:.0%} of the "
        "gradients were not 0 when it began",
        {"steps_looked_at": len(seen), "steps_not_cleared": len(dirty), "stale_share": share},
        place=optimizer.step_place,
    )


def _unmoved(optimizer: OptimizerRecord) -> Iterator[Finding]:
    names: dict[str, list[bool]] = {}
    for interval, rate in zip(optimizer.intervals, [i.step for i in optimizer.intervals], strict=True):
        lr = optimizer.rates[rate] if rate < len(optimizer.rates) else 0.0
        for name, norm in interval.update_norms.items():
            gradient = interval.gradient_norms.get(name) or 0.0
            if gradient > 0 and lr > 0:
                # a step below the resolution of the weights (2⁻²⁴ of them in fp32) changes nothing, rightly; one of
                # Adam is as large as the rate, whatever the gradient
                size = lr * (math.sqrt(optimizer.sizes.get(name, 1)) if "Adam" in optimizer.kind else gradient)
                is_large = size > 1e-6 * interval.weight_norms.get(name, 0.0)
                names.setdefault(name, []).append(norm == 0 and is_large)
    still = sorted(name for name, flags in names.items() if len(flags) >= 2 and all(flags))
    if not still:
        return
    yield found(
        "step.parameters_not_updated",
        f"{len(still)} of {len(names)} parameters of the optimiser stay the same although their gradients are not 0: "
        f"{_few(still)}",
        {"parameters": len(still), "of": len(names)},
        place=optimizer.step_place,
        cause="the step does not reach them: something puts the old weights back, or the step is switched off",
        remedy="look at what changes the weights between the steps",
    )


def _never_stepped(record: Record) -> Iterator[Finding]:
    """Report gradients that no step ever used."""
    if any(optimizer.steps for optimizer in record.optimizers) or not record.optimizers or record.moves_by_itself:
        return
    if record.backwards < thresholds.LEAST_BACKWARDS or record.failure or record.stopped_early:
        return
    optimizer = record.optimizers[0]
    yield found(
        "step.parameters_not_updated",
        f"backward was called {record.backwards:,} times, and step() of {optimizer.kind} never: the weights are those "
        "of the start",
        {"backwards": record.backwards, "steps": 0},
        place=", ".join([optimizer.place, *record.graph][:3]),
        cause="gradients change nothing before a step is taken",
        remedy="optimizer.step() after backward(); with accumulation also after the last batch of an epoch",
    )


def _strangers(optimizer: OptimizerRecord, record: Record) -> Iterator[Finding]:
    """Report an optimiser whose parameters never have a gradient while those of a network do."""
    if optimizer.steps < 2 or not optimizer.names or optimizer.parameters_with_gradient or not record.backwards:
        return
    held = optimizer.parameter_ids
    if any(held & set(root.parameters.values()) for root in record.roots):
        if len(optimizer.intervals) >= 3:
            yield found(
                "model.detached_graph",
                f"backward was called {record.backwards:,} times and reaches none of the {len(optimizer.names)} "
                "parameters of the optimiser, though their network is called",
                {"parameters": len(optimizer.names), "backwards": record.backwards},
                place=", ".join(list(record.graph)[:2]),
                cause="the loss does not depend on the network: its value was taken out of the graph",
                remedy="no .item(), .detach(), .data or torch.tensor(…) between the network's output and the loss",
            )
        return
    yield found(
        "step.parameters_not_updated",
        f"None of the {optimizer.num_parameters} parameters of the optimiser ever has a gradient: it holds those of "
        "another network "
        "than the one that is trained",
        {"parameters": optimizer.num_parameters, "steps": optimizer.steps},
        place=optimizer.place,
        cause="the network was made anew, or its parameters replaced, after the optimiser was made",
    )


def _unowned(root: RootRecord, record: Record) -> Iterator[Finding]:
    if not root.unowned or not any(optimizer.steps for optimizer in record.optimizers):
        return
    owned = {i for optimizer in record.optimizers for i in optimizer.parameter_ids}
    has_some = any(i in owned for i in root.parameters.values())
    if not has_some and any(o.parameters_with_gradient for o in record.optimizers):
        return  # a network that only passes gradients on, such as a fixed loss network
    is_loaded = root.has_loaded_weights
    yield found(
        "step.parameters_not_updated",
        f"{len(root.unowned)} of {len(root.trainable)} parameters of {root.name} have gradients, but no optimiser "
        "holds them: "
        f"{_few(root.unowned)}",
        {"parameters": len(root.unowned), "of": len(root.trainable), "loaded_weights": is_loaded},
        place=next((o.place for o in record.optimizers if o.steps), ""),
        severity="note" if is_loaded else "error",
        remedy="freeze them: p.requires_grad_(False)" if is_loaded else None,
    )


def _uneven(optimizer: OptimizerRecord, record: Record) -> Iterator[Finding]:
    accumulating = [i for i in optimizer.intervals if len(i.batch_sizes) > 1 and i.num_backwards == len(i.batch_sizes)]
    uneven = [i for i in accumulating if max(i.batch_sizes) > thresholds.UNEVEN * max(1, min(i.batch_sizes))]
    # losses that are weighed by their sizes, each with a factor of its own, are right
    uneven = [i for i in uneven if max(i.factors) <= (1 + thresholds.SAME_FACTOR) * min(i.factors)]
    if len(accumulating) < 3 or len(uneven) * 2 <= len(accumulating):
        return
    reductions = {call.facts.get("reduction") for call in record.losses if call.is_training}
    places = {place for place, graph in record.graph.items() if graph["backwards"]}
    if reductions != {"mean"} or len(places) > 1:  # several losses are no accumulation
        return
    sizes = ", ".join(map(str, uneven[-1].batch_sizes[:8]))
    lines = {call.place: None for call in record.losses if call.is_training}
    yield found(
        "step.uneven_accumulation",
        f"A step adds up the means of batches with {sizes} targets",
        {"steps_looked_at": len(accumulating), "uneven": len(uneven)},
        place=", ".join([optimizer.step_place, *places, *lines]),
    )


def _decay(optimizer: OptimizerRecord) -> Iterator[Finding]:
    norms, biases = (optimizer.decay_on.get(kind, []) for kind in ("norm", "bias"))
    if not norms:  # of biases alone the harm is too small to be told
        return
    yield found(
        "optimizer.decay_on_norm_and_bias",
        f"Weight decay pulls at {len(norms)} parameters of normalisation and {len(biases)} biases: {_few(norms)}",
        {"norm": len(norms), "bias": len(biases)},
        place=optimizer.place,
    )

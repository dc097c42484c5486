"""Exact checks of the network: layers that are not used, cut off, or mix samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fathom.doctor.catalog import found
from fathom.doctor.observer.networks.axes import AS_DECLARED
from fathom.doctor.observer.record import OptimizerRecord, Record, RootRecord
from fathom.findings import Finding, NotChecked

LEAST_STEPS = 3  # looked at, before a layer counts as never used


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check layers without a gradient, and the batch."""
    if record.compiled or any(root.is_compiled for root in record.roots):
        for code in ("model.layer_unused", "model.dead_units", "model.saturated_units"):
            yield NotChecked(code, "the network is compiled: its layers are not seen")
    for optimizer in record.optimizers:
        looked_at = [interval for interval in optimizer.intervals if interval.num_backwards]
        if len(looked_at) >= LEAST_STEPS and optimizer.parameters_with_gradient:
            yield from _silent(optimizer, record)
    probed = [root for root in record.roots if root.calls_training > 2]
    for root in probed:
        yield from _mixed(root)
        yield from _time_for_samples(root)
    for root in record.roots:
        yield from _repeated(root)
    yield from _softmax_over_batch(record)


def _silent(optimizer: OptimizerRecord, record: Record) -> Iterator[Finding]:
    layers: dict[str, list[dict[str, Any]]] = {}
    for entry in optimizer.silent:
        layers.setdefault(entry["layer"], []).append(entry)
    cut, quiet, unused = [], [], []
    for name, entries in layers.items():
        first = entries[0]
        if first["calls"] == 0 and first["quiet_calls"] == 0:
            unused.append((name, first))
        elif first["calls"] == 0 and first["quiet_calls"] > 0:
            quiet.append((name, first))
        elif first["calls"] > 0 and first["leaf"] and first["kind"] != "MultiheadAttention":
            cut.append((name, first))
        elif first["calls"] > 0 or first["calls"] == -1:
            unused.append((first["name"], first))
    if cut:
        yield found(
            "model.detached_graph",
            f"{_layers(cut)} called in each step, but no gradient ever reaches {'it' if len(cut) == 1 else 'them'}",
            {"layers": len(cut), "calls": cut[0][1]["calls"]},
            place=cut[0][1]["place"],
        )
    if quiet:
        yield found(
            "model.detached_graph",
            f"{_layers(quiet)} called under no_grad only, though the optimiser holds the parameters",
            {"layers": len(quiet), "calls": quiet[0][1]["quiet_calls"]},
            place=quiet[0][1]["place"],
            severity="note",
            remedy="remove no_grad, or leave the parameters out of the optimiser",
        )
    if unused and not record.compiled:
        yield found(
            "model.layer_unused",
            f"{_layers(unused)} never used: no call and no gradient on the steps looked at",
            {"layers": len(unused)},
            place=unused[0][1]["place"] or optimizer.place,
        )


def _layers(entries: list[tuple[str, dict[str, Any]]]) -> str:
    names = [f"{name} ({entry['kind']})" if entry["kind"] else name for name, entry in entries[:3]]
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    return ", ".join(names) + more + (" is" if len(entries) == 1 else " are")


def _mixed(root: RootRecord) -> Iterator[Finding | NotChecked]:
    probe = root.probe
    if not probe:
        return
    if "reason" in probe:
        yield NotChecked("model.samples_mixed", probe["reason"])
    elif probe["mixed"]:
        yield found(
            "model.samples_mixed",
            f"In evaluation mode, replacing one sample of a batch changes the outputs of others by up to "
            f"{probe['other']:.3g} (its own "
            f"by {probe['own']:.3g})",
            {"change_of_others": probe["other"], "own_change": probe["own"]},
            place=root.place or root.call_place,
        )


def _time_for_samples(root: RootRecord) -> Iterator[Finding]:
    """Report layers that go through the samples as if they were the steps of one sequence."""
    as_declared = {kind for (kind, how) in root.time_axes if how == AS_DECLARED}
    for (what, how), calls in root.time_axes.items():
        kind, _, place = what.partition(" at ")
        if how == AS_DECLARED or kind in as_declared or calls < LEAST_STEPS:
            continue
        yield found(
            "model.samples_mixed",
            f"{kind} takes its first axis for time, and in {calls} of {calls} calls that axis was as long as the batch",
            {"calls": calls, "layer": kind},
            place=", ".join(dict.fromkeys(filter(None, (place, root.place)))),
            cause="the state runs from one sample to the next in place of from one step to the next",
            remedy="batch_first=True, or x.transpose(0, 1)",
        )


def _repeated(root: RootRecord) -> Iterator[Finding]:
    """Report a list that holds one layer several times, as [nn.Linear(8, 8)] * 3 does."""
    if not root.repeated or not root.calls_training:
        return
    names = list(root.repeated)
    yield found(
        "model.layer_unused",
        f"{', '.join(names[:3])} stands several times in its list of layers: it is one layer with one set of weights",
        {"layers": len(names)},
        place=next(filter(None, root.repeated.values()), root.place),
        severity="warning",
        cause="[layer] * n repeats the reference, not the layer",
        remedy="[make_layer() for _ in range(n)]; to share weights on purpose, call one layer in a loop",
    )


def _softmax_over_batch(record: Record) -> Iterator[Finding]:
    for place, graph in record.graph.items():
        if graph.get("over_batch"):
            yield found(
                "model.samples_mixed",
                f"A softmax of the graph goes over dimension 0 of {' × '.join(map(str, graph['over_batch']))}, the "
                "batch: each column sums to 1, not each row",
                {"dim": 0},
                place=", ".join(dict.fromkeys(filter(None, (place, *(root.place for root in record.roots))))),
                remedy="softmax(dim=1)",
            )
            return
    for call in record.losses:
        if call.is_training and call.facts.get("softmax_dim") == 0 and len(call.facts["shape"]) > 1:
            yield found(
                "model.samples_mixed",
                "The softmax before the loss goes over dimension 0, the batch: each column sums to 1, not each row",
                {"dim": 0},
                place=call.place,
                remedy="softmax(dim=1)",
            )
            return

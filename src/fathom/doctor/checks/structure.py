"""Exact checks of the network: layers that are not used, cut off, or mix samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fathom.doctor.catalog import found
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


def _softmax_over_batch(record: Record) -> Iterator[Finding]:
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

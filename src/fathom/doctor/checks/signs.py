"""Whether training goes down the loss."""

from __future__ import annotations

from collections.abc import Iterator

from fathom.doctor.catalog import found
from fathom.doctor.observer.graph import LIKELIHOOD
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the sign of every loss that a backward pass starts from."""
    stepping = [optimizer for optimizer in record.optimizers if optimizer.steps]
    for place, graph in record.graph.items():
        if len(graph.get("optimizers", ())) != 1:
            continue  # adversarial training: the loss of one is the gain of another
        optimizer = record.optimizers[next(iter(graph["optimizers"]))]
        if any(
            graph["optimizers"] & other.get("optimizers", set()) and not other["negated_loss"]
            for line, other in record.graph.items()
            if line != place
        ):
            continue  # one network that is also attacked, or played against
        is_negated, is_maximised = bool(graph["negated_loss"]), optimizer.maximizes
        known = is_negated or any(call.place == place or call.is_training for call in record.losses)
        if is_negated == is_maximised or not known or graph.get("foreign") or len(stepping) > 1:
            continue
        first, last = _ends(optimizer.losses)
        what = "backward starts from the negative of the loss" if is_negated else "the optimiser has maximize=True"
        if graph["negated_loss"] == LIKELIHOOD:
            what = "backward starts from the log-likelihood without a minus before it"
        yield found(
            "loss.wrong_sign",
            f"{what[0].upper()}{what[1:]}, so that each step makes the model worse; the value went from {first:.4g} to "
            f"{last:.4g}",
            {"first": first, "last": last, "negated": is_negated, "maximize": is_maximised},
            place=", ".join(dict.fromkeys([place, *(call.place for call in record.losses if call.is_training)])),
        )


def _ends(losses: list[float]) -> tuple[float, float]:
    return (losses[0], losses[-1]) if losses else (float("nan"), float("nan"))

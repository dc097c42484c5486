"""Whether a second run would give the same numbers."""

from __future__ import annotations

from collections.abc import Iterator

from fathom.doctor.catalog import found
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked

_SEEDS = {"PyTorch": "torch.manual_seed(0)", "NumPy": "np.random.seed(0)", "Python": "random.seed(0)"}


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the seeds, and a network that was called twice from one random state."""
    for name, place in record.seeded_anew.items():
        yield found(
            "run.not_deterministic",
            f"{name} gets another seed in each run: from the clock or the system",
            {"generator": name},
            place=place,
            cause="what is drawn from it is different each time",
            remedy=_SEEDS.get(name, "np.random.default_rng(0)"),
        )
    for root in record.roots:
        if root.probe.get("repeats") is False:
            yield found(
                "run.not_deterministic",
                f"{root.name} gives two outputs for one input from the same random state",
                {"network": root.name},
                place=root.place or root.call_place,
                cause="something in it draws from another source than the generators of PyTorch, NumPy and Python, or "
                "adds up in no fixed order",
            )
    if not record.is_whole:  # what was seeded before the block is not known
        if not record.seeded_anew:
            yield NotChecked("run.not_deterministic", "what was done before the block was not seen")
            yield NotChecked("data.split_differs", "what was done before the block was not seen")
        return
    names = [name for name in record.unseeded if name not in record.seeded_anew]
    if names and record.optimizers:
        how = ", ".join(f"{name} {record.unseeded[name]}".strip() for name in names)
        yield found(
            "run.not_deterministic",
            f"Random numbers are drawn from a generator that nothing has seeded: {how}",
            {"generators": ", ".join(names)},
            place=", ".join(dict.fromkeys(place for n in names if (place := record.unseeded[n].rpartition(" ")[2]))),
            remedy="; ".join(_SEEDS[name] for name in names),
        )
    if record.unseeded_split:
        yield found(
            "data.split_differs",
            "random_split draws the split without a seed: each run has another one",
            {},
            place=record.unseeded_split,
            severity="note",
            cause="two runs cannot be compared, and one that is resumed validates on what it has learned from",
        )

"""Two runs side by side, from their folders: what differs in settings, and the first record in which they part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fathom.runs.analysis.comparison import flatten
from fathom.runs.folder.probes import PROBE, Event
from fathom.runs.folder.reader import RunReader

# How fast a step was is no result of it; units are gathered over several probes.
_NOT_COMPARED = ("elapsed_s", "samples_per_s", "interval_s", "wait_s", "units", "batches", "epoch", "event")
_NO_SETTINGS = ("schema", "training.doctor", "training.log_every", "training.checkpoint_every_s")


@dataclass(frozen=True)
class Difference:
    """One thing in which two runs differ; ``group`` is settings, data, versions or machine."""

    group: str
    name: str
    values: tuple[object, object]

    @property
    def text(self) -> str:
        """Both values as text."""
        return f"{self.name}: {self.values[0]} | {self.values[1]}"


@dataclass(frozen=True)
class Parting:
    """The first record in which two runs differ: at that step, or at one since the record before.

    Args:
        name: of the value, as ``train_loss``; ``loss`` is that of the step itself.
        after: the last step at which all that is recorded was equal.
    """

    step: int
    name: str
    values: tuple[object, object]
    after: int
    is_exact: bool


def list_differences(one: RunReader, other: RunReader) -> list[Difference]:
    """Return the settings in which two runs differ, then data, versions and machine."""
    return list(_differences(one, other))


def _differences(one: RunReader, other: RunReader) -> Iterator[Difference]:
    groups: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
        ("settings", flatten(one.config), flatten(other.config)),
        ("data", _digests(one), _digests(other)),
        ("versions", _part(one, "versions"), _part(other, "versions")),
        ("machine", _part(one, "machine"), _part(other, "machine")),
        ("machine", _choices(one), _choices(other)),
    )
    for group, a, b in groups:
        for name in dict.fromkeys((*a, *b)):
            if name not in _NO_SETTINGS and a.get(name) != b.get(name):
                yield Difference(group, name, (a.get(name), b.get(name)))


def _digests(run: RunReader) -> dict[str, Any]:
    found = (run.data or {}).get("digests")
    return {f"{name} split": digest for name, digest in found.items()} if isinstance(found, Mapping) else {}


def _part(run: RunReader, name: str) -> Mapping[str, Any]:
    found = run.run.get(name)
    return found if isinstance(found, Mapping) else {}


def _choices(run: RunReader) -> dict[str, Any]:
    # without the reasons, whose words may change
    return {name: str(text).partition(" (")[0] for name, text in _part(run, "choices").items()}


def find_parting(one: RunReader, other: RunReader) -> Parting | None:
    """Return where metrics or probes first differ; None where all that both recorded is equal.

    Losses of single steps, which probes have, tell the step itself; means over a log interval tell the interval.
    """
    found = [p for p in (_part_in_losses(one, other), _part_in_metrics(one, other)) if p is not None]
    return min(found, key=lambda parting: (parting.step, not parting.is_exact), default=None)


def _part_in_losses(one: RunReader, other: RunReader) -> Parting | None:
    a, b = losses_by_step(one.probes), losses_by_step(other.probes)
    last = 0
    for step in sorted(set(a) & set(b)):
        if a[step] != b[step]:
            return Parting(step, "loss", (a[step], b[step]), last, is_exact=last == step - 1)
        last = step
    return None


def losses_by_step(probes: list[Event]) -> dict[int, float | None]:
    """Return the loss of every step that probes wrote one by one."""
    found: dict[int, float | None] = {}
    for probe in probes:
        losses = probe.get("losses")
        if probe.get("event") == PROBE and isinstance(losses, list):
            first = int(probe["step"]) - len(losses) + 1
            found |= {first + i: loss for i, loss in enumerate(losses)}
    return found


def _part_in_metrics(one: RunReader, other: RunReader) -> Parting | None:
    a, b = ({(r.get("event"), r["step"]): r for r in run.metrics} for run in (one, other))
    last = 0
    for key in sorted(set(a) & set(b), key=lambda key: (key[1], key[0] != "step")):
        for name in a[key]:
            if name not in _NOT_COMPARED and name in b[key] and a[key][name] != b[key][name]:
                return Parting(int(key[1]), name, (a[key][name], b[key][name]), last, is_exact=False)
        last = int(key[1])
    return None

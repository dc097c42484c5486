"""``fathom diverge A B``: the first step at which two runs part, tensor by tensor, and what differs in their settings.

Metrics and probes in the folders tell about where. Then both are trained again from their configurations, without a
folder, up to there: digests of every tensor of every step are compared in the order in which they come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fathom.doctor.tensor_trace import KINDS, Key, Trace, trace_run
from fathom.errors import FathomError, UsageError
from fathom.findings import Finding
from fathom.runs.analysis.parting import Difference, Parting, find_parting, list_differences, losses_by_step
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.schema import CHECKPOINTS, WEIGHTS
from fathom.settings.reading import read_config
from fathom.training.checkpoint import load_checkpoint

Keys = tuple[Key | None, Key | None]

MOST_STEPS = 500  # that are trained again; what parts later is told from the folders alone
MOST_LISTED = 8  # tensors of the first step that differ

# What the settings of each group decide, by the first tensor that differs.
_CAUSES = {
    "initial weights": ("the weights begin otherwise", ("model.", "seed", "training.init", "finetune.")),
    "batch": ("other samples, another order, or another augmentation", ("data.", "seed")),
    "output": (
        "equal weights and inputs give another output: precision, threads, dropout or the network itself",
        ("execution.", "model.", "seed", "training.input_noise"),
    ),
    "loss": ("equal outputs give another loss", ("training.loss", "training.label_smoothing", "data.balance")),
    "gradient": (
        "an equal loss has other gradients: precision, threads, or what is added to them",
        ("execution.", "training.l1", "training.accumulate"),
    ),
    "weight": (
        "equal gradients make another step: optimiser, rate, decay or clipping",
        ("training.", "finetune."),
    ),
}


@dataclass(frozen=True)
class TensorDifference:
    """A tensor of the first step that differs: its kind, its name, and the largest difference of an element."""

    kind: str
    name: str
    largest: float | None  # None where the shapes differ, or one of the two has no such tensor


@dataclass(frozen=True)
class Divergence:
    """The result.

    Args:
        parting: the first record in which the folders differ; None where all records are equal.
        step: the first step that differs when both are trained again; None where none did, or was tried.
        tensors: what differs in that step, in the order in which it came about.
        retrained: how many steps were trained again; 0 where the folders told all.
        is_equal: whether all that both folders hold is equal, tensor by tensor where there are checkpoints.
        compared: what was compared, in words.
    """

    names: tuple[str, str]
    differences: list[Difference]
    parting: Parting | None
    step: int | None = None
    tensors: list[TensorDifference] = field(default_factory=list)
    retrained: int = 0
    is_equal: bool = False
    compared: str = ""
    notes: list[str] = field(default_factory=list)

    def finding(self) -> Finding | None:
        """Return it as a finding; None for equal runs."""
        if self.is_equal:
            return None
        if self.step is None or not self.tensors:
            return Finding("diverge.records", "warning", self._records(), self._evidence(), cause="; ".join(self.notes))
        first = self.tensors[0]
        cause, prefixes = _CAUSES[first.kind]
        likely = [d.text for d in self.differences if d.group == "settings" and d.name.startswith(prefixes)]
        likely += [d.text for d in self.differences if d.group == "data"] if first.kind == "batch" else []
        where = "before the first step" if self.step == 0 else f"in step {self.step:,}"
        size = "" if first.largest is None else f", by up to {first.largest:.3g}"
        return Finding(
            "diverge.first_step",
            "warning",
            f"They part {where}, first in the {first.kind} {first.name}{size}",
            self._evidence() | {"tensor": first.name, "kind": first.kind, "difference": first.largest},
            cause=f"{cause} ({'; '.join(likely)})" if likely else cause,
            place=f"step {self.step}",
        )

    def _records(self) -> str:
        if self.parting is None:
            return "All records are equal, but the weights that were kept are not"
        a, b = self.parting.values
        exact = "" if self.parting.is_exact else f" or since step {self.parting.after:,}"
        return f"Their records part at step {self.parting.step:,}{exact}: {self.parting.name} is {a} | {b}"

    def _evidence(self) -> dict[str, Any]:
        found: dict[str, Any] = {"step": self.step, "retrained_steps": self.retrained}
        if self.parting is not None:
            found |= {"recorded_step": self.parting.step, "recorded": self.parting.name}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        found = self.finding()
        return {
            "runs": list(self.names),
            "equal": self.is_equal,
            "compared": self.compared,
            "differences": [{"group": d.group, "name": d.name, "values": list(d.values)} for d in self.differences],
            "tensors": [{"kind": t.kind, "name": t.name, "largest": t.largest} for t in self.tensors],
            "notes": self.notes,
            "findings": [found.to_dict()] if found is not None else [],
        }


def diverge(one: Path, other: Path, *, most_steps: int = MOST_STEPS) -> Divergence:
    """Compare two runs.

    Args:
        most_steps: that are trained again at most; 0 trains none.
    Raises:  FathomError if a folder is no run or damaged
    """
    runs = RunReader(one), RunReader(other)
    names, differences = (runs[0].name, runs[1].name), list_differences(*runs)
    parting = find_parting(*runs)
    if parting is None:
        shared, unequal = _compare_kept(one, other)
        keys = [{(r.get("event"), r["step"]) for r in run.metrics} for run in runs]
        records = len(keys[0] & keys[1])
        lengths = {run.metrics[-1]["step"] if run.metrics else 0 for run in runs}
        compared = f"{records} records of metrics and {shared} tensors of the checkpoints"
        if not unequal and len(lengths) == 1 and (records or shared):
            return Divergence(names, differences, None, is_equal=True, compared=compared)
        if unequal:
            notes = [f"tensors that differ: {', '.join(unequal[:MOST_LISTED])}"]
            return Divergence(names, differences, None, compared=compared, notes=notes)
        if len(lengths) > 1:
            notes = [f"they are equal as far as both go, step {min(lengths):,}; one goes on to step {max(lengths):,}"]
            return Divergence(names, differences, None, is_equal=True, compared=compared, notes=notes)
    upto = parting.step if parting is not None else most_steps
    if upto > most_steps or not most_steps:
        notes = [f"what happens before step {upto:,} was not trained again: --most-steps {upto}"]
        return Divergence(names, differences, parting, notes=notes)
    return _retrain(runs, differences, parting, upto)


def _retrain(
    runs: tuple[RunReader, RunReader], differences: list[Difference], parting: Parting | None, upto: int
) -> Divergence:
    names = (runs[0].name, runs[1].name)
    configs = [read_config(run.path) for run in runs]
    try:
        traces = [trace_run(c, run.run.get("choices"), upto) for c, run in zip(configs, runs, strict=True)]
    except UsageError as error:  # data or a network that were given from Python, or files that are gone
        return Divergence(
            names, differences, parting, notes=[f"they cannot be trained again from their folders: {error}"]
        )
    notes = [note for run, trace in zip(runs, traces, strict=True) for note in _against_the_record(run, trace)]
    step = first_difference(*traces)
    if step is None:
        notes.append(
            f"trained again on this machine the two agree in all {upto:,} steps: what parted them is not in their "
            "settings, but in versions, machine or an operation that is not deterministic"
        )
        return Divergence(names, differences, parting, retrained=upto, notes=notes)
    # once more, with the tensors of this step kept
    one, other = (
        trace_run(c, r.run.get("choices"), max(1, step), keep=step) for c, r in zip(configs, runs, strict=True)
    )
    return Divergence(names, differences, parting, step, list(_list_tensors(one, other, step)), upto, notes=notes)


def first_difference(one: Trace, other: Trace) -> int | None:
    """Return the first step, 0 for the initial weights, in which a digest differs or is missing."""
    for step in sorted(set(one.digests) | set(other.digests)):
        if any(a != b for _, a, b in _pairs(one, other, step)):
            return step
    return None


def _pairs(one: Trace, other: Trace, step: int) -> Iterator[tuple[Keys, str | None, str | None]]:
    """Pair the tensors of a step: by name, or by their order where a layer more has given all others new names."""
    for kind in KINDS:
        a, b = ({k: v for k, v in trace.digests.get(step, {}).items() if k[0] == kind} for trace in (one, other))
        keys = [(key, key) for key in a] if set(a) == set(b) else list(zip_longest(a, b))
        yield from (((x, y), a.get(x) if x else None, b.get(y) if y else None) for x, y in keys)


def _list_tensors(one: Trace, other: Trace, step: int) -> Iterator[TensorDifference]:
    for (x, y), a, b in _pairs(one, other, step):
        if a == b:
            continue
        first, second = one.kept.get(x) if x else None, other.kept.get(y) if y else None
        largest = None
        if first is not None and second is not None and first.shape == second.shape and first.numel():
            largest = float((first.double() - second.double()).abs().max())
        kind = (x or y or ("", ""))[0]
        names = dict.fromkeys(key[1] for key in (x, y) if key is not None)
        yield TensorDifference(kind, " | ".join(names), largest)


def _against_the_record(run: RunReader, trace: Trace) -> Iterator[str]:
    """Say where training again did not give what the run recorded."""
    recorded = losses_by_step(run.probes)
    for step, loss in trace.losses.items():
        if step in recorded and recorded[step] is not None and recorded[step] != loss:
            yield (
                f"{run.name} cannot be made again here: its loss at step {step:,} was {recorded[step]}, "
                f"now it is {loss}"
            )
            return


def _compare_kept(one: Path, other: Path) -> tuple[int, list[str]]:
    """Compare the last checkpoints tensor by tensor; return how many were compared, and the names that differ."""
    from safetensors.torch import load_file

    paths = [path / CHECKPOINTS / "last" for path in (one, other)]
    if not all(path.is_dir() for path in paths):
        return 0, []
    states = [load_checkpoint(path) for path in paths]
    if states[0].get("place", {}).get("step") != states[1].get("place", {}).get("step"):
        return 0, []
    a, b = (dict(_tensors(state, "")) for state in states)
    for kept, path in ((a, one), (b, other)):
        if (path / WEIGHTS).exists():
            kept |= {f"{WEIGHTS} {name}": tensor for name, tensor in load_file(path / WEIGHTS).items()}
    return len(set(a) & set(b)), [name for name in a if name not in b or not _equal(a[name], b[name])]


def _tensors(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    from torch import Tensor

    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if key not in ("callbacks", "records"):  # of times, and of what watches
                yield from _tensors(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from _tensors(part, f"{name}.{i}")


def _equal(a: Any, b: Any) -> bool:
    import torch

    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)


def describe(found: Divergence, *, show_all: bool = False) -> Iterator[str]:
    """Lay out the result as text."""
    yield f"A  {found.names[0]}"
    yield f"B  {found.names[1]}"
    yield ""
    for group in ("settings", "data", "versions", "machine"):
        mine = [d for d in found.differences if d.group == group]
        yield from (f"{group if i == 0 else '':<9}{d.text}" for i, d in enumerate(mine))
    if not found.differences:
        yield "settings, data, versions and machine are the same"
    yield ""
    finding = found.finding()
    if finding is None:
        yield f"equal to the bit: {found.compared}"
    else:
        yield finding.message
        if finding.cause and finding.code == "diverge.first_step":
            yield f"{'why':>9}  {finding.cause}"
    listed = found.tensors if show_all else found.tensors[:MOST_LISTED]
    for tensor in listed:
        size = "not the same shape, or in one alone" if tensor.largest is None else f"up to {tensor.largest:.3g}"
        yield f"{'':<9}{tensor.kind:<16}{tensor.name:<32}{size}"
    if len(found.tensors) > len(listed):
        yield f"{'':<9}and {len(found.tensors) - len(listed)} more (--all)"
    yield from (f"note     {note}" for note in found.notes)


def require_two(one: Path, other: Path) -> None:
    """Refuse a run given twice.

    Raises:  FathomError
    """
    if one.resolve() == other.resolve():
        raise FathomError(f"{one.name} is given twice; two different runs are compared")

"""``fathom forecast`` as a function: time and memory of a run, measured on its own first steps before it starts."""

from __future__ import annotations

import itertools
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from fathom.build.configure import configure
from fathom.build.kinds.base import OnRead
from fathom.build.kinds.places import place_name
from fathom.build.opening import open_split
from fathom.build.plan import Plan, draft
from fathom.build.run import PlannedRun, complete, record_start
from fathom.build.run_log import RunLog
from fathom.errors import UsageError
from fathom.recipes.probe import Probe, Timing
from fathom.recipes.process_cost import measure_exit, peak_memory, process_age, resident_memory
from fathom.runs.folder.writer import RunWriter
from fathom.settings.config import Config, resolved
from fathom.settings.settings import Settings
from fathom.training.loaders import count_batches

PROBE_S = 5.0  # of steps: enough to see a second's disturbance as one
_DRIFT = 0.07  # between one minute and the next on the same machine: what no probe of seconds can see


@dataclass(frozen=True)
class Part:
    """A part of a forecast: seconds or bytes, and what they are of."""

    name: str
    size: float
    about: str = ""


@dataclass(frozen=True)
class Forecast:
    """Time and memory of a run.

    Attributes:
        time: parts, in seconds, in the order of a run.
        error: standard error of the time, as a share of it.
        memory: parts of the process's peak, in bytes.
        device_memory: peak on the accelerator, in bytes; None where the processor computes.
        num_steps: steps of the whole run; ``measured`` of them were taken.
        may_end_early: a run with --patience may stop before its last epoch.
    """

    model: str
    data: str
    config: Config
    device: str
    num_steps: int
    measured: int
    time: tuple[Part, ...]
    error: float
    memory: tuple[Part, ...]
    device_memory: float | None
    may_end_early: bool

    @property
    def seconds(self) -> float:
        """Time of the run, from the command to the prompt."""
        return sum(part.size for part in self.time)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the time will be in 95 of 100 runs, on a machine as busy as now."""
        half = 1.96 * math.hypot(self.error, _DRIFT) * self.seconds  # 1.96: the normal distribution's
        return max(0.0, self.seconds - half), self.seconds + half

    @property
    def peak(self) -> float:
        """Peak memory of the process, in bytes."""
        return sum(part.size for part in self.memory)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        low, high = self.interval
        return {
            "model": self.model,
            "data": self.data,
            "device": self.device,
            "epochs": self.config.training.epochs,
            "batch_size": self.config.data.batch_size,
            "steps": self.num_steps,
            "measured_steps": self.measured,
            "may_end_early": self.may_end_early,
            "time_s": {"total": self.seconds, "low": low, "high": high, "parts": [asdict(p) for p in self.time]},
            "memory_bytes": {"total": self.peak, "parts": [asdict(part) for part in self.memory]},
            "device_memory_bytes": self.device_memory,
        }


def forecast(
    settings: Config | Settings | Mapping[str, Any],
    *,
    contents: Any = None,
    seconds: float = PROBE_S,
    on_read: OnRead | None = None,
) -> Forecast:
    """Forecast time and memory of ``train`` with the same settings, by training for a few seconds.

    The probe is the run itself, cut short: same batches, checkpoints, evaluation and report, in a temporary folder.

    Args:
        contents: what ``Kind.read`` returned; None reads now.
        seconds: of the probe's steps; at least eight are taken.
        on_read: called with (files read, files in all) while images are decoded.
    Raises:  UsageError, FathomError as ``train`` does

    >>> fathom.forecast({"model": {"name": "lenet"}, "data": {"name": "digits"}}).seconds  # doctest: +SKIP
    """
    config = configure(settings)
    training = config.training
    if training.fast_dev_run or training.overfit_batches:
        raise UsageError("a forecast is of a whole training; leave out --fast-dev-run and --overfit-batches")
    if config.finetune.compare_scratch:
        raise UsageError("a forecast is of one run; leave out --compare-scratch, which trains several")
    before = process_age()
    began = time.perf_counter()
    plan = draft(config, contents, on_read=on_read).ready()
    with tempfile.TemporaryDirectory(prefix="fathom-forecast-") as folder:
        writer = RunWriter.create(folder, plan.config.model.name, place_name(plan.config.data.name))
        run = record_start(plan, writer, ())
        start_s = before + time.perf_counter() - began
        try:
            probe, optimizer_bytes = _train_briefly(run, writer, seconds)
            end_s, test_s = _time_end(run, writer, seconds)
        finally:
            plan.data.close()
    timing = probe.timing
    exit_s, exit_bytes = measure_exit()
    return Forecast(
        model=plan.config.model.name,
        data=place_name(plan.config.data.name),
        config=plan.config,
        device=f"{plan.execution.precision} on {plan.execution.device}",
        num_steps=timing.steps_per_epoch * resolved(plan.config.training.epochs),
        measured=1 + len(timing.steps_s),
        time=(*_parts_of_time(plan.config, timing, start_s, test_s, end_s), Part("exit", exit_s, "freeing libraries")),
        error=_share_of_steps(plan.config, timing, start_s) * timing.step_error,
        memory=tuple(_parts_of_memory(plan, optimizer_bytes, exit_bytes)),
        device_memory=_device_peak(plan.execution.device),
        may_end_early=plan.config.training.patience is not None,
    )


def _train_briefly(run: PlannedRun, writer: RunWriter, seconds: float) -> tuple[Probe, int]:
    """Train until the time is up; return what was measured, and the bytes of the optimiser's state."""
    probe = Probe(seconds)
    trainer = run.plan.make_trainer([RunLog(writer), probe], run.path)
    # last of all, so that checkpoints are saved before an epoch counts as over
    trainer.callbacks.sort(key=lambda callback: callback is probe)
    trainer.fit(run.plan.module, run.plan.data)
    state = [t for opt in trainer.optimizers for values in opt.state.values() for t in values.values()]
    return probe, sum(t.numel() * t.element_size() for t in state if isinstance(t, torch.Tensor) and t.dim())


def _time_end(run: PlannedRun, writer: RunWriter, seconds: float) -> tuple[float, float]:
    """Return the seconds of the end of a run, and of its test split; a long test split is begun, not finished."""
    plan, loader = run.plan, run.plan.data.test_dataloader()
    test_s = 0.0
    if loader is not None:
        batches, execution = open_split(plan.module, plan.config, plan.data, "test", str(plan.execution.device))
        number = count_batches(batches) or 1
        few = min(2, number)
        began = time.perf_counter()
        plan.kind.evaluate(plan.module, plan.data, "test", itertools.islice(batches, few), execution)
        test_s = (time.perf_counter() - began) / few * number
    is_short = test_s <= seconds
    began = time.perf_counter()
    complete(run, writer, [], None, tests=is_short)
    end_s = time.perf_counter() - began
    return (max(0.0, end_s - test_s), min(test_s, end_s)) if is_short else (end_s, test_s)


def _parts_of_time(config: Config, timing: Timing, start_s: float, test_s: float, end_s: float) -> Sequence[Part]:
    epochs = resolved(config.training.epochs)
    steps = timing.steps_per_epoch * epochs
    step_s = timing.step_s
    parts = [
        Part("start", start_s, "importing, reading the data, making the network"),
        Part("first step", timing.first_s, "memory and kernels"),
        Part("steps", (steps - 1) * step_s, f"{steps - 1:,} of {1e3 * step_s:.3g} ms"),
    ]
    if timing.num_batches:
        each = timing.one_validation_s
        parts.append(Part("validation", epochs * each, f"{epochs:,} of {1e3 * each:.3g} ms"))
    if timing.epoch_s:
        # the newest: the first epoch creates files that later ones replace
        each = max(0.0, timing.epoch_s[-1])
        saves = epochs + int(steps * step_s / config.training.checkpoint_every_s)
        parts.append(Part("checkpoints", saves * each, f"{saves:,} of {1e3 * each:.3g} ms, with records and shuffling"))
    if test_s:
        parts.append(Part("test split", test_s, "evaluated once"))
    return [*parts, Part("report", end_s, "weights, findings, page")]


def _share_of_steps(config: Config, timing: Timing, start_s: float) -> float:
    steps_s = timing.steps_per_epoch * resolved(config.training.epochs) * timing.step_s
    return steps_s / (steps_s + start_s)


def _parts_of_memory(plan: Plan, optimizer_bytes: int, exit_bytes: float) -> Sequence[Part]:
    on_cpu = plan.execution.device.type == "cpu"
    tensors = [*plan.module.parameters(), *plan.module.buffers()]
    weights = sum(t.numel() * t.element_size() for t in tensors)
    learned = sum(p.numel() * p.element_size() for p in plan.module.parameters() if p.requires_grad)
    X = getattr(plan.data, "X", None)
    data = X.numel() * X.element_size() if isinstance(X, torch.Tensor) and X.device.type == "cpu" else 0
    parts = [Part("data", data, "inputs of the training split, as stored")] if data else []
    if on_cpu:
        parts += [Part("weights", weights), Part("gradients", learned), Part("optimiser", optimizer_bytes)]
    # the process grows once more as it ends; only where that passes the peak of training it counts
    peak = max(peak_memory(), resident_memory() + exit_bytes)
    rest = max(0.0, peak - sum(part.size for part in parts))
    return [
        *parts,
        Part("the rest", rest, "Python, libraries, activations, buffers: the probe's peak less these"),
    ]


def _device_peak(device: torch.device) -> float | None:
    return float(torch.cuda.max_memory_reserved(device)) if device.type == "cuda" else None

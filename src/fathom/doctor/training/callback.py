"""The callback with which a run watches itself: it measures some steps, writes them down, reports what it finds."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fathom.doctor.catalog import CATALOG
from fathom.doctor.training.course import summarise_losses
from fathom.doctor.training.judge import judge
from fathom.doctor.training.measure import Layers, Step, describe_units
from fathom.doctor.training.memory import measure_memory
from fathom.doctor.training.opening import COURSE, STEPS, Opening, lasts
from fathom.findings import Finding, Findings
from fathom.runs.folder.probes import ABOUT, END, FINDING, PROBE, START, Event, ProbesFile, findings_in, read_probes
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

FIRST_PROBES = 3  # of the first steps, each one
MOST_PROBES = 200  # of a run whose length is known; a longer one is probed at every n-th log interval
JUDGED_EACH = 20  # probes; later ones are judged when the run has grown by a tenth, for the work grows with it
GROWTH = 1.1

_NOTHING = Findings()

Report = Callable[["Trainer", Finding], None]
Advise = Callable[[Finding], Finding]


class Doctor(Callback):
    """Watches a training: at log intervals it measures gradients, updates, outputs and units, and judges the course.

    Nothing it does changes a number of the training: it draws nothing, and waits for the device where the loop's own
    record does. The first steps are followed more closely, by the observer that watches scripts.

    Args:
        path: of ``probes.jsonl``.
        facts: what the run knows beforehand and the checks ask for: ``data``, ``classes``, ``loss``.
        report: called once with each finding that arises while the network trains.
        advise: completes a finding by the settings that would mend it.
        before: what was found before the first step, by the expensive checks.
    """

    first_only = True  # of several processes the one that keeps the folder

    def __init__(
        self,
        path: Path,
        *,
        facts: dict[str, Any],
        report: Report,
        advise: Advise = lambda finding: finding,
        before: Findings = _NOTHING,
    ) -> None:
        self.path, self.facts, self.report, self.advise, self.before = path, facts, report, advise, before
        self.findings = before
        self._events: list[Event] = []
        self._arisen: set[tuple[str, str]] = set()
        self._said: set[str] = set()
        self._skipped = before.not_checked
        self._judged_at = 0
        self._opening: Opening | None = None
        self._step: Step | None = None  # the one that is measured
        self._losses: list[Tensor] = []  # of the steps since the last probe
        self._batch_losses: list[Tensor] = []  # of the step under way
        self._begin_interval()

    def _begin_interval(self) -> None:
        self._began = self._ended = time.perf_counter()
        self._wait_s = self._longest_s = 0.0
        self._num_batches = 0

    # Hooks -----------------------------------------------------------------------------------------------------------

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin the file, or go on in it where the checkpoint was taken."""
        is_resumed = trainer.step > 0
        self._resumed_at = trainer.step
        self._file = ProbesFile(self.path, (trainer.step, trainer.epoch) if is_resumed else None)
        self._layers = Layers(trainer.module)
        compiled = "forward" if _is_compiled(trainer.module) else trainer.execution.compile
        self._sees_layers, self._sees_gradients = compiled == "off", compiled != "step" and trainer.manual is None
        self._is_cut = _is_cut(trainer.module)
        if self._is_cut:
            self._sees_layers = self._sees_gradients = False
        self._follows_start = self._sees_layers and trainer.world.size == 1
        self._every = _distance(trainer)
        self._losses, self._batch_losses, self._step = [], [], None
        if is_resumed:
            kept = [event for event in read_probes(self.path) if event["step"] <= trainer.step]
            self._events = [event for event in kept if event["event"] != END]
            known = findings_in(self._events, self.path) or Findings()
            self._arisen = {(finding.code, finding.place) for finding in known.findings}
        if not any(event["event"] == START for event in self._events):
            self._write(trainer, START, self._describe(trainer, compiled))
            for finding in self.before.findings:
                self._arise(trainer, finding)
        # behind the file's start: what is refused leaves no patches. One process of several sees what torch adds to the
        # network, and would take it for the user's
        self._opening = Opening(trainer.module, trainer.optimizers) if self._follows_start and not is_resumed else None
        self._begin_interval()

    def on_step_start(self, trainer: Trainer) -> None:
        """Count how long the batches were waited for; prepare the step that is measured."""
        waited = time.perf_counter() - self._ended
        self._wait_s += waited
        self._longest_s = max(self._longest_s, waited)
        number = trainer.step + 1
        if not self._is_cut and (number <= FIRST_PROBES or number % self._every == 0):
            self._step = Step(self._layers, number, self._sees_layers)
            self._step.begin(trainer.module)

    def on_batch_end(self, trainer: Trainer, batch: Any, outputs: dict[str, Tensor]) -> None:
        """Keep the loss, on its device; take the gradients of a measured step."""
        self._num_batches += 1
        loss = outputs.get("loss")
        if isinstance(loss, Tensor):
            self._batch_losses.append(loss.detach())
        if self._step is not None and self._sees_gradients:
            self._step.note_gradients(trainer.scaler.get_scale() if trainer.scaler is not None else None)

    def on_step_end(self, trainer: Trainer) -> None:
        """Write the probe of a measured step, and judge."""
        if self._batch_losses:
            # of several batches a step their mean: of those that are reported, not of those that are learned from
            self._losses.append(
                self._batch_losses[0] if len(self._batch_losses) == 1 else torch.stack(self._batch_losses).mean()
            )
            self._batch_losses = []
        if self._opening is not None and trainer.step >= STEPS:
            self._end_opening(trainer)
        if self._step is not None:
            step, self._step = self._step, None
            step.end()
            self._probe(trainer, step)
        elif self._is_cut and trainer.step % self._every == 0:
            self._probe(trainer, None)
        self._ended = time.perf_counter()

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Judge with the epoch's validation; the pauses between epochs are no waiting."""
        self._judge(trainer)
        self._ended = time.perf_counter()

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Begin to wait for the first batch anew: workers start, caches fill."""
        self._ended = time.perf_counter()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Judge the whole, however it ended."""
        error = sys.exc_info()[1]  # the trainer calls this on its way out
        diverged = error.finding if isinstance(error, Diverged) else None
        if self._step is not None:  # a step that raised: its hooks must go
            self._step.stop()
            self._step = None
        if self._opening is not None:
            self._end_opening(trainer)
        if not any(event["event"] == START for event in self._events):
            return
        if diverged is not None:
            self._said.add(diverged.code)  # the error itself says it
        if self._losses or diverged is not None:
            self._probe(trainer, None, diverged)
        is_over = trainer.epoch >= trainer.max_epochs or trainer.should_stop is not None or diverged is not None
        final = judge(self._events, trainer.records, is_over=is_over)
        found = {(f.code, f.place): f for f in (*self._lasting(), *map(self.advise, final.findings))}
        codes = {finding.code for finding in found.values()}
        skipped = {check.code: check for check in (*self._skipped, *final.not_checked)}
        self.findings = Findings.gravest_first(found.values(), [c for code, c in skipped.items() if code not in codes])
        for finding in self.findings.findings:
            self._arise(trainer, finding)
        self._write(trainer, END, self.findings.to_dict())

    def state_dict(self) -> dict[str, Any]:
        """Return the losses that no probe tells of yet."""
        return {"losses": torch.stack([v.float().reshape(()) for v in self._losses]).tolist() if self._losses else []}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up, unless the run told of them when it stopped."""
        last = next((event for event in reversed(self._events) if event["event"] == PROBE), None)
        if last is None or "weight" in last or last["step"] < self._resumed_at:
            self._losses = [torch.tensor(float(loss)) for loss in state["losses"]]

    # The parts -------------------------------------------------------------------------------------------------------

    def _describe(self, trainer: Trainer, compiled: str) -> dict[str, Any]:
        """Return the content of the ``start``."""
        not_seen: dict[str, str] = {}
        if not self._follows_start:
            reason = "the first steps of a compiled network, or of several processes, are not followed"
            not_seen |= {code: reason for code in CATALOG if code.startswith(("loss.", "model.", "init.", "step."))}
            not_seen = {code: reason for code, reason in not_seen.items() if code not in COURSE}
        if self._is_cut:
            reason = "each process holds a piece of the weights (fsdp): layers and gradients are not seen whole"
            units_and_gradients = (
                "model.dead_units",
                "model.saturated_units",
                "gradient.vanishing",
                "gradient.exploding",
            )
            not_seen |= dict.fromkeys(units_and_gradients, reason)
        elif not self._sees_layers:
            reason = f"compile={compiled}: the layers of a compiled network are not seen"
            not_seen |= dict.fromkeys(("model.dead_units", "model.saturated_units"), reason)
        if not self._sees_gradients and not self._is_cut:
            reason = (
                "compile=step leaves no gradients to be seen"
                if trainer.manual is None
                else "the module takes its own steps, with several optimisers"
            )
            not_seen |= dict.fromkeys(("gradient.vanishing", "gradient.exploding"), reason)
        return {
            "optimizer": type(trainer.optimizer).__name__,
            "parameters": list(self._layers.parameters),
            "sizes": [p.numel() for p in self._layers.parameters.values()],
            "layers": list(self._layers.modules),
            "not_seen": not_seen,
        } | self.facts

    def _probe(self, trainer: Trainer, step: Step | None, diverged: Finding | None = None) -> None:
        """Write what was measured since the last probe; without a step, what is left of the losses."""
        now = time.perf_counter()
        losses = self.state_dict()["losses"]
        self._losses = []
        content: dict[str, Any] = {
            "lr": trainer.lr,
            "interval_s": round(now - self._began, 6),
            # without the longest: a worker that starts, or a checkpoint that is saved
            "wait_s": round(self._wait_s - self._longest_s, 6),
            "batches": self._num_batches,
            **summarise_losses(losses),
            "memory": measure_memory(trainer.execution.device),
        }
        if trainer.factor is not None:  # None: torch's scheduler sets the rate itself
            content["planned_lr"] = trainer.base_lrs[0] * trainer.factor
        if step is not None:
            content |= step.read()
            if units := list(describe_units(self._layers.units)):
                content["units"] = units
        if diverged is not None or any(not math.isfinite(loss) for loss in losses):
            # invalid data are no fault of the rate
            is_data = diverged is not None and diverged.cause.startswith("the batch itself")
            content["not_finite"] = {"where": "batch" if is_data else "loss", "name": ""}
        self._write(trainer, PROBE, content)
        self._judge(trainer)
        self._begin_interval()

    def _judge(self, trainer: Trainer) -> None:
        """Report what arose since the last time."""
        if len(self._events) > JUDGED_EACH and trainer.step < GROWTH * self._judged_at:
            return
        self._judged_at = trainer.step
        for finding in judge(self._events, trainer.records, is_over=False).findings:
            self._arise(trainer, self.advise(finding))

    def _end_opening(self, trainer: Trainer) -> None:
        assert self._opening is not None
        opening, self._opening = self._opening, None
        found = opening.end()
        known = {check.code for check in found.not_checked}
        self._skipped = (*(check for check in self._skipped if check.code not in known), *found.not_checked)
        for finding in found.findings:
            self._arise(trainer, self.advise(finding))

    def _lasting(self) -> list[Finding]:
        """Return what arose that the end cannot take back: structure, data and loss, seen on the first steps."""
        arisen = (Finding.from_dict(e["finding"]) for e in self._events if e["event"] == FINDING)
        return [finding for finding in arisen if lasts(finding)]

    def _arise(self, trainer: Trainer, finding: Finding) -> None:
        key = (finding.code, finding.place)
        if key in self._arisen:
            return
        self._arisen.add(key)
        entry = CATALOG.get(finding.code)
        about = {"code": entry.code, "symptom": entry.symptom, "how": entry.how, "wrong": entry.wrong} if entry else {}
        self._write(trainer, FINDING, {"finding": finding.to_dict(), ABOUT: about})
        self._say(trainer, finding)

    def _say(self, trainer: Trainer, finding: Finding) -> None:
        if finding.severity != "note" and finding.code not in self._said:
            self._said.add(finding.code)
            self.report(trainer, finding)

    def _write(self, trainer: Trainer, kind: str, content: dict[str, Any]) -> None:
        batches = trainer.feed.num_batches
        epoch = trainer.epoch + trainer.batch / batches if batches else float(trainer.epoch)
        event = {"event": kind, "step": trainer.step, "epoch": round(epoch, 4), **content}
        self._events.append(event)
        self._file.append(event)


def _distance(trainer: Trainer) -> int:
    """Return the steps between two probes: a log interval, or as many as leave ``MOST_PROBES`` of the whole run."""
    intervals = 0 if trainer.total_steps is None else -(-trainer.total_steps // trainer.log_every)
    return trainer.log_every * max(1, -(-intervals // MOST_PROBES))


def _is_compiled(module: nn.Module) -> bool:
    """Whether a user compiled the network, or a part of it: hooks set now would be traced, or passed over."""
    return any(
        hasattr(part, "_orig_mod") or isinstance(part, torch.jit.ScriptModule) or part._compiled_call_impl is not None
        for part in module.modules()
    )


def _is_cut(module: nn.Module) -> bool:
    """Whether this process holds only pieces of the weights: to measure them would take all processes at once."""
    return any(hasattr(p, "device_mesh") or p.numel() == 0 for p in module.parameters() if not nn.parameter.is_lazy(p))

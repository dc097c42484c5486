"""From a planned run to the doctor that watches it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fathom.doctor.remedies import advise
from fathom.doctor.training.callback import Doctor
from fathom.findings import Finding, Findings
from fathom.runs.folder.schema import PROBES
from fathom.training.callbacks import Callback
from fathom.training.progress import TrainingProgress

if TYPE_CHECKING:
    from fathom.build.run import OnStart, PlannedRun
    from fathom.training.trainer import Trainer


def watched(on_start: OnStart | None = None) -> OnStart:
    """Return a hook that adds the doctor, as ``training.doctor`` says, to what another hook returns."""
    return lambda run: [*(on_start(run) if on_start else ()), *doctor_of(run)]


def doctor_of(run: PlannedRun) -> list[Callback]:
    """Return the callback that watches a run; none where it is switched off, or the run is a dry one."""
    config, data = run.config, run.data
    level = config.training.doctor
    if level == "off" or config.training.fast_dev_run:
        return []
    before = Findings()
    path = run.path / PROBES
    if level == "full" and not path.exists():  # a resumed run has begun already
        from fathom.doctor.before import examine_plan

        before = examine_plan(run.plan)
    facts = {
        "level": level,
        "data": data.name,
        "loss": config.training.loss,
        "classes": len(data.class_names) or None,
        "workers": config.data.workers if isinstance(config.data.workers, int) else 0,
    }
    return [Doctor(path, facts=facts, report=show, advise=lambda finding: advise(finding, config), before=before)]


def show(trainer: Trainer, finding: Finding) -> None:
    """Print a finding in a line to standard error, above the bar; nothing where no progress is shown."""
    shown = next((c.progress for c in trainer.callbacks if isinstance(c, TrainingProgress)), None)
    if shown is not None:
        shown.print(line_of(finding), sys.stderr)


def line_of(finding: Finding) -> str:
    """Return a finding as one line: what is so, what to do, its code."""
    place = f"{finding.place}: " if finding.place else ""
    return f"doctor: {finding.severity}: {place}{finding.message}; {finding.remedy} [{finding.code}]"

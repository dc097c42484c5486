"""The first steps of a run, seen by the observer that watches scripts: what structure, loss and data show exactly."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec
import torch
from torch import nn

from fathom.doctor.checks.run import check_record
from fathom.doctor.observer.observer import Observer
from fathom.findings import Finding, Findings, NotChecked

STEPS = 5  # every one of them is looked at closely, and three are enough for each exact check

# What is judged by the whole course of a run, see judge.py, or by its data before it begins (fathom check).
COURSE = frozenset(
    {
        "loss.not_finite",
        "loss.oscillates",
        "lr.too_high",
        "lr.too_low",
        "lr.zero",
        "lr.schedule_rhythm",
        "gradient.vanishing",
        "gradient.exploding",
        "model.dead_units",
        "model.saturated_units",
        "model.collapse",
        "fit.overfitting",
        "fit.underfitting",
        "speed.waiting_for_data",
        "precision.overflow",
        "data.labels_shuffled",
    }
)
# of the data, which are read, split and augmented by Fathom itself and looked at by `fathom check`
_BY_CHECK = {
    "data.duplicates_across_splits": "the data check does it: fathom check",
    "data.leakage": "the data check does it: fathom check",
    "data.label_noise": "the report lists the worst mistakes",
    "data.augmented_validation": "Fathom never augments validation",
    "data.same_augmentation_in_workers": "Fathom draws augmentation from the seed and the sample's number",
    "data.split_differs": "one process drew the split, from the seed",
    "run.not_deterministic": "it takes two runs: fathom diverge A B",
}


class Opening:
    """Observes the first steps; ``end`` says what they show, once."""

    def __init__(self, module: nn.Module, optimizers: Iterable[torch.optim.Optimizer]) -> None:
        self._observer: Observer | None = Observer()
        self._observer.start()
        self._observer.modules.follow(module)  # before the first step: with its initial weights
        for root in self._observer.record.roots:
            root.probe = {"reason": "it takes passes of the doctor's own: --doctor full"}
        for optimizer in optimizers:
            self._observer.steps.follow(optimizer)

    def end(self) -> Findings:
        """Stop observing; nothing of it stays behind."""
        observer, self._observer = self._observer, None
        if observer is None:
            return Findings()
        found = check_record(observer.stop())
        kept = [placed(finding) for finding in found.findings if is_structural(finding)]
        skipped = {check.code: check.reason for check in found.not_checked if check.code not in COURSE} | _BY_CHECK
        codes = {finding.code for finding in kept}
        return Findings.gravest_first(kept, [NotChecked(c, r) for c, r in skipped.items() if c not in codes])


ONE_BATCH = "one batch"  # the place of what was found before the first step, which no end of a run takes back


def lasts(finding: Finding) -> bool:
    """Whether a finding stands whatever the course of the run shows later."""
    return finding.code not in COURSE or finding.place == ONE_BATCH


def is_structural(finding: Finding) -> bool:
    """Whether the first steps are enough to say so.

    A class that was no target among a few samples may be rare; what is learned from is counted by the data check.
    """
    is_rare = finding.code == "data.labels_out_of_range" and finding.severity != "error"
    return finding.code not in COURSE and not is_rare


def placed(finding: Finding) -> Finding:
    """Keep the lines of a user's own code; the program that started the run is none."""
    lines = [line for line in finding.place.split(", ") if line.partition(":")[0].endswith(".py")]
    return msgspec.structs.replace(finding, place=", ".join(line for line in lines if not _is_launcher(line)))


def _is_launcher(line: str) -> bool:
    return os.path.basename(line.partition(":")[0]) in ("__main__.py", "fathom")

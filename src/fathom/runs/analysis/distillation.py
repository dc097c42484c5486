"""The folder of a distillation: teacher, student alone and student distilled, side by side.

```
runs/20250301-141500-distill-lenet-digits/
  distill.json    the plan, the results, the findings
  distill.csv     a row for the teacher and for every student
  distill.html    all of it as a page
  alone/seed-0/   the run folders of the students
  distilled/seed-0/
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from fathom.findings import Finding, Plain
from fathom.phrases import counted
from fathom.runs.analysis.numbers import decimal, percent, points
from fathom.runs.analysis.paired import PairedCounts
from fathom.runs.analysis.series import Series
from fathom.runs.analysis.spread import Spread, measure_spread
from fathom.runs.folder.records import is_number, read_json

TEACHER, ALONE, DISTILLED = ROLES = ("teacher", "alone", "distilled")
TITLES = {TEACHER: "teacher", ALONE: "student alone", DISTILLED: "student distilled"}  # as in the table and the charts
SPLITS = {"val": "validation", "test": "test"}


class Distillation(Series):
    """A distillation, running or finished; ``Distillation.read(path)`` opens a folder.

    ``sizes`` holds parameters, FLOPs and times of teacher and students, once they are measured.
    """

    verb, run_noun = "distill", "student"
    marker, table, page = "distill.json", "distill.csv", "distill.html"

    def __init__(self, path: Path, plan: Mapping[str, Any], results: list[dict[str, Any]] | None = None) -> None:
        super().__init__(path, plan, results)
        self.sizes: dict[str, Any] = {}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read distill.json, sizes included."""
        study = super().read(path)
        study.sizes = dict(read_json(path / cls.marker).get("sizes") or {})  # measured once, after the last student
        return study

    @property
    def trained(self) -> list[dict[str, Any]]:
        """The rows of the students."""
        return [row for row in self.results if row["role"] != TEACHER]

    def row(self, role: str, seed: int) -> dict[str, Any] | None:
        """Return the result of one run; None if it is missing."""
        # at most one: a seed is trained once a role
        return next((row for row in self.results if row["role"] == role and row["seed"] == seed), None)

    def values(self, role: str, key: str) -> list[float]:
        """Return the values of a role, seed by seed."""
        return [row[key] for row in self.results if row["role"] == role and is_number(row.get(key))]

    def spread(self, role: str, key: str) -> Spread | None:
        """Return mean and spread over the seeds; None without a result."""
        values = self.values(role, key)
        return measure_spread(values, bounds=(0.0, 1.0)) if values else None  # an accuracy

    def gain(self, split: str) -> Spread | None:
        """Return distilled − alone in accuracy, by seed; None before all students have ended, or without a pair."""
        # not before: whoever looks often enough finds a gain by chance
        if len(self.trained) < 2 * len(self.plan["seeds"]):  # two students a seed
            return None
        changes = []
        for seed in self.plan["seeds"]:
            alone, distilled = ((self.row(role, seed) or {}).get(f"{split}_accuracy") for role in (ALONE, DISTILLED))
            if is_number(alone) and is_number(distilled):
                changes.append(distilled - alone)  # of the same seed: split and order are shared
        return measure_spread(changes) if changes else None

    def findings(self) -> list[Finding]:
        """Return which runs diverged, and what distillation gained, if anything."""
        said = [self._diverged_finding(), *(self._check_gain(split) for split in SPLITS)]  # one finding a split
        said += [self._compare_with_teacher(), self._teacher_caveat()]
        return [finding for finding in said if finding is not None]

    def _diverged_finding(self) -> Finding | None:
        bad = self.diverged
        if not bad:
            return None
        # the teacher is not trained here
        seeds = {role: [str(row["seed"]) for row in bad if row["role"] == role] for role in (ALONE, DISTILLED)}
        said = [
            f"The {TITLES[role]} diverged with seed{'s' if len(of) > 1 else ''} {', '.join(of)}."
            for role, of in seeds.items()
            if of
        ]
        if self.gain("val") is None and self.gain("test") is None:
            rest = "There is no pair of students left to compare"
        else:
            rest = "What follows is said of the seeds with which neither did"
        reason = f"{TITLES[bad[0]['role']]}, seed {bad[0]['seed']}: {bad[0]['message']}."
        text = " ".join([*said, reason[0].upper() + reason[1:], rest])
        evidence = {"diverged": len(bad), "students": len(self.trained)}
        return Finding("series.diverged", "error", text, evidence)

    def _teacher_caveat(self) -> Finding | None:
        theirs, own = self.plan.get("teacher_data"), self.plan.get("data")
        if theirs in (None, own):  # None: not recorded
            return None
        text = (
            f"The teacher learned from {theirs}, not from {own}: should the two have samples in common, it may have "
            "learned some of those that it and the students are evaluated on"
        )
        return Finding("series.teacher_of_other_data", "warning", text, {"teacher_data": str(theirs), "data": str(own)})

    def _check_gain(self, split: str) -> Finding | None:
        gain = self.gain(split)
        if gain is None:
            return None
        what = f"On {SPLITS[split]} the distilled student is {points(gain.mean)} against the student alone"
        evidence: dict[str, Plain] = {"split": split, "gain": gain.mean, "seeds": gain.count}
        if gain.low is None or gain.high is None:
            line = f"{what}, with one seed: {_one_seed_sentence(gain.mean, self._pairing(split))}"
            text = f"{line} One seed says nothing of the spread between seeds"
            return Finding("series.one_seed", "warning", text, evidence, remedy="--seeds 3 or more would")
        evidence |= {"low": gain.low, "high": gain.high}
        interval = f"95% interval {points(gain.low)} to {points(gain.high)} over {counted(gain.count, 'seed')}"
        if (gain.std or 0) < 1e-9 < abs(gain.mean):  # equal but for rounding
            text = f"{what} with each of {gain.count} seeds: so few samples that the seeds show no spread"
            return Finding("series.no_difference", "warning", text, evidence)
        if gain.low > 0:  # the whole interval above 0
            text = f"{what} ({interval}): a gain that is more than the luck of the seed"
            return Finding("series.difference", "note", text, evidence)
        if gain.high < 0:
            text = f"{what} ({interval}): distillation did harm here. There is no gain"
            return Finding("series.harm", "warning", text, evidence)
        text = f"{what}, but the {interval} holds zero: there is no gain that the seeds do not swallow"
        return Finding("series.no_difference", "warning", text, evidence)

    def _pairing(self, split: str) -> PairedCounts | None:
        """Return how the first distilled student compares with its pair, sample by sample."""
        # one seed: only then is it asked for
        # stored by the one pair of students
        pairs: dict[str, Any] = next((row["pairs"] for row in self.results if row.get("pairs")), {})
        return PairedCounts.of(pairs.get(split))

    def _compare_with_teacher(self) -> Finding | None:
        teacher, student = (self.sizes.get(role) or {} for role in (TEACHER, DISTILLED))
        # a teacher may have no test result
        key = "test_accuracy" if self.values(TEACHER, "test_accuracy") else "val_accuracy"
        theirs, own = self.values(TEACHER, key), self.values(DISTILLED, key)
        if not (teacher and student and theirs and own):
            return None
        share = student["parameters"] / max(1, teacher["parameters"])  # max: a foreign file may say 0
        flops = student["flops"] / max(1, teacher["flops"])
        text = (
            f"The student has {percent(share)} of the teacher's parameters and takes {percent(flops)} of its FLOPs; "
            f"distilled it reaches {percent(fmean(own), 2)} on {SPLITS[key.removesuffix('_accuracy')]}, "
            f"the teacher {percent(fmean(theirs), 2)}"
        )
        evidence = {"parameters": share, "flops": flops, "accuracy": fmean(own), "teacher_accuracy": fmean(theirs)}
        return Finding("series.student_and_teacher", "note", text, evidence)

    def rows(self) -> list[list[str]]:
        """Return the rows of the table: role, network, size, FLOPs, accuracy on validation and test, time per image."""
        # FLOPs of one image
        rows = [["", "network", "parameters", "FLOPs", "validation", "test", "ms/image", "ms/image of 256"]]
        for role in ROLES:
            size = self.sizes.get(role) or {}
            accuracies = [_describe(self.spread(role, f"{split}_accuracy")) for split in SPLITS]
            times = [decimal(size.get(key)) for key in ("ms_alone", "ms_batch")]
            network = str(self.plan["teacher_model"] if role == TEACHER else self.plan["config"]["model"]["name"])
            # not measured before the last student
            counts = [f"{size[key]:,}" if key in size else "–" for key in ("parameters", "flops")]
            rows.append([TITLES[role], network, *counts, *accuracies, *times])
        return rows

    @classmethod
    def _is_whole(cls, plan: Mapping[str, Any]) -> bool:
        return isinstance(plan.get("config"), dict) and isinstance(plan.get("seeds"), list)

    def _summarize(self) -> dict[str, Any]:
        gains = {split: self.gain(split) for split in SPLITS}
        return {
            "sizes": self.sizes,
            "gain": {split: None if gain is None else gain.describe() for split, gain in gains.items()},
        }

    def _columns(self) -> list[str]:
        scores = [f"{split}_{key}" for split in SPLITS for key in ("accuracy", "loss")]
        return ["role", "seed", *scores, "epochs", "train_s", "status", "message", "run"]


def _describe(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return percent(spread.mean, 2) + ("" if spread.std is None else f" ± {percent(spread.std, 2)}")


def _one_seed_sentence(gain: float, pair: PairedCounts | None) -> str:
    if gain <= 0:
        return "there is no gain."
    if pair is None:
        return "that is all that is known of it."
    if pair.is_significant:
        return f"more than {pair.chance_sentence()}."
    return f"no more than {pair.chance_sentence()}, so there is no gain to speak of."

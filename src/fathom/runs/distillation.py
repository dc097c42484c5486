"""The folder of a distillation: teacher, student alone and student distilled, side by side.

```
runs/20250301-141500-distill-lenet-digits/
  distill.json    the plan, what each reached, what that says
  distill.csv     a row for the teacher and for every student
  distill.html    all of it for the eye
  alone/seed-0/   the run folders of the students
  distilled/seed-0/
```
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.runs import schema
from fathom.runs.numbers import decimal, percent, points
from fathom.runs.records import is_number, read_json, to_json
from fathom.runs.spread import Spread, measure_spread

MARKER = "distill.json"
TABLE = "distill.csv"
PAGE = "distill.html"

TEACHER, ALONE, DISTILLED = ROLES = ("teacher", "alone", "distilled")
TITLES = {TEACHER: "teacher", ALONE: "student alone", DISTILLED: "student distilled"}
SPLITS = {"val": "validation", "test": "test"}
_COLUMNS = ("role", "seed", "val_accuracy", "val_loss", "test_accuracy", "test_loss", "epochs", "train_s", "run")


class Distillation:
    """A distillation, under way or finished; ``plan``, ``results`` and ``sizes`` are what distill.json holds.

    ``Distillation.read(path)`` opens a folder.
    """

    def __init__(
        self,
        path: Path,
        plan: Mapping[str, Any],
        results: list[dict[str, Any]] | None = None,
        sizes: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.plan = dict(plan)
        self.results = results or []
        self.sizes = dict(sizes or {})

    @classmethod
    def read(cls, path: Path) -> Distillation:
        """Read distill.json.

        Raises:  FathomError if it is missing, damaged or from a newer Fathom
        """
        content = read_json(path / MARKER)
        schema.check_schema(content, path / MARKER)
        plan, results, sizes = (content.get(name) for name in ("plan", "results", "sizes"))
        if not (isinstance(plan, dict) and isinstance(results, list) and isinstance(plan.get("config"), dict)):
            raise FathomError(f"{path / MARKER} is damaged: it holds no plan")
        return cls(path, plan, results, sizes if isinstance(sizes, dict) else {})

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / PAGE

    def row(self, role: str, seed: int) -> dict[str, Any] | None:
        """Give the result of one run; None if it is not there yet."""
        return next((row for row in self.results if row["role"] == role and row["seed"] == seed), None)

    def values(self, role: str, key: str) -> list[float]:
        """Give what a role reached, seed by seed."""
        return [row[key] for row in self.results if row["role"] == role and is_number(row.get(key))]

    def spread(self, role: str, key: str) -> Spread | None:
        """Give mean and spread over the seeds; None without a result."""
        values = self.values(role, key)
        return measure_spread(values, bounds=(0.0, 1.0)) if values else None

    def gain(self, split: str) -> Spread | None:
        """Give distilled − alone in accuracy, seed by seed; None before all students are there."""
        changes = []
        for seed in self.plan["seeds"]:
            alone, distilled = ((self.row(role, seed) or {}).get(f"{split}_accuracy") for role in (ALONE, DISTILLED))
            if not (is_number(alone) and is_number(distilled)):
                return None
            changes.append(distilled - alone)
        return measure_spread(changes)

    def sentences(self) -> list[tuple[bool, str]]:
        """Say what was gained, or that nothing was; True marks a warning."""
        said = [self._judge(split) for split in SPLITS]
        said += [self._compare_with_teacher(), self._doubt_teacher()]
        return [sentence for sentence in said if sentence is not None]

    def _doubt_teacher(self) -> tuple[bool, str] | None:
        theirs, own = self.plan.get("teacher_data"), self.plan.get("data")
        if theirs in (None, own):
            return None
        return True, (
            f"The teacher learned from {theirs}, not from {own}: should the two have examples in common, it may have "
            "learned some of those that it and the students are judged on."
        )

    def _judge(self, split: str) -> tuple[bool, str] | None:
        gain = self.gain(split)
        if gain is None:
            return None
        what = f"On {SPLITS[split]} the distilled student is {points(gain.mean)} against the student alone"
        if gain.low is None or gain.high is None:
            alone = fmean(self.values(ALONE, f"{split}_accuracy"))
            size = self.plan["num_samples"].get(split) or 1
            resolved = 1.96 * math.sqrt(2 * alone * (1 - alone) / size)
            line = f"{what}, with one seed: {_resolve(gain.mean, resolved, size)}"
            return True, f"{line} One seed says nothing of the spread between seeds; --seeds 3 or more would."
        interval = f"95% interval {points(gain.low)} to {points(gain.high)} over {gain.count} seeds"
        if gain.low > 0:
            return False, f"{what} ({interval}): a gain that is more than the luck of the seed."
        if gain.high < 0:
            return True, f"{what} ({interval}): distillation did harm here. There is no gain."
        return True, f"{what}, but the {interval} holds zero: there is no gain that the seeds do not swallow."

    def _compare_with_teacher(self) -> tuple[bool, str] | None:
        teacher, student = (self.sizes.get(role) or {} for role in (TEACHER, DISTILLED))
        key = "test_accuracy" if self.values(TEACHER, "test_accuracy") else "val_accuracy"
        theirs, own = self.values(TEACHER, key), self.values(DISTILLED, key)
        if not (teacher and student and theirs and own):
            return None
        share = student["parameters"] / max(1, teacher["parameters"])
        flops = student["flops"] / max(1, teacher["flops"])
        return False, (
            f"The student has {percent(share)} of the teacher's parameters and takes {percent(flops)} of its FLOPs; "
            f"distilled it reaches {percent(fmean(own), 2)} on {SPLITS[key.removesuffix('_accuracy')]}, "
            f"the teacher {percent(fmean(theirs), 2)}."
        )

    def save(self, **fields: object) -> None:
        """Write plan, results and what they say to the folder; ``fields`` are set in the plan first."""
        from fathom.runs.distillation_page import render_distillation

        self.plan |= fields
        gains = {split: self.gain(split) for split in SPLITS}
        content = {
            "schema": schema.SCHEMA,
            "plan": self.plan,
            "results": self.results,
            "sizes": self.sizes,
            "gain": {split: None if gain is None else gain.describe() for split, gain in gains.items()},
        }
        write_atomically(self.path / MARKER, to_json(content, indent=2) + "\n")
        text = io.StringIO()
        table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self.results)
        write_atomically(self.path / TABLE, text.getvalue())
        write_atomically(self.report, render_distillation(self))

    def table(self) -> list[list[str]]:
        """Give the rows people read: who, size, work, accuracy on validation and test, time per image."""
        rows = [["", "network", "parameters", "FLOPs", "validation", "test", "ms alone", "ms of 256"]]
        for role in ROLES:
            size = self.sizes.get(role) or {}
            accuracies = [_describe(self.spread(role, f"{split}_accuracy")) for split in SPLITS]
            times = [decimal(size.get(key)) for key in ("ms_alone", "ms_batch")]
            network = str(self.plan["teacher_model"] if role == TEACHER else self.plan["config"]["model"]["name"])
            counts = [f"{size[key]:,}" if key in size else "–" for key in ("parameters", "flops")]
            rows.append([TITLES[role], network, *counts, *accuracies, *times])
        return rows


def _describe(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return percent(spread.mean, 2) + ("" if spread.deviation is None else f" ± {percent(spread.deviation, 2)}")


def _resolve(gain: float, resolved: float, size: int) -> str:
    if gain <= 0:
        return "there is no gain."
    bound = f"the {100 * resolved:.2f} points that {size:,} examples can tell from chance"
    return f"more than {bound}." if gain > resolved else f"no more than {bound}, so there is no gain to speak of."

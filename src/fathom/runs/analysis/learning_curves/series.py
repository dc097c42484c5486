"""The folder of a learning curve: the plan, the error of every run, the law through them and what it forecasts.

```
runs/20250301-141500-learning-curve-lenet-fashion_mnist/
  learning-curve.json   the plan, the results, the law, the forecasts
  sizes.csv             a row for every run
  learning-curve.html   all of it as a page
  n-625/seed-0/         the run folders
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fathom.findings import Finding
from fathom.runs.analysis.learning_curves.power_law import FEWEST_SIZES, PowerLaw, Projection, fit_power_law, project
from fathom.runs.analysis.numbers import count, decimal, percent
from fathom.runs.analysis.series import Series
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

FACTORS = (2, 4, 10)  # times the samples there are
_MATTERS = 0.1  # of the error: less is not worth collecting data for


class LearningCurve(Series):
    """A learning curve, running or finished; ``LearningCurve.read(path)`` opens a folder."""

    verb, run_noun = "learning-curve", "run"
    marker, table, page = "learning-curve.json", "sizes.csv", "learning-curve.html"

    @property
    def sizes(self) -> list[int]:
        """How many samples the runs learn from, from few to all."""
        return [int(size) for size in self.plan["sizes"]]

    @property
    def is_classification(self) -> bool:
        """Whether the error is a share of wrong classes; else it is the RMSE."""
        return bool(self.plan["task"] == "classification")

    @property
    def error_name(self) -> str:
        """What the error is."""
        return "test error" if self.is_classification else "test RMSE"

    def form(self, value: object) -> str:
        """Write an error."""
        return percent(value, 2) if self.is_classification else decimal(value)

    def errors(self) -> dict[int, list[float]]:
        """Return the errors of the runs of each size that has some."""
        found: dict[int, list[float]] = {}
        for row in self.results:
            if is_number(row.get("error")):
                found.setdefault(int(row["size"]), []).append(float(row["error"]))
        return dict(sorted(found.items()))

    def read_error(self, run: Path) -> dict[str, Any]:
        """Return the error of a run on its test split."""
        evaluation = RunReader(run).evaluation or {}
        if self.is_classification:
            accuracy = evaluation.get("accuracy")
            return {"error": 1 - accuracy if is_number(accuracy) else None}
        return {"error": evaluation.get("rmse")}

    def law(self) -> PowerLaw | None:
        """Return the law through the errors; None of too few sizes."""
        return fit_power_law(self.errors()) if self._can_fit(self.errors()) else None

    def projections(self) -> list[Projection]:
        """Return what the law says of more samples."""
        return self.project([factor * self.sizes[-1] for factor in FACTORS])

    def project(self, sizes: list[int]) -> list[Projection]:
        """Return what the law says of some sizes."""
        return project(self.errors(), sizes) if self._can_fit(self.errors()) else []

    def check(self) -> tuple[Projection, float] | None:
        """Return what the smaller sizes forecast of the largest, and what that was; None of too few sizes."""
        errors = self.errors()
        if self.sizes[-1] not in errors:
            return None
        measured = errors.pop(self.sizes[-1])
        if not self._can_fit(errors):
            return None
        return project(errors, [self.sizes[-1]])[0], sum(measured) / len(measured)

    def findings(self) -> list[Finding]:
        """Return whether more data would help, and whether the law holds so far."""
        found = []
        if self.diverged:
            text = f"{len(self.diverged)} of {len(self.trained)} runs diverged and are left out"
            found.append(Finding("curve.diverged", "warning", text, {"diverged": len(self.diverged)}))
        if len(self.results) == len(self.sizes) * len(self.plan["seeds"]) and (verdict := self._verdict()):
            found.append(verdict)
        if (checked := self.check()) is not None:
            forecast, measured = checked
            text = (
                f"The smaller sizes forecast {self.form(forecast.error)} ({self.form(forecast.low)} to "
                f"{self.form(forecast.high)}) for {count(forecast.size)} samples; it was {self.form(measured)}"
            )
            evidence = {"forecast": forecast.error, "low": forecast.low, "high": forecast.high, "measured": measured}
            is_within = forecast.low <= measured <= forecast.high
            found.append(Finding("curve.check", "note" if is_within else "warning", text, evidence))
        return found

    def _verdict(self) -> Finding | None:
        projections = self.projections()
        if not projections:
            text = "Too few sizes have an error above 0 to say what more data would do"
            return Finding("curve.unknown", "warning", text, {})
        now = self.errors()[self.sizes[-1]]
        error = sum(now) / len(now)
        most, middle = projections[-1], projections[1]
        at = f"{FACTORS[-1]} times the data: {self.error_name} {self.form(most.error)} ({self.form(most.low)} to "
        at += f"{self.form(most.high)}), from {self.form(error)}"
        evidence = {"error": error, "forecast": most.error, "low": most.low, "high": most.high}
        if middle.high < (1 - _MATTERS) * error:
            return Finding("curve.would_help", "note", f"More data would help. {at}", evidence)
        if most.low > (1 - _MATTERS) * error:
            remedy = "look at labels, features and the network instead"
            return Finding("curve.would_not_help", "note", f"More data would not help. {at}", evidence, remedy=remedy)
        remedy = "take more --seeds"
        return Finding("curve.might_help", "note", f"More data might help. {at}", evidence, remedy=remedy)

    @staticmethod
    def _can_fit(errors: Mapping[int, list[float]]) -> bool:
        return len(errors) >= FEWEST_SIZES and all(sum(values) > 0 for values in errors.values())

    @classmethod
    def _is_whole(cls, plan: Mapping[str, Any]) -> bool:
        return isinstance(plan.get("sizes"), list) and isinstance(plan.get("seeds"), list) and "task" in plan

    def _summarize(self) -> dict[str, Any]:
        law = self.law()
        return {
            "law": None if law is None else asdict(law),
            "forecasts": [asdict(projection) for projection in self.projections()] if law is not None else [],
        }

    def _columns(self) -> list[str]:
        return ["size", "seed", "error", "epochs", "train_s", "status", "message", "run"]

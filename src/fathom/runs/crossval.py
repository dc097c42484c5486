"""The folder of a cross-validation: what was planned, what every fold gave, and what that says.

```
runs/20250301-141500-crossval-mlp-digits/
  crossval.json   the plan, the results, their spread and the differences
  folds.csv       a row for every fold of every model
  crossval.html   all of it for the eye
  mlp/fold-1/     the run folder of each fold
```
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.runs import schema
from fathom.runs.numbers import decimal, determination, percent, points
from fathom.runs.reader import RunReader
from fathom.runs.records import is_number, read_json, to_json
from fathom.runs.spread import Difference, Spread, compare_pairs, measure_spread

MARKER = "crossval.json"
TABLE = "folds.csv"
PAGE = "crossval.html"


@dataclass(frozen=True)
class Measure:
    """What folds are judged by: ``form`` writes a value, ``change`` a difference; none is past the bounds."""

    key: str
    title: str
    form: Callable[[object], str]
    change: Callable[[float], str]
    higher_is_better: bool
    least: float = 0.0
    most: float = math.inf


def _fine_percent(value: object) -> str:
    return percent(value, 2)


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{decimal(abs(value))}"


# The first of a task is the one that models are compared by.
MEASURES = {
    "classification": (
        Measure("accuracy", "accuracy", _fine_percent, points, True, most=1.0),
        Measure("macro_f1", "macro F1", decimal, _signed, True, most=1.0),
        Measure("loss", "loss", decimal, _signed, False),
    ),
    "regression": (
        Measure("rmse", "RMSE", decimal, _signed, False),
        Measure("mae", "MAE", decimal, _signed, False),
        Measure("r2", "R²", determination, _signed, True, -math.inf, 1.0),
    ),
    "language": (
        Measure("perplexity", "perplexity", decimal, _signed, False),
        Measure("loss", "loss", decimal, _signed, False),
    ),
}


class CrossValidation:
    """A cross-validation, under way or finished; ``plan`` and ``results`` are what crossval.json holds.

    ``CrossValidation.read(path)`` opens a folder.
    """

    def __init__(self, path: Path, plan: Mapping[str, Any], results: list[dict[str, Any]] | None = None) -> None:
        self.path = path
        self.plan = dict(plan)
        self.results = results or []

    @classmethod
    def read(cls, path: Path) -> CrossValidation:
        """Read crossval.json.

        Raises:  FathomError if it is missing, damaged or from a newer Fathom
        """
        content = read_json(path / MARKER)
        schema.check_schema(content, path / MARKER)
        plan, results = content.get("plan"), content.get("results")
        if not (
            isinstance(plan, dict)
            and isinstance(results, list)
            and plan.get("task") in MEASURES
            and isinstance(plan.get("models"), dict)
            and isinstance(plan.get("folds"), int)
        ):
            raise FathomError(f"{path / MARKER} is damaged: it holds no plan")
        return cls(path, plan, results)

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / PAGE

    @property
    def models(self) -> list[str]:
        """The names of what is compared, in the order given."""
        return list(self.plan["models"])

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured; by the first of them models are compared."""
        return MEASURES[self.plan["task"]]

    @property
    def planned(self) -> int:
        """Number of folds of each model, over all repeats."""
        return self.plan["folds"] * self.plan["repeats"]

    @property
    def overlap(self) -> float:
        """Examples held out for one learned from, the n₂/n₁ of ``spread``."""
        return 1 / (self.plan["folds"] - 1)

    def values(self, key: str) -> dict[str, list[float]]:
        """Give what each model reached, fold by fold; of a fold not yet done, or without a number, there is none."""
        return {
            model: [row[key] for row in self.results if row["model"] == model and is_number(row.get(key))]
            for model in self.models
        }

    def spreads(self, measure: Measure) -> dict[str, Spread]:
        """Give mean and spread of each model that has a fold done."""
        bounds = (measure.least, measure.most)
        found = self.values(measure.key)
        return {model: measure_spread(v, overlap=self.overlap, bounds=bounds) for model, v in found.items() if v}

    def differences(self) -> list[Difference]:
        """Compare the models pair by pair on the same folds, once all of them are done."""
        measure = self.measures[0]
        values = self.values(measure.key)
        if len(values) < 2 or any(len(found) != self.planned for found in values.values()):
            return []
        return compare_pairs(values, higher_is_better=measure.higher_is_better, overlap=self.overlap)

    def add(self, model: str, repeat: int, fold: int, run: Path) -> dict[str, Any]:
        """Take up the result of a fold's run; ``repeat`` and ``fold`` count from 1."""
        reader = RunReader(run)
        evaluation = reader.evaluation or {}
        row: dict[str, Any] = {"model": model, "repeat": repeat, "fold": fold, "held_out": evaluation["num_samples"]}
        scores = dict(evaluation)
        if "per_class" in evaluation:
            per_class = [entry["f1"] for entry in evaluation["per_class"] if entry["support"]]
            scores["macro_f1"] = sum(per_class) / len(per_class)
        row |= {measure.key: scores.get(measure.key) for measure in self.measures}
        row |= {"seed": reader.run.get("seed"), "epochs": len(reader.epochs()), "train_s": reader.train_s}
        row["run"] = run.relative_to(self.path).as_posix()
        self.results = [r for r in self.results if r["run"] != row["run"]] + [row]
        return row

    def sentences(self) -> list[tuple[bool, str]]:
        """Say what the differences amount to; True marks a warning."""
        found = self.differences()
        jointly = f"; jointly for all {len(found)} pairs" if len(found) > 1 else ""
        return [(not difference.is_clear, self._judge(difference, jointly)) for difference in found]

    def _judge(self, difference: Difference, jointly: str) -> str:
        measure, spread = self.measures[0], difference.spread
        first, second = difference.first, difference.second
        change = f"{measure.title} {measure.change(spread.mean)} on average over {spread.count} folds"
        if spread.low is None or spread.high is None:
            return f"{second} against {first}: {change}; one fold says nothing of its spread"
        interval = f"95% interval {measure.change(spread.low)} to {measure.change(spread.high)}{jointly}"
        p = "" if difference.p is None else f", p = {difference.p:.2g}"
        if difference.is_clear:
            other = first if difference.better == second else second
            return f"{difference.better} is better than {other}. {second} against {first}: {change} ({interval}{p})."
        return (
            f"The spread between folds swallows the difference between {first} and {second}. "
            f"{second} against {first}: {change}, but the {interval} holds zero{p}. "
            "These folds give no reason to prefer either; choose the smaller one, or take more data or --repeats."
        )

    def save(self, **fields: object) -> None:
        """Write plan, results and what they say to the folder; ``fields`` are set in the plan first."""
        from fathom.runs.crossval_page import render_crossval

        self.plan |= fields
        content = {
            "schema": schema.SCHEMA,
            "plan": self.plan,
            "results": self.results,
            "summary": {
                measure.key: {model: spread.describe() for model, spread in self.spreads(measure).items()}
                for measure in self.measures
            },
            "differences": [difference.describe() for difference in self.differences()],
        }
        write_atomically(self.path / MARKER, to_json(content, indent=2) + "\n")
        write_atomically(self.path / TABLE, self._to_csv())
        write_atomically(self.report, render_crossval(self))

    def _to_csv(self) -> str:
        text = io.StringIO()
        keys = [measure.key for measure in self.measures]
        columns = ["model", "repeat", "fold", "held_out", *keys, "seed", "epochs", "train_s", "run"]
        table = csv.DictWriter(text, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(self.results)
        return text.getvalue()

"""The folder of a cross-validation: the plan, the result of every fold, and the findings.

```
runs/20250301-141500-crossval-mlp-digits/
  crossval.json   the plan, the results, their spread and the differences
  folds.csv       a row for every fold of every model
  crossval.html   all of it as a page
  mlp/fold-1/     the run folder of each fold
```
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.findings import Finding, Plain
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, decimal, determination, percent, points
from fathom.runs.analysis.series import Series
from fathom.runs.analysis.spread import PairedDifference, Spread, compare_pairs, measure_spread
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number


@dataclass(frozen=True)
class Measure:
    """A metric of folds: ``form`` writes a value, ``change`` a difference; ``least`` and ``most`` are its bounds."""

    key: str
    title: str
    form: Callable[[object], str]
    change: Callable[[float], str]  # with its sign
    higher_is_better: bool
    least: float = 0.0
    most: float = math.inf

    def describe(self, spread: Spread | None) -> tuple[str, str, str]:
        """Return mean, standard deviation and interval as text; a dash for what is missing."""
        if spread is None:
            return DASH, DASH, DASH
        if spread.std is None or spread.low is None:
            return self.form(spread.mean), DASH, DASH  # a single fold: no spread
        return self.form(spread.mean), self.form(spread.std), f"{self.form(spread.low)} to {self.form(spread.high)}"


def _fine_percent(value: object) -> str:
    return percent(value, 2)


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{decimal(abs(value))}"


# Models are compared by the first of their task.
MEASURES = {
    "classification": (
        Measure("accuracy", "accuracy", _fine_percent, points, True, most=1.0),
        Measure("macro_f1", "macro F1", decimal, _signed, True, most=1.0),
        Measure("loss", "loss", decimal, _signed, False),
    ),
    "regression": (
        Measure("rmse", "RMSE", decimal, _signed, False),  # in the units of the target
        Measure("mae", "MAE", decimal, _signed, False),
        # no lower bound: a model may be worse than the mean
        Measure("r2", "R²", determination, _signed, True, -math.inf, 1.0),
    ),
    "language": (
        Measure("perplexity", "perplexity", decimal, _signed, False),
        Measure("loss", "loss", decimal, _signed, False),
    ),
}


class CrossValidation(Series):
    """A cross-validation, running or finished; ``CrossValidation.read(path)`` opens a folder."""

    verb, run_noun = "crossval", "fold"
    marker, table, page = "crossval.json", "folds.csv", "crossval.html"

    @property
    def models(self) -> list[str]:
        """The names of the compared models, in the order given."""
        return list(self.plan["models"])

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The metrics; models are compared by the first."""
        return MEASURES[self.plan["task"]]

    @property
    def planned(self) -> int:  # held-out parts of all repeats
        """Number of folds of each model, over all repeats."""
        return self.plan["folds"] * self.plan["repeats"]

    @property
    def overlap(self) -> float:
        """Held-out samples per training sample, the n₂/n₁ of ``spread``."""
        return 1 / (self.plan["folds"] - 1)  # n₂ = N/K, n₁ = N·(K − 1)/K

    def values(self, key: str) -> dict[str, list[float]]:
        """Return the values of each model, fold by fold, without unfinished and diverged folds."""
        # per model, in the order the folds ended
        return {model: [row[key] for row in self._measured(model, key)] for model in self.models}

    def spreads(self, measure: Measure) -> dict[str, Spread]:
        """Return mean and spread of each model with a finished fold."""
        bounds = (measure.least, measure.most)  # an interval of accuracies must not pass 100 %
        found = self.values(measure.key)
        return {model: measure_spread(v, overlap=self.overlap, bounds=bounds) for model, v in found.items() if v}

    def differences(self) -> list[PairedDifference]:
        """Compare the models pair by pair, once all have ended, on the folds in which no model diverged."""
        measure = self.measures[0]
        # not before: whoever looks often enough finds a difference by chance
        # waits for the last fold of the last model
        if len(self.models) < 2 or len(self.results) != self.planned * len(self.models):
            return []
        found = {
            model: {(row["repeat"], row["fold"]): row[measure.key] for row in self._measured(model, measure.key)}
            for model in self.models
        }
        # paired: a fold counts where every model has it
        shared = sorted(set.intersection(*(set(folds) for folds in found.values())))
        if not shared:
            return []
        values = {model: [folds[place] for place in shared] for model, folds in found.items()}
        return compare_pairs(values, higher_is_better=measure.higher_is_better, overlap=self.overlap)

    def read_scores(self, run: Path) -> dict[str, Any]:
        """Return the metrics of a fold's run on the held-out fold."""
        evaluation = RunReader(run).evaluation or {}
        scores = dict(evaluation)
        # a small fold may lack a class, or a label: its F1 is no 0
        entries = evaluation.get("per_class") or evaluation.get("per_label") or []
        each = [entry["f1"] for entry in entries if entry["support"]]
        if each:
            scores["macro_f1"] = sum(each) / len(each)  # unweighted: each class counts the same
        # a fold that ended was evaluated on what it holds out
        return {"held_out": evaluation["num_samples"]} | {m.key: scores.get(m.key) for m in self.measures}

    def findings(self) -> list[Finding]:
        """Return which folds diverged, and what the differences amount to."""
        diverged = [self._diverged_finding(model) for model in self.models if self._diverged_of(model)]
        found = self.differences()
        jointly = f"; jointly for all {len(found)} pairs" if len(found) > 1 else ""  # one pair needs no Bonferroni
        return [*diverged, *(self._compare(difference, jointly) for difference in found)]

    def _measured(self, model: str, key: str) -> list[dict[str, Any]]:
        return [row for row in self.results if row["model"] == model and is_number(row.get(key))]

    def _diverged_of(self, model: str) -> list[dict[str, Any]]:
        return [row for row in self.diverged if row["model"] == model]

    def _diverged_finding(self, model: str) -> Finding:
        bad, number = self._diverged_of(model), sum(row["model"] == model for row in self.results)
        places = ", ".join(self.name_fold(row) for row in bad)
        # one reason stands for all: they mostly agree
        reason = bad[0]["message"] if len(bad) == 1 else f"{self.name_fold(bad[0])}: {bad[0]['message']}"
        if len(bad) == number:
            text = f"{model} diverged in every fold, so nothing is known of it. {_sentence(reason)}"
        else:
            rest = counted(number - len(bad), "fold")
            text = (
                f"{model} diverged in {len(bad)} of {counted(number, 'fold')} ({places}). {_sentence(reason)}. "
                f"Its mean and standard deviation are over the {rest} that did not, so they make it look better than "
                "it is"
            )
        evidence = {"model": model, "diverged": len(bad), "folds": number}
        return Finding("series.diverged", "error", text, evidence, place=places)

    def name_fold(self, row: Mapping[str, Any]) -> str:
        """Name the fold of a row, with its repeat where there are several."""
        repeat = f"repeat {row['repeat']}, " if self.plan["repeats"] > 1 else ""
        return f"{repeat}fold {row['fold']}"

    def _compare(self, difference: PairedDifference, jointly: str) -> Finding:
        """Compare the better of two models, or the second if neither is better, with the other."""
        measure, spread = self.measures[0], difference.spread
        # so that the sentence names the better one first
        is_turned = difference.is_significant and difference.better == difference.first
        this, other = (difference.second, difference.first)[:: -1 if is_turned else 1]  # [::-1] swaps, [::1] keeps
        sign = -1 if is_turned else 1  # spread is second − first
        evidence: dict[str, Plain] = {
            "model": this,
            "other": other,
            "measure": measure.key,
            "difference": sign * spread.mean,
            "folds": spread.count,
        }
        change = f"{measure.title} {measure.change(sign * spread.mean)} on average over {counted(spread.count, 'fold')}"
        if spread.count < self.planned:  # some folds dropped out
            change += " in which neither diverged"
        if spread.low is None or spread.high is None:
            text = f"{this} against {other}: {change}; one fold says nothing of its spread"
            return Finding("series.no_difference", "warning", text, evidence)
        low, high = sorted((sign * spread.low, sign * spread.high))  # the sign may have turned them round
        evidence |= {"low": low, "high": high, "p": difference.p}
        interval = f"95% interval {measure.change(low)} to {measure.change(high)}{jointly}"
        p = "" if difference.p is None else f", p = {difference.p:.2g}"
        if difference.is_significant:
            text = f"{this} is better than {other}: {change} ({interval}{p})"
            return Finding("series.difference", "note", text, evidence)
        return Finding(
            "series.no_difference",
            "warning",
            f"The spread between folds swallows the difference between {other} and {this}. "
            f"{this} against {other}: {change}, but the {interval} holds zero{p}. "
            "These folds give no reason to prefer either",
            evidence,
            remedy="choose the smaller one, or take more data or --repeats",
        )

    @classmethod
    def _is_whole(cls, plan: Mapping[str, Any]) -> bool:
        return (
            plan.get("task") in MEASURES and isinstance(plan.get("models"), dict) and isinstance(plan.get("folds"), int)
        )

    def _summarize(self) -> dict[str, Any]:
        return {
            "summary": {
                measure.key: {model: spread.describe() for model, spread in self.spreads(measure).items()}
                for measure in self.measures
            },
            "differences": [difference.describe() for difference in self.differences()],
        }

    def _columns(self) -> list[str]:
        keys = [measure.key for measure in self.measures]
        return ["model", "repeat", "fold", "held_out", *keys, "seed", "epochs", "train_s", "status", "message", "run"]


def _sentence(text: str) -> str:
    """Capitalise the first letter of a text."""
    return f"{text[0].upper()}{text[1:]}"

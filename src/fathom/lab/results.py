"""A measured experiment as plain values: the content of ``result.json``, which pages and figures are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fathom.lab.cells import Cell
from fathom.lab.experiment import Claim, Comparison, Fact
from fathom.lab.statistics import LEAST_SEEDS, Estimate, estimate
from fathom.lab.verdicts import Answer, Verdict, answer, judge, outcome_of, p_of, rule_of
from fathom.lab.wording import effect_text, fill_sentence
from fathom.runs.analysis.spread import measure_spread

Cells = Mapping[tuple[str, int], Cell]


def describe_result(
    name: str, claim: Claim, seeds: Sequence[int], cells: Cells, facts: Sequence[Fact]
) -> dict[str, Any]:
    """Return everything that is known of an experiment after its measurement."""
    arms = {arm: _describe_arm(arm, label, seeds, cells) for arm, label in claim.design.arms.items() if cells}
    comparisons, answers = [], []
    for number, comparison in enumerate(claim.comparisons, start=1):
        found, answered = _compare(comparison, seeds, cells)
        comparisons.append({"key": f"c{number}", **found})
        if comparison.is_judged:
            answers.append(answered)
    verdict = judge(claim, answers, facts)
    content = {
        "schema": 1,
        "name": name,
        **describe_claim(claim),
        "seeds": list(seeds),
        "verdict": {"kind": verdict.kind, "on": verdict.on, "text": verdict.text},
        "comparisons": comparisons,
        "facts": [asdict(fact) for fact in facts],
        "arms": arms,
        "diverged": sum(arm["diverged"] for arm in arms.values()),
        "elapsed_s": sum(cell.elapsed_s for cell in cells.values()),
    }
    return content | _describe_reading(claim, content)


def reword(content: Mapping[str, Any], claim: Claim) -> dict[str, Any]:
    """Return a result with the claim's words of today; what was measured, and against which margin, stays."""
    verdict = dict(content["verdict"])
    if verdict["kind"] == "depends":
        found = Verdict("depends", claim.reading.depends_on)
        verdict |= {"on": found.on, "text": found.text}
    arms = {arm: {**content["arms"][arm], "label": label} for arm, label in claim.design.arms.items()}
    comparisons = [
        {**found, "title": comparison.title}
        for found, comparison in zip(content["comparisons"], claim.comparisons, strict=True)
    ]
    changed = {**content, **describe_claim(claim), "verdict": verdict, "arms": arms, "comparisons": comparisons}
    return changed | _describe_reading(claim, changed)


def _describe_reading(claim: Claim, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sentences": [fill_sentence(text, content) for text in claim.reading.sentences],
        "chinese": [fill_sentence(text, content) for text in claim.reading.chinese],
    }


def describe_claim(claim: Claim) -> dict[str, Any]:
    """Return what was fixed before the measurement."""
    return {
        "number": claim.number,
        "title": claim.title,
        "statement": claim.statement,
        "place": claim.place,
        "paper": claim.paper,
        "design": {key: getattr(claim.design, key) for key in ("factor", "fixed", "budget")},
        "rule": rule_of(claim),
        "would_change": claim.reading.would_change,
        "plot": {**asdict(claim.plot), "x": list(claim.plot.x)},
    }


def _describe_arm(arm: str, label: str, seeds: Sequence[int], cells: Cells) -> dict[str, Any]:
    found = [cells[arm, seed] for seed in seeds]
    names = list(dict.fromkeys(name for cell in found for name in cell.values))
    values = {name: [cell.values.get(name) for cell in found] for name in names}
    means = {}
    for name, measured in values.items():
        present = [value for value in measured if value is not None]
        spread = measure_spread(present)
        means[name] = {"mean": spread.mean, "low": spread.low, "high": spread.high}
    reasons = [cell.reason for cell in found if cell.reason is not None]
    return {
        "label": label,
        "seeds": list(seeds),
        "values": values,
        "means": means,
        "diverged": len(reasons),
        "reason": reasons[0] if reasons else "",
    }


def _compare(comparison: Comparison, seeds: Sequence[int], cells: Cells) -> tuple[dict[str, Any], Answer]:
    pairs = [_pair(comparison, seed, cells) for seed in seeds]
    differences = [a - b for a, b in filter(None, pairs)]
    fixed = {
        "title": comparison.title,
        "first": comparison.first,
        "second": comparison.second,
        "measure": comparison.measure,
        "expected": comparison.expected,
        "margin": comparison.margin,
        "unit": comparison.unit,
        "is_ratio": comparison.is_ratio,
        "is_judged": comparison.is_judged,
        "statistic": comparison.statistic,
        "lost": len(pairs) - len(differences),
        "differences": differences,
    }
    if len(differences) < LEAST_SEEDS:  # an arm diverged in nearly every seed
        return {
            **fixed,
            "count": len(differences),
            "outcome": "open",
            "answer": "open",
            "text": "too few pairs",
        }, "open"
    margin, effect = (
        math.log(size) if comparison.is_ratio else size
        for size in (comparison.margin, comparison.effect or comparison.margin)
    )
    found = estimate(differences, margin=margin, effect=effect, statistic=comparison.statistic)
    outcome = outcome_of(found, margin)
    answered = answer(comparison.expected, outcome, found, margin)
    shown = _as_shown(found, comparison.is_ratio)
    described = {
        **fixed,
        **shown,
        "outcome": outcome,
        "answer": answered,
        "p": p_of(comparison, outcome, found),
        "power": found.power,
        "effect": comparison.effect or comparison.margin,
    }
    return {**described, "text": effect_text(described)}, answered


def _pair(comparison: Comparison, seed: int, cells: Cells) -> tuple[float, float] | None:
    """Return both sides of a seed, as logarithms where they are compared by factor; None where one diverged."""
    first = cells[comparison.first, seed].values.get(comparison.measure)
    second: float | None
    if isinstance(comparison.second, str):
        second = cells[comparison.second, seed].values.get(comparison.second_measure or comparison.measure)
    else:
        second = comparison.second
    if first is None or second is None:
        return None
    return (math.log(first), math.log(second)) if comparison.is_ratio else (first, second)


def _as_shown(found: Estimate, is_ratio: bool) -> dict[str, Any]:
    """Return mean and interval; of logarithms the factors."""
    back = math.exp if is_ratio else float
    names = ("mean", "low", "high", "inner_low", "inner_high")
    return {"count": found.count, "std": found.std, **{name: back(getattr(found, name)) for name in names}}

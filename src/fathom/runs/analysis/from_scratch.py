"""What fine-tuning gained over training from scratch, as findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

from fathom.findings import Finding, Plain
from fathom.phrases import counted
from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.analysis.paired import PairedCounts, classify_difference
from fathom.runs.folder.records import is_number


def check_fine_tuning(comparison: Mapping[str, Any]) -> list[Finding]:
    """Return what fine-tuning gained, whether that is more than chance, and which runs diverged."""
    diverged = _diverged(comparison)
    # of the means; the interval needs two seeds
    difference, low, high = (comparison.get(key) for key in ("difference", "low", "high"))
    if not is_number(difference):
        return diverged or [
            Finding("series.unfinished", "note", "Training from scratch, for comparison, is not done yet")
        ]
    # not strict: one arm may be a run ahead
    pairs = [
        # None: that run diverged
        (a, b)
        for a, b in zip(comparison["fine_tuned"], comparison["scratch"], strict=False)
        if None not in (a, b)
    ]
    means = [mean(values) for values in zip(*pairs, strict=True)]
    fine, scratch = (form_of(comparison)(value) for value in means)  # in the order of pairs: fine-tuned, scratch
    text = (
        f"On the same budget fine-tuning reaches {fine} and training from scratch {scratch} test "
        f"{comparison.get('measure')}, a difference of {points(difference, comparison)}"
    )
    evidence: dict[str, Plain] = {
        "measure": str(comparison.get("measure")),
        **dict(zip(("fine_tuned", "scratch"), means, strict=True)),
        "difference": difference,
        "seeds": len(pairs),
    }
    if not is_number(low) or not is_number(high):
        is_more, chance = _chance(comparison)
        code, severity = classify_difference(is_more)
        return [Finding(code, severity, f"{text}. That is one seed: {chance}", evidence), *diverged]
    evidence |= {"low": low, "high": high}
    over = f"over {counted(len(pairs), 'seed')}"
    text += f" {over} (95% interval {points(low, comparison)} to {points(high, comparison)})"
    if low <= 0 <= high:  # 0 inside: either may be better
        verdict = "the interval includes 0, so no gain is shown"
    else:
        better = difference > 0 if comparison.get("more_is_better") else difference < 0
        verdict = f"fine-tuning is {'better' if better else 'worse'}"
    code, severity = classify_difference(not low <= 0 <= high)
    return [Finding(code, severity, f"{text}: {verdict}", evidence), *diverged]


def _diverged(comparison: Mapping[str, Any]) -> list[Finding]:
    """Return which runs diverged, and why."""
    reasons = comparison.get("diverged") or {}
    number = len(comparison.get("seeds") or [])
    found = []
    for arm, what in (("fine_tuned", "Fine-tuning"), ("scratch", "Training from scratch")):
        # run folder: why it diverged
        bad = [reasons[run] for run in (comparison.get("runs") or {}).get(arm) or [] if run in reasons]
        if bad:
            text = f"{what} diverged in {len(bad)} of {counted(number, 'seed')}"
            evidence = {"diverged": len(bad), "seeds": number}
            found.append(Finding("series.diverged", "error", text, evidence, cause=str(bad[0])))
    return found


def _chance(comparison: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether one seed shows a difference, and why: how far two models differ by chance on these samples."""
    # of the first seed: more would have an interval
    pair = next((found for found in map(PairedCounts.of, comparison.get("pairs") or []) if found is not None), None)
    if pair is None:
        return False, "--seeds 3 would say how much of it is chance"
    than = "more than" if pair.is_significant else "no more than"
    return pair.is_significant, f"the difference is {than} {pair.chance_sentence()}"


def form_of(comparison: Mapping[str, Any]) -> Callable[[object], str]:
    """Return the function that writes a value of the metric."""
    return percent if comparison.get("measure") == "accuracy" else decimal


def points(difference: float, comparison: Mapping[str, Any]) -> str:
    """Write a difference with its sign, of accuracies in points of a hundred."""
    if comparison.get("measure") == "accuracy":
        return f"{100 * difference:+.1f} points".replace("-", "−")  # a minus, not a hyphen, as in all pages
    return f"{difference:+.4g}".replace("-", "−")

"""What starting from other weights was worth, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

from fathom.phrases import counted
from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.analysis.paired import Pairing
from fathom.runs.folder.records import is_number


def describe_comparison(comparison: Mapping[str, Any]) -> str:
    """Say in a sentence what starting from other weights was worth, and whether that is more than chance."""
    difference, low, high = (comparison.get(key) for key in ("difference", "low", "high"))
    diverged = _diverged_sentence(comparison)
    if not is_number(difference):
        return diverged or "Training from scratch, for comparison, is not done yet."
    pairs = [
        (a, b) for a, b in zip(comparison["fine_tuned"], comparison["scratch"], strict=False) if None not in (a, b)
    ]
    fine, scratch = (form_of(comparison)(mean(values)) for values in zip(*pairs, strict=True))
    text = (
        f"On the same budget fine-tuning reaches {fine} and training from scratch {scratch} test "
        f"{comparison.get('measure')}, a difference of {points(difference, comparison)}"
    )
    if not is_number(low) or not is_number(high):
        return f"{text}. That is one seed: {_chance(comparison)}.{diverged and ' ' + diverged}"
    over = f"over {counted(len(pairs), 'seed')}"
    text += f" {over} (95% interval {points(low, comparison)} to {points(high, comparison)})"
    if low <= 0 <= high:
        verdict = "the interval includes 0, so no gain is shown"
    else:
        better = difference > 0 if comparison.get("more_is_better") else difference < 0
        verdict = f"fine-tuning is {'better' if better else 'worse'}"
    return f"{text}: {verdict}.{diverged and ' ' + diverged}"


def _diverged_sentence(comparison: Mapping[str, Any]) -> str:
    """Say which runs have no number, and why; "" if all have one."""
    reasons = comparison.get("diverged") or {}
    if not reasons:
        return ""
    number = len(comparison.get("seeds") or [])
    said = []
    for arm, what in (("fine_tuned", "Fine-tuning"), ("scratch", "Training from scratch")):
        bad = [reasons[run] for run in (comparison.get("runs") or {}).get(arm) or [] if run in reasons]
        if bad:
            said.append(f"{what} diverged in {len(bad)} of {counted(number, 'seed')}: {bad[0]}.")
    return " ".join(said)


def _chance(comparison: Mapping[str, Any]) -> str:
    """What one seed can say: for accuracies, how far two models differ by chance on these samples."""
    pair = next((found for found in map(Pairing.of, comparison.get("pairs") or []) if found is not None), None)
    if pair is None:
        return "--seeds 3 would say how much of it is chance"
    return f"the difference is {'more than' if pair.is_significant else 'no more than'} {pair.chance_sentence()}"


def form_of(comparison: Mapping[str, Any]) -> Callable[[object], str]:
    """How the measure is written."""
    return percent if comparison.get("measure") == "accuracy" else decimal


def points(difference: float, comparison: Mapping[str, Any]) -> str:
    """Write a difference with its sign, of accuracies in points of a hundred."""
    if comparison.get("measure") == "accuracy":
        return f"{100 * difference:+.1f} points".replace("-", "−")
    return f"{difference:+.4g}".replace("-", "−")

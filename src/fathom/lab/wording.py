"""Effects, verdicts and sentences of the lab as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}")
OUTCOMES = {"more": "more", "less": "less", "same": "no difference", "open": "open"}


def effect_text(comparison: Mapping[str, Any]) -> str:
    """Write an effect with its interval.

    >>> effect_text({"mean": 0.0123, "low": 0.01, "high": 0.0151, "unit": "pp", "is_ratio": False})
    '+1.23 pp (1.00 … 1.51)'
    """
    if "mean" not in comparison:
        return str(comparison.get("text", "–"))
    mean, low, high = (comparison[key] for key in ("mean", "low", "high"))
    if comparison["is_ratio"]:
        return f"×{_factor(mean)} ({_factor(low)} … {_factor(high)})"
    if comparison["unit"] == "pp":  # percentage points
        return f"{100 * mean:+.2f} pp ({100 * low:.2f} … {100 * high:.2f})"
    unit = f" {comparison['unit']}" if comparison["unit"] else ""
    return f"{'+' if mean > 0 else ''}{number(mean)}{unit} ({number(low)} … {number(high)})"


def found_text(comparison: Mapping[str, Any]) -> str:
    """Write what a comparison came out as; one that is open may still be certain to be no less, or no more."""
    if comparison["outcome"] == "open" and comparison["answer"] == "yes":
        return str(comparison["expected"])
    return OUTCOMES[comparison["outcome"]]


def margin_text(comparison: Mapping[str, Any]) -> str:
    """Write a margin."""
    margin = comparison["margin"]
    if comparison["is_ratio"]:
        return f"×{number(margin)}"
    return f"±{100 * margin:g} pp" if comparison["unit"] == "pp" else f"±{number(margin)} {comparison['unit']}".strip()


def _factor(value: float) -> str:
    """Write a factor; near 1 with two digits after the point, which say how near."""
    return f"{value:.2f}" if 0.1 <= value < 10 else number(value)


def number(value: float) -> str:
    """Write a number with three significant digits.

    >>> number(0.012345), number(1234.5), number(-3.0)
    ('0.0123', '1,230', '-3')
    """
    return f"{float(f'{value:.3g}'):,g}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def fill_sentence(text: str, content: Mapping[str, Any]) -> str:
    """Put the numbers in place of their names.

    ``{seeds}`` is how many there are, ``{c1}`` the first comparison's effect with its interval, ``{arm}`` an arm's mean
    of the value that is drawn (a percentage where it is an accuracy), ``{arm:value}`` its mean of another one.
    """
    comparisons = {comparison["key"]: comparison for comparison in content["comparisons"]}

    def put(found: re.Match[str]) -> str:
        name, measure = found.groups()
        if name == "seeds":
            return str(len(content["seeds"]))
        if name in comparisons:
            return str(comparisons[name]["text"])
        if name not in content["arms"]:
            return found[0]
        means = content["arms"][name]["means"]
        measure = measure or content["plot"]["measure"] or "accuracy"
        if measure not in means:
            return "–"
        mean = means[measure]["mean"]
        return f"{100 * mean:.1f} %" if "accuracy" in measure or "share" in measure else number(mean)

    return _FIELD.sub(put, text)


def grid_note(content: Mapping[str, Any]) -> str:
    """Say which arms have their best learning rate at an end of the grid, where a better one may lie beyond it."""
    rates = content.get("settings", {}).get("rates", [])
    ends = {min(rates), max(rates)} if len(rates) > 1 else set()
    found = [
        arm["label"] for arm in content["arms"].values() if "lr" in arm["means"] and arm["means"]["lr"]["mean"] in ends
    ]
    return f"The best learning rate lies at an end of the grid for: {'; '.join(found)}." if found else ""


def headline(content: Mapping[str, Any]) -> str:
    """Return the first comparison's effect; of an exact claim how many checks passed."""
    if content["comparisons"]:
        return str(content["comparisons"][0]["text"])
    facts = content["facts"]
    return f"{sum(fact['holds'] for fact in facts)} of {len(facts)} exact checks"

"""What all tables say together."""

from __future__ import annotations

import math
from typing import Any

_POINTS, _RATIO = 2.0, 1.05  # further behind than this is bad


def summarize(results: list[dict[str, Any]], contender: str) -> str:
    """Return how a contender stands against the better of boosting and the linear model on each table.

    Means over seeds; classification in points of accuracy, regression as a ratio of errors.
    """
    lines = [f"{contender} against the better of boosting and linear, table by table:"]
    for task in ("classification", "regression"):
        gaps: dict[str, float] = {}
        for table in dict.fromkeys(row["table"] for row in results if row["task"] == task):
            own, best = _mean(results, table, contender), min(_mean(results, table, n) for n in ("boosting", "linear"))
            gap = (best - own) * 100 if task == "classification" else own / max(best, 1e-12)
            gaps[table] = round(gap, 9)  # equal scores are a tie, whatever the order of their sums
        if not gaps:
            continue
        if task == "classification":
            ahead, behind = sum(gap >= 0 for gap in gaps.values()), sum(gap < -_POINTS for gap in gaps.values())
            middle = f"{sum(gaps.values()) / len(gaps):+.2f} points on average"
            worst = sorted(gaps.items(), key=lambda item: item[1])[:4]
        else:
            ahead, behind = sum(gap <= 1 for gap in gaps.values()), sum(gap > _RATIO for gap in gaps.values())
            middle = f"{math.exp(sum(map(math.log, gaps.values())) / len(gaps)):.3f} × the error on average"
            worst = sorted(gaps.items(), key=lambda item: -item[1])[:4]
        listed = ", ".join(
            f"{name} {gap:+.2f}" if task == "classification" else f"{name} {gap:.2f}" for name, gap in worst
        )
        lines.append(f"  {task}: ahead on {ahead} of {len(gaps)}, {middle}, far behind on {behind}; worst {listed}")
    seconds = [sum(r["seconds"] for r in results if r["contender"] == name) for name in (contender, "boosting")]
    lines.append(f"  time: {seconds[0]:.0f} s in all, boosting {seconds[1]:.0f} s")
    return "\n".join(lines)


def _mean(results: list[dict[str, Any]], table: str, contender: str) -> float:
    scores = [row["score"] for row in results if row["table"] == table and row["contender"] == contender]
    return sum(scores) / len(scores)

"""The figure of an experiment: its arms with every seed, or the paired differences beside the margin."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fathom.runs.html.charts.figure import clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c4581b", "#8a8f98"
_WIDTH, _ROW, _AXIS = 6.4, 0.3, 0.6  # inches
_MOST_DOTS = 14  # of one arm: more make a large file and no clearer picture
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "fathom", "font.size": 9, "axes.spines.top": False}


def draw_figure(content: Mapping[str, Any], kind: str) -> bytes:
    """Draw a measured experiment as "svg" or "png"."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_STYLE, "axes.spines.right": False}):
        plot, comparisons = content["plot"], content["comparisons"]
        has_arms = bool(plot["measure"] and content["arms"])
        rows = [len(content["arms"]) if has_arms and not plot["x"] else 8 * has_arms, len(comparisons)]
        parts = [_draw_levels if plot["x"] else _draw_arms, _draw_differences]
        if not any(rows):
            rows, parts = [len(content["facts"])], [_draw_facts]
        # a part with no rows is left out; each has an axis below
        chosen = [(count, part) for count, part in zip(rows, parts, strict=True) if count]
        heights = [_AXIS + _ROW * count for count, _ in chosen]
        figure = Figure((_WIDTH, sum(heights)), layout="constrained")
        for axes, (_, part) in zip(
            figure.subplots(len(chosen), height_ratios=heights, squeeze=False)[:, 0], chosen, strict=True
        ):
            part(axes, content)
        # no date: the same numbers give the same file
        file, metadata = io.BytesIO(), {"Date": None} if kind == "svg" else {}
        figure.savefig(file, format=kind, dpi=140, metadata=metadata)
    text = file.getvalue()
    if kind == "svg":  # matplotlib ends lines of paths with a space
        text = b"\n".join(line.rstrip() for line in text.splitlines()) + b"\n"
    return text


def _draw_levels(axes: Axes, content: Mapping[str, Any]) -> None:
    """Draw a value over the numbers of the arms, with its interval and every seed."""
    plot = content["plot"]
    measure, places, means = plot["measure"], [], []
    for x, arm in zip(plot["x"], content["arms"].values(), strict=True):
        if measure not in arm["means"]:  # diverged in every seed
            continue
        found = arm["means"][measure]
        _dots(axes, [x] * len(arm["seeds"]), arm["values"][measure])
        axes.plot([x, x], [found["low"], found["high"]], color=_BLUE, linewidth=2)
        places.append(x)
        means.append(found["mean"])
    axes.plot(places, means, color=_BLUE, marker="D", markersize=4, linewidth=1)
    axes.set(xlabel=plot["x_label"], ylabel=plot["title"] or measure)
    if plot["log_x"]:
        axes.set_xscale("log")
        axes.set_xticks(plot["x"], [f"{x:g}" for x in plot["x"]])
        axes.minorticks_off()
    if plot["log_y"]:
        axes.set_yscale("log")


def _draw_arms(axes: Axes, content: Mapping[str, Any]) -> None:
    """Draw a row for each arm: its seeds, mean and interval."""
    plot = content["plot"]
    measure = plot["measure"]
    arms = list(content["arms"].values())
    for row, arm in enumerate(arms):
        if measure not in arm["means"]:
            continue
        found = arm["means"][measure]
        _dots(axes, arm["values"][measure], [row] * len(arm["seeds"]))
        axes.plot([found["low"], found["high"]], [row, row], color=_BLUE, linewidth=2.5)
        axes.plot([found["mean"]], [row], color=_BLUE, marker="D", markersize=5)
    axes.set_yticks(range(len(arms)), [arm["label"] for arm in arms])
    axes.set(xlabel=plot["title"] or measure, ylim=(len(arms) - 0.5, -0.5))
    if plot["log_y"]:
        axes.set_xscale("log")


def _draw_differences(axes: Axes, content: Mapping[str, Any]) -> None:
    """Draw a row for each comparison, in units of its margin: what lies inside ±1 does not matter."""
    comparisons = content["comparisons"]
    axes.axvspan(-1, 1, color="#e9eef5")
    axes.axvline(0, color=_GREY, linewidth=0.8)
    for row, comparison in enumerate(comparisons):
        if "mean" not in comparison:
            continue
        factor = comparison["is_ratio"]
        margin = math.log(comparison["margin"]) if factor else comparison["margin"]
        low, mean, high = (
            (math.log(comparison[key]) if factor else comparison[key]) / margin for key in ("low", "mean", "high")
        )
        color = _BLUE if comparison["is_judged"] else _GREY
        _dots(axes, [value / margin for value in comparison["differences"]], [row] * len(comparison["differences"]))
        axes.plot([low, high], [row, row], color=color, linewidth=2.5)
        axes.plot([mean], [row], color=color, marker="D", markersize=5)
    axes.set_yticks(range(len(comparisons)), [comparison["title"] for comparison in comparisons])
    axes.set(xlabel="difference / margin", ylim=(len(comparisons) - 0.5, -0.5))


def _draw_facts(axes: Axes, content: Mapping[str, Any]) -> None:
    """Write a line for each exact check."""
    facts = content["facts"]
    for row, fact in enumerate(facts):
        axes.plot(
            [0], [row], marker="o" if fact["holds"] else "X", markersize=8, color=_BLUE if fact["holds"] else _ORANGE
        )
        axes.text(0.03, row, clip(": ".join(filter(None, (fact["title"], fact["detail"]))), 95), va="center")
    axes.set(xlim=(-0.02, 1), ylim=(len(facts) - 0.5, -0.5))
    axes.axis("off")


def _dots(axes: Axes, xs: list[Any], ys: list[Any]) -> None:
    """Draw the seeds, those that diverged left out."""
    pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
    pairs = pairs[:: math.ceil(len(pairs) / _MOST_DOTS) or 1]
    if pairs:
        x, y = zip(*pairs, strict=True)
        axes.plot(x, y, linestyle="", marker="o", markersize=3, color=_GREY, alpha=0.5, markeredgewidth=0)

"""Clouds of points: predicted over true values, and the trials of a study over what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fathom.runs.analysis.numbers import percent
from fathom.runs.html.charts.figure import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Entry,
    Horizontal,
    Vertical,
    axes,
    axis_label,
    clip,
    figure,
    label_ticks,
)
from fathom.runs.html.charts.lines import Line, curve
from fathom.runs.html.charts.scales import AxisScale, fit_scale, needs_log_scale, whole_ticks
from fathom.runs.html.markup import Html, escape, join

_LETTERS = 48  # that have room below a chart
_TICKS = 6


def scatter_chart(key: str, title: str, points: Sequence[tuple[float, float]], *, describe: str) -> Html:
    """Draw predicted over true values, with the line on which both are equal."""
    values = [value for point in points for value in point]
    across, up = fit_scale(values, LEFT, RIGHT), fit_scale(values, BOTTOM, TOP)  # square axes: the same range on both
    ends = (across(across.low), up(up.low), across(across.high), up(up.high))
    diagonal = '<line class="mark" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format(*ends)
    dots = "".join(f'<circle class="dot tone-train" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2"/>' for x, y in points)
    ticks = across.ticks(_TICKS)
    drawn = axes(across, up, ("true value", "predicted value"), ticks, label_ticks(ticks))
    return figure(key, title, describe, join([drawn, Html(diagonal), Html(dots)]))


@dataclass(frozen=True)
class Dots:
    """Points of one kind: (x, y, what the pointer shows)."""

    label: str
    points: Sequence[tuple[float, float, str]]
    tone: str


def dot_chart(
    key: str,
    title: str,
    groups: Sequence[Dots],
    *,
    describe: str,
    x: Horizontal,
    y: Vertical,
    steps: Line | None = None,
) -> Html:
    """Draw groups of points, first those that the later ones may cover; ``steps`` is a line over them."""
    points = [point for group in groups for point in group.points]
    log = y.may_log and needs_log_scale(height for _, height, _ in points)
    across = _across([place for place, _, _ in points], x)
    up = fit_scale([height for _, height, _ in points], BOTTOM, TOP, log=log)
    if y.form is percent and up.high > 1:  # a share ends at 100 %, whatever number is round
        up = AxisScale(up.low, 1.0, BOTTOM, TOP)
    ticks, texts = _ticks(across, x)
    parts = [axes(across, up, (axis_label(x.label, x.log), axis_label(y.label, log)), ticks, texts, y.form)]
    if steps is not None:
        parts.append(curve(steps, across, up))
    for group in groups:
        for place, height, tip in group.points:
            dot = f'<circle class="dot tone-{group.tone}" cx="{across(place):.1f}" cy="{up(height):.1f}" r="4">'
            parts.append(Html(f"{dot}<title>{escape(tip)}</title></circle>"))
    sample = '<circle class="dot" cx="11" cy="5" r="4"/>'
    legend = [Entry(sample, group.label, group.tone) for group in groups if len(groups) > 1]
    if steps is not None:
        legend.append(steps.entry())
    return figure(key, title, describe, join(parts), legend=legend)


def _across(places: Sequence[float], x: Horizontal) -> AxisScale:
    if x.names or x.whole:
        # half a place of room, or the outer dots lie on the axes
        return AxisScale(-0.5, max([len(x.names) - 1.0, *places]) + 0.5, LEFT, RIGHT)  # names at 0, 1, 2 …
    return fit_scale(places, LEFT, RIGHT, log=x.log)


def _ticks(across: AxisScale, x: Horizontal) -> tuple[list[float], list[str]]:
    if x.names:
        room = max(3, _LETTERS // len(x.names))  # clip needs a letter or two before its …
        return [float(i) for i in range(len(x.names))], [clip(name, room) for name in x.names]
    ticks = whole_ticks(across.high) if x.whole else across.ticks(_TICKS)
    return ticks, label_ticks(ticks)

"""Repeated measurements, a row for each thing measured: folds of networks, seeds of students."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fathom.runs.analysis.numbers import percent
from fathom.runs.html.charts.figure import RIGHT, TONES, TOP, WIDTH, clip, label_ticks, marker, text, wide_figure
from fathom.runs.html.charts.scales import AxisScale, fit_scale
from fathom.runs.html.markup import Html, escape, join

_ROW = 34  # height of a row
_LETTER = 7  # width of a letter, about
_LONGEST_NAME = 150


@dataclass(frozen=True)
class Strip:
    """Repeated measurements of one thing; ``low`` and ``high`` bound the interval of their mean."""

    label: str
    values: Sequence[float]
    mean: float
    low: float | None
    high: float | None


def strip_chart(
    key: str, title: str, strips: Sequence[Strip], *, describe: str, x_label: str, x_form: Callable[[object], str]
) -> Html:
    """Draw each strip as a row: a dot for every measurement, a diamond for their mean, a band for its interval."""
    # 24: the gap between name and axis
    left = 24 + min(_LONGEST_NAME, _LETTER * max((len(strip.label) for strip in strips), default=1))
    right, end = RIGHT - 8, TOP + _ROW * len(strips)  # half a label is beside the last tick
    bounds = [bound for strip in strips for bound in (strip.low, strip.high) if bound is not None]
    # intervals too, or they would leave the drawing
    across = fit_scale([*(value for strip in strips for value in strip.values), *bounds], left, right)
    parts: list[Html] = []
    ticks = across.ticks(5)
    for tick, label in zip(ticks, label_ticks(ticks, is_share=x_form is percent), strict=True):
        x = across(tick)
        parts.append(Html(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{end}"/>'))
        parts.append(text(x, end + 18, label, "middle"))
    parts.append(Html(f'<line class="axis" x1="{left}" x2="{right}" y1="{end}" y2="{end}"/>'))
    parts.append(text((left + right) / 2, end + 37, x_label, "middle", class_="axis-name"))
    for i, strip in enumerate(strips):
        y = TOP + _ROW * (i + 0.5)  # the middle of the row
        parts.append(Html(f'<g class="tone-{i % TONES}">{_marks(strip, across, y, x_form)}</g>'))
        parts.append(text(left - 8, y + 4, clip(strip.label), "end"))
    return wide_figure(key, title, describe, join(parts), width=WIDTH, height=end + 46)


def _marks(strip: Strip, across: AxisScale, y: float, form: Callable[[object], str]) -> str:
    marks = ""
    if strip.low is not None and strip.high is not None:
        start, width = across(strip.low), across(strip.high) - across(strip.low)
        about = f"interval {form(strip.low)} to {form(strip.high)}"
        marks += f'<rect class="band" x="{start:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="18" rx="3">'
        marks += f"<title>{escape(about)}</title></rect>"
    for value in strip.values:
        marks += f'<circle class="dot" cx="{across(value):.1f}" cy="{y:.1f}" r="3.5">'
        marks += f"<title>{escape(form(value))}</title></circle>"
    return marks + marker("val", across(strip.mean), y)  # the diamond; last, so that no dot covers it

"""Curves over epochs, over time or over trials; the numbers at each place show when it is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fathom.runs.html.charts.figure import (
    BOTTOM,
    EPOCHS,
    LEFT,
    NUMBERS,
    RIGHT,
    TOP,
    WIDTH,
    Entry,
    Horizontal,
    Vertical,
    axes,
    axis_label,
    figure,
    marker,
)
from fathom.runs.html.charts.scales import (
    AxisScale,
    Point,
    downsample,
    fit_scale,
    linear_ticks,
    needs_log_scale,
    whole_ticks,
)
from fathom.runs.html.markup import Html, escape, join

MOST_POINTS = 500  # more than one a unit of the drawing cannot be told apart
MOST_COLUMNS = 250
MOST_MARKERS = 40
_LETTER = 6.7  # width of a letter of the tip's text, about
_LEADING = 3  # points that a line needs to decide on the height of its chart


@dataclass(frozen=True)
class Line:
    """One curve. ``tone`` is its colour class; a faint line carries no markers and no labels."""

    label: str
    points: Sequence[Point]
    tone: str
    faint: bool = False
    markers: bool = True

    def entry(self) -> Entry:
        """Return the legend's entry for the line."""
        return Entry(
            f'<path class="line" d="M1 5H21"/>{marker(self.tone, 11, 5) * self.markers}', self.label, self.tone
        )  # 22 by 10 units; times a bool: with or without


def line_chart(
    key: str,
    title: str,
    lines: Sequence[Line],
    *,
    describe: str,
    x: Horizontal = EPOCHS,
    y: Vertical = NUMBERS,
    mark: tuple[float, str] | None = None,
) -> Html:
    """Draw ``lines`` over a common axis from 0; ``mark`` is a vertical line that the legend explains.

    The height is fitted to the lines that are not faint, if those have three points or more: the first steps, far
    from everything later, would flatten the rest; a faint line then leaves the drawing at its edge.
    """
    end = x.end or max((at for line in lines for at, _ in line.points), default=1.0) or 1.0
    across = AxisScale(0.0, end, LEFT, RIGHT)
    # else all: a run of two epochs must have a height
    leading = [line for line in lines if not line.faint and len(line.points) >= _LEADING] or lines
    log = y.may_log and needs_log_scale(height for line in leading for _, height in line.points)
    heights = [height for line in (lines if log else leading) for _, height in line.points if height is not None]
    up = fit_scale(heights, BOTTOM, TOP, log=log)  # start below end: SVG counts from above
    ticks = whole_ticks(end) if x.whole else linear_ticks(0.0, end, 6)
    parts = [axes(across, up, (x.label, axis_label(y.label, log)), ticks, [x.form(tick) for tick in ticks], y.form)]
    if mark:
        at = across(mark[0])
        parts.append(Html(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{BOTTOM}"/>'))
    # 4 more above: markers at the top stay whole
    frame = f'<rect x="{LEFT}" y="{TOP - 4}" width="{WIDTH}" height="{BOTTOM - TOP + 4}"/>'
    # Faint lines first, so that the others cover them.
    curves = join(curve(line, across, up) for line in sorted(lines, key=lambda line: not line.faint))
    parts.append(Html(f'<clipPath id="{key}-box">{frame}</clipPath><g clip-path="url(#{key}-box)">{curves}</g>'))
    named = [line for line in lines if not line.faint]
    parts.append(_hover_columns(named, across, up, x, y.form))
    legend = [line.entry() for line in named if line.label != title.lower()]
    if mark:  # in the drawing there is no place that no curve can pass
        legend.append(Entry('<path class="mark" d="M11 0V10"/>', mark[1]))
    return figure(key, title, describe, join(parts), legend=legend)


def curve(line: Line, across: AxisScale, up: AxisScale) -> Html:
    """Draw one line; where it has no value there is a gap."""
    # 0 and below have no logarithm
    points = [(x, y if y is None or not up.log or y > 0 else None) for x, y in downsample(line.points, MOST_POINTS)]
    path, pen_down = [], False
    for x, y in points:
        if y is not None:
            path.append(f"{'L' if pen_down else 'M'}{across(x):.1f} {up(y):.1f}")
        pen_down = y is not None  # a gap lifts the pen: the next point is a move
    kind = f"curve tone-{line.tone}{' faint' if line.faint else ''}"
    markers = ""
    if line.markers and not line.faint and len(points) <= MOST_MARKERS:
        markers = "".join(marker(line.tone, across(x), up(y)) for x, y in points if y is not None)
    return Html(f'<g class="{kind}"><path class="line" d="{"".join(path)}"/>{markers}</g>')


def _hover_columns(
    lines: Sequence[Line], across: AxisScale, up: AxisScale, x: Horizontal, form: Callable[[object], str]
) -> Html:
    """Draw an unseen column over each place that reveals its own label when it is pointed at."""
    found: dict[float, list[tuple[Line, float]]] = {}  # place: (line, value) of each that has one there
    for line in lines:
        for at, height in downsample(line.points, MOST_COLUMNS):
            if height is not None and not (up.log and height <= 0):
                found.setdefault(at, []).append((line, height))
    places = sorted(found)
    if not places or len(places) > 2 * MOST_COLUMNS:  # lines that share no places: columns too thin to point at
        return Html("")
    # each column reaches halfway to its neighbours
    middles = [(across(a) + across(b)) / 2 for a, b in pairwise(places)]
    columns = []
    # the last place is on the edge: 8 units to hit it
    for at, start, end in zip(places, [LEFT, *middles], [*middles, RIGHT + 8], strict=True):
        columns.append(
            f'<g class="column"><rect x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{BOTTOM - TOP}"/>'
            f"{_tip(across(at), f'{x.label} {x.form(at)}', found[at], up, form)}</g>"
        )
    return Html("".join(columns))


def _tip(
    x: float, heading: str, entries: Sequence[tuple[Line, float]], up: AxisScale, form: Callable[[object], str]
) -> str:
    texts = [f"{line.label} {form(height)}" for line, height in entries]
    width = 14 + _LETTER * max(len(text) for text in [heading, *texts])  # 7 on either side
    height = 12 + 16 * (len(texts) + 1)  # 16 a line of text, one for the heading
    left = x + 10 if x + 10 + width <= WIDTH else max(0.0, x - 10 - width)  # to the left where the right has no room
    dots = "".join(f'<g class="tone-{line.tone}">{marker(line.tone, x, up(value))}</g>' for line, value in entries)
    rows = "".join(
        f'<text x="{left + 7:.1f}" y="{TOP + 38 + 16 * i}" class="tip-text">{escape(text)}</text>'
        for i, text in enumerate(texts)
    )
    return (
        f'<g class="tip"><line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>{dots}'
        f'<rect class="tip-box" x="{left:.1f}" y="{TOP + 6}" width="{width:.1f}" height="{height}" rx="4"/>'
        f'<text x="{left + 7:.1f}" y="{TOP + 22}" class="tip-head">{escape(heading)}</text>{rows}</g>'
    )

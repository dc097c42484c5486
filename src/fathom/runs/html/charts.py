"""Charts as inline SVG: lines over epochs, a heat map of counts, a cloud of points.

Colours come from the page's style sheet through classes, so that one image serves light, dark and paper. Every chart
has a title and a description for those who hear the page, and shows the numbers under the pointer without a script:
an unseen column over each epoch reveals its own label when hovered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fathom.runs.analysis.numbers import count, decimal, percent
from fathom.runs.html.page import Html, element, escape, join
from fathom.runs.html.scales import Point, Scale, downsample, fit_scale, linear_ticks, needs_log_scale, whole_ticks

WIDTH, HEIGHT = 460, 272
LEFT, RIGHT, TOP, BOTTOM = 54, 446, 26, 228
MOST_POINTS = 500
MOST_COLUMNS = 250
MOST_MARKERS = 40
STRONG = 0.77  # the shade from which page.css's light text reads better on a cell than its dark text


@dataclass(frozen=True)
class Line:
    """One curve. ``tone`` is its colour class; a faint line carries no markers and no labels."""

    label: str
    points: Sequence[Point]
    tone: str
    faint: bool = False
    markers: bool = True


def line_chart(
    key: str,
    title: str,
    lines: Sequence[Line],
    *,
    describe: str,
    x_label: str = "epoch",
    y_label: str = "",
    y_format: Callable[[object], str] = decimal,
    x_format: Callable[[object], str] = lambda x: f"{x:g}",
    furthest: float | None = None,
    mark: tuple[float, str] | None = None,
    whole_x: bool = True,
    may_log: bool = False,
) -> Html:
    """Draw ``lines`` over a common axis from 0 to ``furthest``; ``mark`` is a labelled vertical line.

    The height is fitted to the lines that are not faint, if those have three points or more: the first steps, far
    from everything later, would flatten the rest; a faint line then leaves the image at its edge. With ``may_log``
    a logarithmic axis is taken, and said so, when positive numbers span more than a factor of 100.
    """
    furthest = furthest or max((x for line in lines for x, _ in line.points), default=1.0) or 1.0
    across = Scale(0.0, furthest, LEFT, RIGHT)
    leading = [line for line in lines if not line.faint and len(line.points) >= 3] or lines
    log = may_log and needs_log_scale(y for line in leading for _, y in line.points)
    values = [y for line in (lines if log else leading) for _, y in line.points if y is not None]
    up = fit_scale(values, BOTTOM, TOP, log=log)
    x_ticks = whole_ticks(furthest) if whole_x else linear_ticks(0.0, furthest, 6)
    texts = [x_format(tick) for tick in x_ticks]
    parts = [_axes(across, up, x_ticks, x_label, y_label + (" (log scale)" if log else ""), texts, y_format)]
    if mark:
        near = [up(y) for line in leading for x, y in line.points if x == mark[0] and y is not None]
        parts.append(_mark(across(mark[0]), mark[1], at_top=not near or min(near) > (TOP + BOTTOM) / 2))
    frame = f'<rect x="{LEFT}" y="{TOP - 4}" width="{WIDTH}" height="{BOTTOM - TOP + 4}"/>'
    curves = join(_curve(line, across, up) for line in sorted(lines, key=lambda line: not line.faint))
    parts.append(Html(f'<clipPath id="{key}-box">{frame}</clipPath><g clip-path="url(#{key}-box)">{curves}</g>'))
    parts.append(_hover_columns([line for line in lines if not line.faint], across, up, x_label, x_format, y_format))
    legend = [line for line in lines if not line.faint and line.label != title.lower()]
    return _figure(key, title, describe, join(parts), legend=legend)


def heat_map(key: str, title: str, counts: Sequence[Sequence[int]], names: Sequence[str], *, describe: str) -> Html:
    """Draw a confusion matrix: rows are true classes, columns predictions, shade is the share of the row.

    The diagonal has its own colour; the mistakes are shaded against the largest mistake, so that they stand out
    even where they are few.
    """
    size = len(names)
    cell = 40 if size <= 12 else 30 if size <= 20 else 26
    left = 30 + min(140, 7 * max((len(name) for name in names), default=1))
    top = 20 + round(0.72 * (left - 30))
    end_x, end_y = left + size * cell, top + size * cell
    shares = [[n / (sum(row) or 1) for n in row] for row in counts]
    worst = max((shares[i][j] for i in range(size) for j in range(size) if i != j), default=0.0) or 1.0
    parts: list[Html] = []
    for i, row in enumerate(counts):
        y = top + i * cell
        parts.append(_text(left - 8, y + cell / 2 + 4, _clip(names[i]), "end"))
        x = left + i * cell + cell / 2
        parts.append(_text(0, 0, _clip(names[i]), "start", transform=f"translate({x:g} {top - 8}) rotate(-45)"))
        for j, n in enumerate(row):
            strength = shares[i][j] if i == j else 0.9 * shares[i][j] / worst
            parts.append(_cell(left + j * cell, y, cell, n, strength, i == j, names[i], names[j], shares[i][j]))
    parts.append(_text(left + size * cell / 2, end_y + 20, "predicted", "middle", class_="axis-name"))
    parts.append(
        _text(0, 0, "true", "middle", class_="axis-name", transform=f"translate(12 {(top + end_y) / 2:g}) rotate(-90)")
    )
    width, height = end_x + max(12, round(0.75 * (left - 30)) - cell // 2), end_y + 28
    return _figure(key, title, describe, join(parts), width=width, height=height, wide=True)


def scatter_chart(key: str, title: str, points: Sequence[tuple[float, float]], *, describe: str) -> Html:
    """Draw predicted over true values, with the line on which both are equal."""
    values = [value for point in points for value in point]
    across, up = fit_scale(values, LEFT, RIGHT), fit_scale(values, BOTTOM, TOP)
    ends = (across(across.low), up(up.low), across(across.high), up(up.high))
    diagonal = '<line class="mark" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format(*ends)
    dots = "".join(f'<circle class="dot tone-train" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2"/>' for x, y in points)
    ticks = across.ticks(6)
    axes = _axes(across, up, ticks, "true value", "predicted value", label_ticks(ticks), decimal)
    return _figure(key, title, describe, join([axes, Html(diagonal), Html(dots)]))


@dataclass(frozen=True)
class Strip:
    """Repeated measurements of one thing; ``low`` and ``high`` bound the interval of their mean."""

    label: str
    values: Sequence[float]
    mean: float
    low: float | None
    high: float | None


def strip_chart(
    key: str, title: str, strips: Sequence[Strip], *, describe: str, x_label: str, x_format: Callable[[object], str]
) -> Html:
    """Draw each strip as a row: a dot for every measurement, a diamond for their mean, a band for its interval."""
    left = 24 + min(150, 7 * max((len(strip.label) for strip in strips), default=1))
    row, end = 34, TOP + 34 * len(strips)
    bounds = [bound for strip in strips for bound in (strip.low, strip.high) if bound is not None]
    right = RIGHT - 8  # half a label is beside the last tick
    across = fit_scale([*(value for strip in strips for value in strip.values), *bounds], left, right)
    parts: list[Html] = []
    ticks = across.ticks(5)
    for tick, text in zip(ticks, label_ticks(ticks, is_share=x_format is percent), strict=True):
        x = across(tick)
        parts.append(Html(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{end}"/>'))
        parts.append(_text(x, end + 18, text, "middle"))
    parts.append(Html(f'<line class="axis" x1="{left}" x2="{right}" y1="{end}" y2="{end}"/>'))
    parts.append(_text((left + right) / 2, end + 37, x_label, "middle", class_="axis-name"))
    for i, strip in enumerate(strips):
        y = TOP + row * (i + 0.5)
        marks = ""
        if strip.low is not None and strip.high is not None:
            start, width = across(strip.low), across(strip.high) - across(strip.low)
            about = f"interval {x_format(strip.low)} to {x_format(strip.high)}"
            marks += f'<rect class="band" x="{start:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="18" rx="3">'
            marks += f"<title>{escape(about)}</title></rect>"
        for value in strip.values:
            marks += f'<circle class="dot" cx="{across(value):.1f}" cy="{y:.1f}" r="3.5">'
            marks += f"<title>{escape(x_format(value))}</title></circle>"
        marks += _marker("val", across(strip.mean), y)
        parts.append(Html(f'<g class="tone-{i % 8}">{marks}</g>'))
        parts.append(_text(left - 8, y + 4, _clip(strip.label), "end"))
    return _figure(key, title, describe, join(parts), height=end + 46, wide=True)


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
    x_label: str,
    y_label: str,
    y_format: Callable[[object], str] = decimal,
    x_log: bool = False,
    x_whole: bool = False,
    x_names: Sequence[str] = (),
    steps: Line | None = None,
) -> Html:
    """Draw groups of points, first those that the later ones may cover; ``steps`` is a line over them.

    With ``x_names`` the x of a point is the number of a name. Where positive heights span more than a factor of 100,
    the axis is logarithmic, and says so.
    """
    points = [point for group in groups for point in group.points]
    log = y_format is not percent and needs_log_scale(y for _, y, _ in points)
    places = [x for x, _, _ in points]
    if x_names or x_whole:
        across = Scale(-0.5, max([len(x_names) - 1.0, *places]) + 0.5, LEFT, RIGHT)
    else:
        across = fit_scale(places, LEFT, RIGHT, log=x_log)
    up = fit_scale([y for _, y, _ in points], BOTTOM, TOP, log=log)
    if y_format is percent and up.high > 1:
        up = Scale(up.low, 1.0, BOTTOM, TOP)
    ticks = [float(i) for i in range(len(x_names))] or (whole_ticks(across.high) if x_whole else across.ticks(6))
    if x_names:
        texts = [_clip(name, max(3, 48 // len(x_names))) for name in x_names]
    else:
        texts = label_ticks(ticks)
    labels = (x_label + (" (log scale)" if x_log else ""), y_label + (" (log scale)" if log else ""))
    parts = [_axes(across, up, ticks, *labels, texts, y_format)]
    if steps is not None:
        parts.append(_curve(steps, across, up))
    for group in groups:
        for x, y, tip in group.points:
            dot = f'<circle class="dot tone-{group.tone}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="4">'
            parts.append(Html(f"{dot}<title>{escape(tip)}</title></circle>"))
    legend = [Line(group.label, (), group.tone) for group in groups if len(groups) > 1]
    if steps is not None:
        legend.append(steps)
    return _figure(key, title, describe, join(parts), legend=legend)


def share_bar(share: float) -> Html:
    """Draw a small bar that fills ``share`` of its width."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}"
    return Html(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="bar-track" width="100" height="6"/><rect class="bar-fill" width="{width}" height="6"/></svg>'
    )


def _figure(
    key: str,
    title: str,
    describe: str,
    content: Html,
    *,
    legend: Sequence[Line] = (),
    width: float = WIDTH,
    height: float = HEIGHT,
    wide: bool = False,
) -> Html:
    entries = [
        element(
            "li",
            Html(f'<svg viewBox="0 0 22 10" aria-hidden="true" class="sample tone-{line.tone}">{_sample(line)}</svg>'),
            line.label,
        )
        for line in legend
    ]
    caption = element(
        "figcaption",
        element("span", title, class_="chart-title"),
        element("ul", *entries, class_="legend") if entries else "",
    )
    size = ""
    if wide:  # as large as its text needs, smaller where the page is, but never too small to read
        least = next(
            (name for name, limit in (("size-large", 700), ("size-medium", 500)) if width > limit), "size-small"
        )
        size = f' width="{1.15 * width:.0f}" class="{least}"'
    svg = (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{key}-name {key}-about"{size}>'
        f'<title id="{key}-name">{escape(title)}</title><desc id="{key}-about">{escape(describe)}</desc>{content}</svg>'
    )
    body = element("div", Html(svg), class_="scroll", tabindex="0", role="region", aria_label=title) if wide else svg
    return element("figure", caption, Html(body), class_="chart wide" if wide else "chart")


def _sample(line: Line) -> str:
    """Draw a legend's sample: the line as it is, or a dot for what has no line."""
    if not line.points:
        return '<circle class="dot" cx="11" cy="5" r="4"/>'
    return f'<path class="line" d="M1 5H21"/>{_marker(line.tone, 11, 5) if line.markers else ""}'


def _axes(
    across: Scale,
    up: Scale,
    x_ticks: Sequence[float],
    x_label: str,
    y_label: str,
    x_texts: Sequence[str],
    y_format: Callable[[object], str],
) -> Html:
    parts: list[Html] = []
    y_ticks = up.ticks(5)
    for tick, label in zip(y_ticks, label_ticks(y_ticks, is_share=y_format is percent), strict=True):
        y = up(tick)
        parts.append(Html(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'))
        parts.append(_text(LEFT - 7, y + 4, label, "end"))
    for tick, text in zip(x_ticks, x_texts, strict=True):
        x = across(tick)
        parts.append(Html(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 4}"/>'))
        parts.append(_text(x, BOTTOM + 18, text, "middle"))
    parts.append(Html(f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'))
    parts.append(_text((LEFT + RIGHT) / 2, BOTTOM + 37, x_label, "middle", class_="axis-name"))
    parts.append(_text(LEFT - 7, TOP - 13, y_label, "start", class_="axis-name"))
    return join(parts)


def _curve(line: Line, across: Scale, up: Scale) -> Html:
    points = [(x, y if y is None or not up.log or y > 0 else None) for x, y in downsample(line.points, MOST_POINTS)]
    path, pen_down = [], False
    for x, y in points:
        if y is not None:
            path.append(f"{'L' if pen_down else 'M'}{across(x):.1f} {up(y):.1f}")
        pen_down = y is not None
    kind = f"curve tone-{line.tone}{' faint' if line.faint else ''}"
    markers = ""
    if line.markers and not line.faint and len(points) <= MOST_MARKERS:
        markers = "".join(_marker(line.tone, across(x), up(y)) for x, y in points if y is not None)
    return Html(f'<g class="{kind}"><path class="line" d="{"".join(path)}"/>{markers}</g>')


def _marker(tone: str, x: float, y: float) -> str:
    if tone == "val":  # another shape beside another colour, for those who see colours alike
        return f'<path class="marker" d="M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4-4z"/>'
    return f'<circle class="marker" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def _mark(x: float, label: str, *, at_top: bool) -> Html:
    anchor, shift = ("end", -5) if x > (LEFT + RIGHT) / 2 else ("start", 5)
    line = Html(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>')
    return join([line, _text(x + shift, TOP + 8 if at_top else BOTTOM - 8, label, anchor)])


def _hover_columns(
    lines: Sequence[Line],
    across: Scale,
    up: Scale,
    x_label: str,
    x_format: Callable[[object], str],
    y_format: Callable[[object], str],
) -> Html:
    found: dict[float, list[tuple[Line, float]]] = {}
    for line in lines:
        for x, y in downsample(line.points, MOST_COLUMNS):
            if y is not None and not (up.log and y <= 0):
                found.setdefault(x, []).append((line, y))
    places = sorted(found)
    if not places or len(places) > 2 * MOST_COLUMNS:
        return Html("")
    middles = [(across(a) + across(b)) / 2 for a, b in pairwise(places)]
    columns = []
    for x, start, end in zip(places, [LEFT, *middles], [*middles, RIGHT + 8], strict=True):
        columns.append(
            f'<g class="column"><rect x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{BOTTOM - TOP}"/>'
            f"{_tip(across(x), f'{x_label} {x_format(x)}', found[x], up, y_format)}</g>"
        )
    return Html("".join(columns))


def _tip(
    x: float, heading: str, entries: Sequence[tuple[Line, float]], up: Scale, y_format: Callable[[object], str]
) -> str:
    texts = [f"{line.label} {y_format(y)}" for line, y in entries]
    width = 14 + 6.7 * max(len(text) for text in [heading, *texts])
    height = 12 + 16 * (len(texts) + 1)
    left = x + 10 if x + 10 + width <= WIDTH else max(0.0, x - 10 - width)
    dots = "".join(f'<g class="tone-{line.tone}">{_marker(line.tone, x, up(y))}</g>' for line, y in entries)
    rows = "".join(
        f'<text x="{left + 7:.1f}" y="{TOP + 38 + 16 * i}" class="tip-text">{escape(text)}</text>'
        for i, text in enumerate(texts)
    )
    return (
        f'<g class="tip"><line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>{dots}'
        f'<rect class="tip-box" x="{left:.1f}" y="{TOP + 6}" width="{width:.1f}" height="{height}" rx="4"/>'
        f'<text x="{left + 7:.1f}" y="{TOP + 22}" class="tip-head">{escape(heading)}</text>{rows}</g>'
    )


def _cell(
    x: float, y: float, size: int, n: int, strength: float, right: bool, label: str, predicted: str, share: float
) -> Html:
    shade = f"{min(1.0, strength):.3f}"
    digits = len(str(n))
    text = Html("")
    if n:
        kind = "cell-text strong" if strength > STRONG else "cell-text"
        if digits * 7 > size - 6:
            kind += " small"
        text = _text(x + size / 2 - 0.5, y + size / 2 + 4, str(n), "middle", class_=kind)
    about = f"true {label}, predicted {predicted}: {count(n)} ({percent(share)} of {label})"
    kind = "cell right" if right else "cell wrong"
    return Html(
        f'<g><title>{escape(about)}</title><rect class="cell-ground" x="{x:g}" y="{y:g}" width="{size - 1}" '
        f'height="{size - 1}"/><rect class="{kind}" x="{x:g}" y="{y:g}" width="{size - 1}" height="{size - 1}" '
        f'fill-opacity="{shade}"/>{text}</g>'
    )


def _text(x: float, y: float, text: str, anchor: str, *, class_: str = "", transform: str = "") -> Html:
    return element("text", text, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor, class_=class_, transform=transform)


def _clip(name: str, limit: int = 20) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def label_ticks(ticks: Sequence[float], *, is_share: bool = False) -> list[str]:
    """Write ticks with as few digits as say where they are, so that no two look alike."""
    slack = 0.01 * min((b - a for a, b in pairwise(ticks)), default=1.0)
    texts: list[str] = []
    for digits in range(10):
        texts = [percent(tick, digits) if is_share else _tick(tick, digits) for tick in ticks]
        written = [float(text.removesuffix("%")) / (100 if is_share else 1) for text in texts]
        if all(abs(value - tick) <= slack for value, tick in zip(written, ticks, strict=True)):
            break
    return texts


def _tick(value: float, digits: int) -> str:
    """Write a tick's round number without trailing zeros, or with so many digits after the first where it is small."""
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.{digits}e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.{6 + digits}g}"

"""What all charts share: the frame around an SVG, its axes and their labels, the legend.

Colours come from the page's style sheet through classes, so that one drawing serves light, dark and paper. Every chart
has a title and a description for those who hear the page, and shows the numbers under the pointer without a script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.html.charts.scales import AxisScale
from fathom.runs.html.markup import Html, element, escape, join

# In units of the drawing, about a pixel each where a chart has half of a wide page
WIDTH, HEIGHT = 460, 272
LEFT, RIGHT, TOP, BOTTOM = 54, 446, 26, 228  # the field between the axes

TONES = 8  # as many colours as page.css has for runs; further ones begin again

# What a chart that scrolls in itself is never narrower than (page.css), by its own width
_LEAST_SIZES = (("size-large", 700), ("size-medium", 500))


def plain(value: object) -> str:
    """Write a number as short as it goes."""
    return f"{value:g}"


@dataclass(frozen=True)
class Horizontal:
    """How a chart is laid out from left to right.

    Attributes:
        label: below the axis.
        form: writes a value.
        whole: ticks at whole numbers only.
        end: the last value shown; that of the data if None.
        log: on a logarithmic scale.
        names: where values are numbers of names.
    """

    label: str = "epoch"
    form: Callable[[object], str] = plain
    whole: bool = True
    end: float | None = None
    log: bool = False
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Vertical:
    """How a chart is laid out from bottom to top.

    ``may_log``: on a logarithmic scale, and said so, where positive numbers span more than a factor of 100.
    """

    label: str = ""
    form: Callable[[object], str] = decimal
    may_log: bool = False


EPOCHS, NUMBERS = Horizontal(), Vertical()


@dataclass(frozen=True)
class Entry:
    """A line of the legend: its drawing, 22 by 10 units, and its words."""

    drawing: str
    label: str
    tone: str = ""


def figure(
    key: str, title: str, describe: str, content: Html, *, legend: Sequence[Entry] = (), height: float = HEIGHT
) -> Html:
    """Put a drawing of the usual width into a figure that is as wide as its column."""
    svg = _svg(key, title, describe, content, f"0 0 {WIDTH:g} {height:g}")
    return element("figure", _caption(title, legend), svg, class_="chart")


def wide_figure(key: str, title: str, describe: str, content: Html, *, width: float, height: float) -> Html:
    """Put a drawing into a figure as large as its text needs; on a narrow page smaller, but never too small to read."""
    least = next((name for name, limit in _LEAST_SIZES if width > limit), "size-small")  # from large to small
    svg = _svg(key, title, describe, content, f"0 0 {width:g} {height:g}", width=f"{1.15 * width:.0f}", class_=least)
    body = element("div", svg, class_="scroll", tabindex="0", role="region", aria_label=title)
    return element("figure", _caption(title), body, class_="chart wide")


def _svg(key: str, title: str, describe: str, content: Html, box: str, **size: str) -> Html:
    # class_ as class: a word of Python
    attributes = "".join(f' {name.rstrip("_")}="{value}"' for name, value in size.items())
    return Html(
        f'<svg viewBox="{box}" role="img" aria-labelledby="{key}-name {key}-about"{attributes}>'
        f'<title id="{key}-name">{escape(title)}</title><desc id="{key}-about">{escape(describe)}</desc>{content}</svg>'
    )


def _caption(title: str, legend: Sequence[Entry] = ()) -> Html:
    entries = [
        element(
            "li",
            Html(f'<svg viewBox="0 0 22 10" aria-hidden="true" class="sample tone-{entry.tone}">{entry.drawing}</svg>'),
            entry.label,
        )
        for entry in legend
    ]
    listed = element("ul", *entries, class_="legend") if entries else ""
    return element("figcaption", element("span", title, class_="chart-title"), listed)


def axes(
    across: AxisScale,
    up: AxisScale,
    labels: tuple[str, str],
    x_ticks: Sequence[float],
    x_texts: Sequence[str],
    y_form: Callable[[object], str] = decimal,
) -> Html:
    """Draw both axes with ticks, labels (below, and above the left end) and lines at the heights of the ticks."""
    parts: list[Html] = []
    y_ticks = up.ticks(5)
    # shares are written as percentages
    for tick, label in zip(y_ticks, label_ticks(y_ticks, is_share=y_form is percent), strict=True):
        y = up(tick)
        parts.append(Html(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'))
        # 4 down: text stands on its baseline, and its middle belongs to the tick
        parts.append(text(LEFT - 7, y + 4, label, "end"))
    for tick, label in zip(x_ticks, x_texts, strict=True):
        x = across(tick)
        # 4 units long
        parts.append(Html(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 4}"/>'))
        parts.append(text(x, BOTTOM + 18, label, "middle"))
    x_label, y_label = labels
    parts.append(Html(f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'))
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 37, x_label, "middle", class_="axis-name"))
    # above the axis, not beside: upright text is easier to read
    parts.append(text(LEFT - 7, TOP - 13, y_label, "start", class_="axis-name"))
    return join(parts)


def axis_label(label: str, log: bool) -> str:
    """Name an axis, and say where it is logarithmic."""
    return f"{label} (log scale)" if log else label


def text(x: float, y: float, content: str, anchor: str, *, class_: str = "", transform: str = "") -> Html:
    """Write text into a drawing; ``anchor`` is start, middle or end."""
    return element("text", content, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor, class_=class_, transform=transform)


def marker(tone: str, x: float, y: float) -> str:
    """Draw a point of a curve."""
    if tone == "val":  # another shape beside another colour, for those who see colours alike
        return f'<path class="marker" d="M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4-4z"/>'  # a diamond, 4 units each way
    return f'<circle class="marker" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def clip(name: str, limit: int = 20) -> str:
    """Cut a name that is too long for its place."""
    return name if len(name) <= limit else name[: limit - 1] + "…"  # limit counts the …


def label_ticks(ticks: Sequence[float], *, is_share: bool = False) -> list[str]:
    """Write ticks with as few digits as say where they are, so that no two look alike."""
    slack = 0.01 * min((b - a for a, b in pairwise(ticks)), default=1.0)  # a hundredth of a step cannot be seen
    texts: list[str] = []
    for digits in range(10):  # ten digits: more than a float32 has
        texts = [percent(tick, digits) if is_share else _tick(tick, digits) for tick in ticks]
        written = [float(label.removesuffix("%")) / (100 if is_share else 1) for label in texts]
        if all(abs(value - tick) <= slack for value, tick in zip(written, ticks, strict=True)):
            break
    return texts


def _tick(value: float, digits: int) -> str:
    """Write a tick's round number without trailing zeros, or with so many digits after the first where it is small."""
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):  # longer ones do not fit left of LEFT
        return f"{value:.{digits}e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.{6 + digits}g}"

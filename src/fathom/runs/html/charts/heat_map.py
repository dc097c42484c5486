"""A matrix of counts: the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

from fathom.runs.analysis.numbers import count, percent
from fathom.runs.html.charts.figure import clip, text, wide_figure
from fathom.runs.html.markup import Html, escape, join

_STRONG = 0.77  # the shade from which page.css's light text reads better on a cell than its dark text
_CELL_SIZES = ((12, 40), (20, 30))  # up to so many classes, a cell of so many units
_SMALL_CELL = 26
_LETTER = 7  # width of a letter, about
_LONGEST_NAME = 140
_SLOPE = 0.72  # a name at 45° is about as high as wide, cos 45° = 0.71


def heat_map(key: str, title: str, counts: Sequence[Sequence[int]], names: Sequence[str], *, describe: str) -> Html:
    """Draw a confusion matrix: rows are true classes, columns predictions, shade is the share of the row.

    The diagonal has its own colour; the mistakes are shaded against the largest mistake, so that they stand out
    even where they are few.
    """
    size = len(names)
    cell = next((length for most, length in _CELL_SIZES if size <= most), _SMALL_CELL)
    # room for the names of rows
    left = 30 + min(_LONGEST_NAME, _LETTER * max((len(name) for name in names), default=1))
    top = 20 + round(_SLOPE * (left - 30))  # room for those of columns, turned
    end_x, end_y = left + size * cell, top + size * cell
    shares = [[n / (sum(row) or 1) for n in row] for row in counts]  # (classes, classes); a class may have no sample
    worst = max((shares[i][j] for i in range(size) for j in range(size) if i != j), default=0.0) or 1.0
    parts: list[Html] = []
    for i, row in enumerate(counts):
        y = top + i * cell
        parts.append(text(left - 8, y + cell / 2 + 4, clip(names[i]), "end"))
        x = left + i * cell + cell / 2
        # turned so that it reads upwards to the right
        parts.append(text(0, 0, clip(names[i]), "start", transform=f"translate({x:g} {top - 8}) rotate(-45)"))
        for j, n in enumerate(row):
            share = shares[i][j]
            about = f"true {names[i]}, predicted {names[j]}: {count(n)} ({percent(share)} of {names[i]})"
            kind, shade = ("right", share) if i == j else ("wrong", 0.9 * share / worst)  # the worst stays readable
            drawn = _cell((left + j * cell, y), cell, n, kind, shade)
            parts.append(Html(f"<g><title>{escape(about)}</title>{drawn}</g>"))
    parts.append(text(left + size * cell / 2, end_y + 20, "predicted", "middle", class_="axis-name"))
    turned = f"translate(12 {(top + end_y) / 2:g}) rotate(-90)"
    parts.append(text(0, 0, "true", "middle", class_="axis-name", transform=turned))
    width, height = end_x + max(12, round(0.75 * (left - 30)) - cell // 2), end_y + 28  # room for the last turned name
    return wide_figure(key, title, describe, join(parts), width=width, height=height)


def _cell(place: tuple[float, float], size: int, n: int, kind: str, shade: float) -> Html:
    x, y = place
    label = Html("")
    if n:
        style = "cell-text strong" if shade > _STRONG else "cell-text"
        if len(str(n)) * _LETTER > size - 6:  # numbers wider than their cell are set smaller
            style += " small"
        # half of the gap below, which leaves the square a unit smaller than its cell
        label = text(x + size / 2 - 0.5, y + size / 2 + 4, str(n), "middle", class_=style)
    square = f'x="{x:g}" y="{y:g}" width="{size - 1}" height="{size - 1}"'
    return Html(
        f'<rect class="cell-ground" {square}/>'
        f'<rect class="cell {kind}" {square} fill-opacity="{min(1.0, shade):.3f}"/>{label}'
    )

"""The computation graph as an image: each operation a box with its value and the gradient that flows back through it.

Source:  notes N1 §1.1.5, N3 ch. 5
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Node, walk_back
from fathom.scratch.engine.recorded import Recorded
from fathom.scratch.engine.tensor import Tensor

MOST_NODES = 300  # beyond that nobody sees anything in it
# Pixels: of a box, between boxes, around the image
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 66, 26, 44, 16


def graph(y: Tensor, names: dict[str, Tensor] | None = None) -> str:
    """Draw how a tensor was computed, inputs at the top, with values and the gradients of its sum.

    Call it before ``backward()``, which frees what it shows, or after ``backward(retain_graph=True)``. No ``grad`` is
    changed. Only what needs a gradient is in the graph; constants have been pruned.

    Args:
        y: a computed tensor
        names: what to call inputs in the image

    Shape:   y (…) ->; what comes out is text, SVG
    Raises:  ValueError if nothing was recorded, RuntimeError if the values are gone or there are more than 300 nodes
    """
    if y._node is None:
        raise ValueError("graph: the tensor was not computed from one that requires a gradient, so there is no graph")
    gradients: dict[Node | Recorded, np.ndarray] = {}
    for node, G in walk_back(y._node, np.ones_like(y.data), retain_graph=True):
        gradients[node] = G
        if len(gradients) > MOST_NODES:
            raise RuntimeError(f"graph: more than {MOST_NODES} nodes make no image; draw a smaller part")

    called = {id(tensor): name for name, tensor in (names or {}).items()}
    users: dict[Node | Recorded, list[Node]] = {node: [] for node in gradients}
    for node in gradients:
        if isinstance(node, Node):
            for edge in node.edges:
                users[edge.target].append(node)
    place = _arrange(gradients, users)  # upper left corners
    width = 2 * MARGIN + max(x for x, _ in place.values()) + WIDTH
    height = 2 * MARGIN + max(y for _, y in place.values()) + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12" '
        f'role="img" aria-label="computation graph of {len(place)} nodes">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#667"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
    ]
    for node, those in users.items():
        x, top = place[node]
        for user in those:
            to_x, to_top = place[user]
            start, end = (MARGIN + x + WIDTH / 2, MARGIN + top + HEIGHT), (MARGIN + to_x + WIDTH / 2, MARGIN + to_top)
            bend = (start[1] + end[1]) / 2  # half way: the curve leaves and arrives upright
            parts.append(
                f'<path d="M{start[0]:.1f} {start[1]:.1f} C{start[0]:.1f} {bend:.1f} {end[0]:.1f} {bend:.1f} '
                f'{end[0]:.1f} {end[1] - 1:.1f}" fill="none" stroke="#667" marker-end="url(#tip)"/>'
            )
    for node, (x, top) in place.items():
        if isinstance(node, Recorded):
            title, value, fill = called.get(id(node), "input"), node.data, "#e8f1fb"
        else:
            title, value, fill = node.name, node.value, "#fdf3dc" if users[node] else "#e6f4e6"
        parts.append(_box(MARGIN + x, MARGIN + top, fill, title, value, gradients[node]))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(x: float, y: float, fill: str, title: str, value: np.ndarray | None, G: np.ndarray) -> str:
    """Draw a node: its name and shape, its value, the gradient; 10, 18, 37 and 55 are where the text stands in it."""
    shape = "×".join(map(str, G.shape)) or "scalar"
    left = x + 10
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" stroke="#889"/>'
        f'<text x="{left:.1f}" y="{y + 18:.1f}" font-weight="bold">{escape(_fit(title, 22 - len(shape)))}</text>'
        f'<text x="{left + WIDTH - 20:.1f}" y="{y + 18:.1f}" fill="#667" text-anchor="end">{shape}</text>'
        f'<text x="{left:.1f}" y="{y + 37:.1f}">{escape(_shown(value))}</text>'
        f'<text x="{left:.1f}" y="{y + 55:.1f}" fill="#a33">∂ {escape(_shown(G))}</text>'
    )


def _arrange(
    nodes: dict[Node | Recorded, Any], users: dict[Node | Recorded, list[Node]]
) -> dict[Any, tuple[float, float]]:
    """Place the upper left corner of each node: a row by its distance from the result, in it left to right by users."""
    row: dict[Node | Recorded, int] = {}  # 0 is the result
    for node in nodes:  # users come before what they use
        row[node] = 1 + max((row[user] for user in users[node]), default=-1)
    deepest = max(row.values())
    rows: list[list[Node | Recorded]] = [[] for _ in range(deepest + 1)]
    for node in nodes:
        rows[row[node]].append(node)
    widest = max(len(each) for each in rows)  # the row that sets the width
    centre: dict[Node | Recorded, float] = {}
    for each in rows:
        # As near as possible under its users: sorted by their mean, then pushed apart
        wish = {node: float(np.mean([centre[user] for user in users[node]] or [widest / 2])) for node in each}
        each.sort(key=lambda node: wish[node])
        offset = (widest - len(each)) / 2  # centred
        for i, node in enumerate(each):
            centre[node] = offset + i + 0.5
    return {node: ((centre[node] - 0.5) * (WIDTH + GAP_X), (deepest - row[node]) * (HEIGHT + GAP_Y)) for node in nodes}


def _shown(value: np.ndarray | None) -> str:
    if value is None:
        return "freed"
    entries = [f"{entry + 0.0:.4g}" for entry in value.ravel()[:9].tolist()]  # + 0: no "-0"
    if value.ndim == 0:
        return entries[0]
    text = "[]"
    for count in range(len(entries), 0, -1):  # as many as fit
        text = f"[{', '.join(entries[:count])}{', …' if count < value.size else ''}]"
        if len(text) <= 22:
            break
    return text


def _fit(title: str, most: int) -> str:
    """The end of a long name: it is what tells parameters apart."""
    return title if len(title) <= most else "…" + title[1 - most :]

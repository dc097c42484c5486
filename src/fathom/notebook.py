"""A figure in a notebook that is drawn anew as a training goes on."""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_SIZE_IN = (7.0, 2.6)  # inches: two axes side by side in the width of a notebook's cell
_COLOURS = {"train": "#8aa4c8", "val": "#1f4e9c"}


def is_notebook() -> bool:
    """Whether this runs in a notebook's kernel, which can show figures; IPython in a terminal cannot."""
    ipython = sys.modules.get("IPython")  # in a notebook it is imported already
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class LiveFigure:
    """Curves of loss, and of one metric where there is one, by epoch; the newest line of progress stands below them."""

    def __init__(self) -> None:
        self._handle: Any = None  # of what IPython shows, once there is something

    def show(self, records: Sequence[Mapping[str, Any]], line: str) -> None:
        """Draw the records of the epochs so far.

        Args:
            line: stands below the figure.
        """
        from IPython.display import HTML, display

        caption = f"<div style='font-family:monospace;font-size:12px'>{html.escape(line)}</div>"
        content = HTML((draw_curves(records) if records else "") + caption)
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)


def draw_curves(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the curves as SVG."""
    from matplotlib.figure import Figure  # not pyplot, whose state is the notebook's own
    from matplotlib.ticker import MaxNLocator

    shown = ["loss", *_metric(records[-1])]
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    for place, name in enumerate(shown, start=1):
        axes = figure.add_subplot(1, 2, place)
        for split, colour in _COLOURS.items():
            points = [(r["epoch"], r[f"{split}_{name}"]) for r in records if r.get(f"{split}_{name}") is not None]
            if points:
                # a dot, so that a single epoch is seen too
                axes.plot(*zip(*points, strict=True), color=colour, label=split, marker="o", markersize=3)
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
        if axes.lines:
            axes.legend(fontsize=8, frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg")
    return text.getvalue()[text.getvalue().index("<svg") :]  # without the XML head, which HTML does not take


def _metric(record: Mapping[str, Any]) -> list[str]:
    """Return the metric that is drawn beside the loss, if there is any: accuracy first."""
    names = [name.partition("_")[2] for name in record if name.startswith(("val_", "train_"))]
    others = [name for name in dict.fromkeys(names) if name != "loss"]
    return ["accuracy"] if "accuracy" in others else others[:1]

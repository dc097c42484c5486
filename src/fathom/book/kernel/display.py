"""The output of cells: results, displays and figures, from IPython's hooks to text and PNG."""

from __future__ import annotations

import base64
import sys
import warnings
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter

FIGURE = "application/x-matplotlib-figure"


def describe_display(data: dict) -> dict:
    """Return text and image of a display's formats."""
    # rendered only now: many figures are never seen
    image = render(data[FIGURE]) if FIGURE in data else data.get("image/png") or data.get("image/jpeg")
    if isinstance(image, str):
        image = base64.b64decode(image)
    return {
        "text": str(data.get("text/plain", "")),
        "png": image and base64.b64encode(image).decode(),
        "is_hidpi": FIGURE in data,
    }


def render(figure: Any) -> bytes | None:
    """Return a figure as PNG, at twice the inline backend's resolution; None if it is empty."""
    from IPython.core.pylabtools import print_figure

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        # 2: sharp on screens with two pixels a point
        return print_figure(figure, fmt="png", bbox_inches="tight", dpi=2 * figure.dpi)


class Formatter(DisplayFormatter):
    """Text and images only; figures stay figures until it is certain that they will be seen."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.active_types = ["text/plain", "image/png", "image/jpeg"]  # no HTML, no SVG: nothing in the page can run

    def format(self, obj: object, include: object = None, exclude: object = None) -> tuple:
        """Describe an object."""
        figures = sys.modules.get("matplotlib.figure")
        if figures and isinstance(obj, figures.Figure):
            return {"text/plain": repr(obj), FIGURE: obj}, {}  # the object itself: render() comes later
        return super().format(obj, include=include, exclude=exclude)


class Hook(DisplayHook):
    """The value of a last expression becomes a result."""

    shell: Any

    def write_output_prompt(self) -> None:
        """No prompt."""

    def write_format_data(self, format_dict: dict, md_dict: object = None) -> None:
        """Send the result."""
        self.shell.to_parent.show("result", format_dict)

    def log_output(self, format_dict: dict) -> None:
        """Keep no history."""

    def finish_displayhook(self) -> None:
        """Print nothing after it."""
        self._is_active = False


class Publisher(DisplayPublisher):
    """``display(…)`` and ``clear_output()``."""

    shell: Any

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: Any = False,
        **kwargs: Any,
    ) -> None:
        """Send what is displayed."""
        display = (transient or {}).get("display_id")  # transient: the protocol's place for it
        if update:
            self.shell.to_parent.update(data, display)
        else:
            self.shell.to_parent.show("display", data, display)

    def clear_output(self, wait: bool = False) -> None:
        """Clear the cell's output."""
        self.shell.to_parent.clear(wait)

"""A figure that follows training, where somebody sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fathom.d2l.frame.display import DRAWN_BY, find_surface, notebook_shell, prepare_figures, use_svg_display

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Drawing may take this share of the time; drawing after every point would take most of it.
_DRAWING_SHARE = 0.1


class LiveFigure:
    """Redraws a figure while it is seen, as often as a tenth of the time allows; else when it is shown or saved.

    Args:
        render: draws everything anew into the axes it is given.
    """

    def __init__(self, figure: Figure, axes: Axes, render: Callable[[Axes], None]) -> None:
        from matplotlib import pyplot as plt

        prepare_figures()
        use_svg_display()
        self.figure: Any = figure
        setattr(figure, DRAWN_BY, "live")
        self.axes = axes
        self.render = render  # draws into the axes; called anew each time
        self.surface = find_surface()
        self._handle: Any = None
        # when the next drawing is due; whether points are missing in the figure
        self._next_s, self._is_stale = 0.0, False
        self._draw_when_rendered()
        if self.surface == "notebook" and notebook_shell() is not None:
            plt.close(figure)  # otherwise the inline backend shows it again at the end of the cell
        elif self.surface == "window":
            plt.show(block=False)  # the script goes on while the window is open

    def add(self) -> None:
        """Mark that there are new points, and show them if it is time."""
        self._is_stale = True
        if self.surface != "none" and time.perf_counter() >= self._next_s:
            self.refresh()

    def refresh(self) -> None:
        """Show the newest points."""
        if self.surface == "none":
            return
        began = time.perf_counter()
        if self.surface == "notebook":
            self._show_in_cell()
        else:
            self.figure.canvas.draw_idle()
            self.figure.canvas.flush_events()  # lets the window react to mouse and keys
        ended = time.perf_counter()
        self._next_s = ended + (ended - began) / _DRAWING_SHARE  # 10 ms of drawing: 100 ms of peace

    def _draw_when_rendered(self) -> None:
        """Make the figure take in the newest points whenever it is rendered, for a screen or a file.

        What else was done to the axes since the last ones stays.
        """
        draw = self.figure.draw  # the figure's own method, kept for the end

        def draw_newest(renderer: Any) -> None:
            if self._is_stale:
                self._is_stale = False
                self.render(self.axes)
            draw(renderer)

        self.figure.draw = draw_newest

    def _show_in_cell(self) -> None:
        shell = notebook_shell()
        if shell is None:
            return
        if self._handle is not None:
            self._handle.update(self.figure)
            return
        from IPython.display import display

        self._handle = display(self.figure, display_id=True)  # an output that can be replaced later
        shell.events.register("post_run_cell", self._end_cell)

    def _end_cell(self, _: Any = None) -> None:
        """Complete the figure when its cell ends; the next cell that draws gets one of its own."""
        self._handle.update(self.figure)
        self._handle, self._next_s = None, 0.0
        notebook_shell().events.unregister("post_run_cell", self._end_cell)  # once: the next cell registers anew

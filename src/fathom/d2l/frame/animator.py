"""The earlier editions' live plot of several lines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from fathom.d2l.frame.display import set_axes
from fathom.d2l.frame.live import LiveFigure


class Animator:
    """Plots lines as their points come: live in a notebook or a window, else when its figure is shown or saved.

    ``fig`` is its figure, ``axes`` the list of its axes; the lines are drawn in the first. ``X`` and ``Y`` hold the
    points of each line.

    Args:
        fmts: formats of the lines, taken in turn.
        nrows, ncols: make more axes, for drawings of your own.
    """

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Any = None,
        ylim: Any = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        from matplotlib import pyplot as plt

        self.fig, axes = plt.subplots(nrows, ncols, figsize=figsize)
        # always a flat list, whatever subplots() returns
        self.axes: Any = [axes] if nrows * ncols == 1 else axes.flatten()
        self.fmts = fmts
        self.X: list[list[float]] = []  # one list for each line
        self.Y: list[list[float]] = []
        if xlim is not None and xlim[0] == xlim[1]:
            xlim = None  # training for one epoch is drawn from epoch 1 to epoch 1
        self.config_axes: Callable[[], None] = lambda: set_axes(
            self.axes[0], xlabel, ylabel, xlim, ylim, xscale, yscale, legend
        )
        self._live = LiveFigure(self.fig, self.axes[0], self._render)

    def add(self, x: Any, y: Any) -> None:
        """Add a point to each line.

        Args:
            x: one number for all lines, or one a line.
            y: one number a line; None leaves that line as it is.
        """
        ys = list(y) if _is_several(y) else [y]
        xs = list(x) if _is_several(x) else [x] * len(ys)  # one x for all lines
        if not self.Y:
            self.X, self.Y = [[] for _ in ys], [[] for _ in ys]
        for line, (a, b) in enumerate(zip(xs, ys, strict=False)):
            if a is not None and b is not None:  # None: this line has no point here
                self.X[line].append(_as_number(a))
                self.Y[line].append(_as_number(b))
        self._live.add()

    def _render(self, axes: Any) -> None:
        axes.cla()
        for x, y, fmt in zip(self.X, self.Y, itertools.cycle(self.fmts)):  # formats repeat
            axes.plot(x, y, fmt)
        self.config_axes()


def _is_several(value: Any) -> bool:
    return hasattr(value, "__len__") and getattr(value, "ndim", 1) > 0  # a tensor of no axes has __len__ too


def _as_number(value: Any) -> Any:
    return value.detach().item() if isinstance(value, Tensor) else value

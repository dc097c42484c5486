"""The book's live plot of training metrics."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from fathom.d2l.frame.hyperparameters import HyperParameters
from fathom.d2l.frame.live import LiveFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Point(NamedTuple):
    """One point of a line."""

    x: float
    y: float


class ProgressBoard(HyperParameters):
    """Plots points as they come: live in a notebook or a window, else when its figure is shown or saved.

    Tensors are kept as they come and read when the board is looked at, so that drawing never makes training wait.

    Args:
        ls, colors: line styles and colours of the lines, taken in turn.
        fig, axes: where to draw; None makes a figure.
        display: False keeps the points and draws nothing.
    """

    xlabel: str | None
    ylabel: str | None
    xlim: Any
    ylim: Any
    xscale: str
    yscale: str
    ls: Sequence[str]
    colors: Sequence[str]
    fig: Figure | None
    axes: Axes | None
    figsize: tuple[float, float]
    display: bool

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        xlim: Any = None,
        ylim: Any = None,
        xscale: str = "linear",
        yscale: str = "linear",
        ls: Sequence[str] = ("-", "--", "-.", ":"),
        colors: Sequence[str] = ("C0", "C1", "C2", "C3"),
        fig: Figure | None = None,
        axes: Axes | None = None,
        figsize: tuple[float, float] = (3.5, 2.5),
        display: bool = True,
    ) -> None:
        self.save_hyperparameters()
        self.raw_points: OrderedDict[str, list[tuple[Any, Any]]] = OrderedDict()  # points of a line not averaged yet
        self._full: list[tuple[str, list[tuple[Any, Any]]]] = []  # groups of points to be averaged
        self._lines: OrderedDict[str, list[Point]] = OrderedDict()  # what is drawn
        self._live: LiveFigure | None = None

    def draw(self, x: Any, y: Any, label: str, every_n: int = 1) -> None:
        """Add a point to the line ``label``; the mean of every ``every_n`` points is drawn."""
        points = self.raw_points.get(label)
        if points is None:
            points = self.raw_points[label] = []
            self._lines[label] = []
        # detached: a plot must not keep the graph alive
        points.append((x, y.detach() if isinstance(y, Tensor) else y))
        if len(points) < every_n:
            return
        self._full.append((label, points))  # averaged later, in data: here it would wait for the device
        self.raw_points[label] = []
        if self.display:
            if self._live is None:
                self._live = self._open()
            self._live.add()

    @property
    def data(self) -> OrderedDict[str, list[Point]]:
        """The points of each line so far."""
        full, self._full = self._full, []  # taken out first: each group is averaged once
        for label, points in full:
            x = sum(float(x) for x, _ in points) / len(points)  # x is averaged too: the middle of the group
            self._lines[label].append(Point(x, _mean([y for _, y in points])))
        return self._lines

    def render(self, axes: Axes) -> None:
        """Redraw the lines."""
        axes.cla()
        styles = zip(itertools.cycle(self.ls), itertools.cycle(self.colors))  # both repeat
        lines = [
            axes.plot([p.x for p in points], [p.y for p in points], linestyle=style, color=color)[0]
            for points, (style, color) in zip(self.data.values(), styles, strict=False)
        ]
        if self.xlim:
            axes.set_xlim(self.xlim)
        if self.ylim:
            axes.set_ylim(self.ylim)
        axes.set_xlabel(self.xlabel or "")
        axes.set_ylabel(self.ylabel or "")
        axes.set_xscale(self.xscale)
        axes.set_yscale(self.yscale)
        axes.legend(lines, list(self._lines))

    def __getstate__(self) -> dict[str, Any]:
        """A copy of a board, or of the model that owns it, keeps the points and gets a figure of its own."""
        return self.__dict__ | {"_live": None, "fig": None, "axes": None}

    def finish(self) -> None:
        """Redraw with the newest points."""
        if self._live is not None and self.display:
            self._live.refresh()

    def _open(self) -> LiveFigure:
        from matplotlib import pyplot as plt

        if self.axes is not None:
            # a caller's axes, in a figure of his own
            return LiveFigure(cast("Figure", self.axes.figure), self.axes, self.render)
        if self.fig is None:
            self.fig = plt.figure(figsize=self.figsize)
        return LiveFigure(self.fig, self.fig.gca(), self.render)


def _mean(values: list[Any]) -> float:
    if all(isinstance(value, Tensor) for value in values):
        # one transfer from the device for all of them
        return float(torch.stack([value.reshape(()) for value in values]).mean(dtype=torch.float32))
    return sum(float(value) for value in values) / len(values)

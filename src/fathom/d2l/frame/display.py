"""Figures wherever the code runs: live in a notebook, a window from a script, a PNG file where there is no display."""

from __future__ import annotations

import atexit
import itertools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN_BY = "_fathom_drawn_by"  # on a figure: "plot" or "live"
Surface = Literal["notebook", "window", "none"]


def find_surface() -> Surface:
    """Return where figures appear: in a notebook's cells, in windows, or nowhere until they are written to files."""
    from matplotlib import pyplot as plt
    from matplotlib.backends.registry import BackendFilter, backend_registry

    backend = plt.get_backend().lower()
    if "inline" in backend:
        return "notebook"
    # windows as matplotlib knows them
    windows = [name.lower() for name in backend_registry.list_builtin(BackendFilter.INTERACTIVE)]
    return "window" if backend in windows or "ipympl" in backend else "none"


def use_svg_display() -> None:
    """Make a notebook draw figures as SVG; elsewhere there is nothing to set."""
    if find_surface() == "notebook" and notebook_shell() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size, in inches, of the figures made from now on."""
    from matplotlib import pyplot as plt

    prepare_figures()
    use_svg_display()
    plt.rcParams["figure.figsize"] = figsize


def set_axes(
    axes: Axes,
    xlabel: str | None,
    ylabel: str | None,
    xlim: Any,
    ylim: Any,
    xscale: str | None,
    yscale: str | None,
    legend: Sequence[str] | None,
) -> None:
    """Set labels, ranges, scales and legend of ``axes``, and its grid; None leaves a property as it is."""
    axes.set_xlabel(xlabel or "")
    axes.set_ylabel(ylabel or "")
    axes.set_xscale(xscale or "linear")
    axes.set_yscale(yscale or "linear")
    axes.set_xlim(xlim)  # None: as wide as the data
    axes.set_ylim(ylim)
    if legend:
        axes.legend(legend)
    axes.grid()


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | None = None,
    xlim: Any = None,
    ylim: Any = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
    figsize: tuple[float, float] = (3.5, 2.5),
    axes: Axes | None = None,
) -> None:
    """Draw one line or several.

    Args:
        X, Y: one line (a vector or a list of numbers) or a list of lines; one X serves all of Y, and X alone is drawn
            over 0, 1, 2 …
        fmts: formats of the lines, repeated as needed.
        axes: where to draw, after clearing it; None uses the current axes, or in a script a new figure.
    """
    lines = _split_lines(X)
    if Y is None:
        xs: list[Any] = [None] * len(lines)
        ys = lines
    else:
        xs, ys = lines, _split_lines(Y)
        if len(xs) != len(ys):
            xs = xs * len(ys)  # one x for several lines
    set_figsize(figsize)
    axes = axes if axes is not None else _find_axes()
    axes.cla()
    for x, y, fmt in zip(xs, ys, itertools.cycle(fmts)):
        if x is None or not len(x):  # no x: 0, 1, 2, …
            axes.plot(to_values(y), fmt)
        else:
            axes.plot(to_values(x), to_values(y), fmt)
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)
    setattr(axes.figure, DRAWN_BY, "plot")


def to_values(data: Any) -> Any:
    """Return what matplotlib can draw: tensors become arrays, from whatever device they are on."""
    if isinstance(data, Tensor):
        return data.detach().cpu().numpy()
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], Tensor):
        return np.asarray([part.item() if part.numel() == 1 else to_values(part) for part in data])
    return data


def _split_lines(data: Any) -> list[Any]:
    """Return a list of lines for one line or several."""
    is_line = getattr(data, "ndim", None) == 1  # an array of one axis is a line, of two several
    if not hasattr(data, "ndim"):
        data = list(data)
        # a list of numbers is a line
        is_line = bool(data) and all(getattr(part, "ndim", None) == 0 or not hasattr(part, "__len__") for part in data)
    return [data] if is_line else list(data)


def _find_axes() -> Axes:
    """Return the current axes.

    A new figure is made if they belong to a live plot, or in a script, where no cell ends a figure, to an earlier plot.
    """
    from matplotlib import pyplot as plt

    drawn_by = getattr(plt.gcf(), DRAWN_BY, None) if plt.get_fignums() else None
    # a finished figure is not drawn over
    if drawn_by == "live" or (drawn_by == "plot" and find_surface() != "notebook"):
        plt.figure()
    return plt.gca()


# Notebooks ---------------------------------------------------------------------------------------------------------


def notebook_shell() -> Any:
    """Return IPython's shell if the code runs in the kernel of a notebook, else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if shell is not None and hasattr(shell, "kernel") else None  # IPython's terminal has no kernel


# Scripts -----------------------------------------------------------------------------------------------------------

_prepared = False


def prepare_figures() -> None:
    """Make sure, once, that a script's figures are shown or written before it ends."""
    global _prepared
    if _prepared:
        return
    _prepared = True
    script = _script_name()
    if script is None:
        return
    from matplotlib import pyplot as plt

    plt.rcParams["figure.max_open_warning"] = 0  # figures stay open until the script ends
    if find_surface() == "none":
        import warnings

        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
        atexit.register(_write_figures, Path.cwd() / f"{script}-figures")
    else:
        atexit.register(_hold_windows)


def _script_name() -> str | None:
    """Return the name of the file that Python was asked to run; None in a notebook, a prompt or a command."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if not main or hasattr(sys, "ps1") or notebook_shell() is not None:
        return None
    path = Path(main)  # a name for the folder of figures
    return path.stem if path.suffix == ".py" and path.name != "__main__.py" else None


def _write_figures(folder: Path) -> None:
    from matplotlib import pyplot as plt

    numbers = plt.get_fignums()
    if not numbers:
        return
    try:
        paths = write_figures(folder, (plt.figure(number) for number in numbers))
    except OSError as error:
        print(f"cannot write figures to {folder} ({error.strerror or error})", file=sys.stderr)
        return
    names = paths[0].name if len(paths) == 1 else f"{paths[0].name} … {paths[-1].name}"  # "1.png … 7.png"
    print(f"figures: {folder}/{names}", file=sys.stderr)


def write_figures(folder: Path, figures: Iterable[Figure]) -> list[Path]:
    """Write figures to ``folder`` as 1.png, 2.png …, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, figure in enumerate(figures, 1):
        paths.append(folder / f"{number}.png")
        figure.savefig(paths[-1], dpi=150, bbox_inches="tight")  # tight: nothing is cut off at the edge
    return paths


def _hold_windows() -> None:
    from matplotlib import pyplot as plt

    if plt.get_fignums():  # blocks until the reader closes them
        plt.show()

"""The book's figures other than lines: rows of images, heat maps, histograms, arrows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fathom.d2l.frame.display import prepare_figures, set_figsize, to_values, use_svg_display


def show_images(
    imgs: Any, num_rows: int, num_cols: int, titles: Sequence[str] | None = None, scale: float = 1.5
) -> np.ndarray:
    """Show images in rows, and return their axes as one array.

    Args:
        imgs: tensors or arrays (H, W), (H, W, C) or (C, H, W), or PIL images; those beyond the grid are left out.
        scale: inches per image.
    """
    from matplotlib import pyplot as plt

    prepare_figures()
    use_svg_display()
    _, grid = plt.subplots(num_rows, num_cols, figsize=(num_cols * scale, num_rows * scale), squeeze=False)
    axes = grid.flatten()
    for place, image, title in itertools.zip_longest(axes, list(imgs)[: len(axes)], list(titles or ())[: len(axes)]):
        place.axis("off")
        if image is None:
            continue
        place.imshow(_channels_last(image))
        if title is not None:
            place.set_title(title)
    return axes


def _channels_last(image: Any) -> Any:
    image = to_values(image)
    if isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[-1] not in (1, 3, 4):
        image = image.transpose(1, 2, 0)  # channels came first
    return image


def show_heatmaps(
    matrices: Any,
    xlabel: str,
    ylabel: str,
    titles: Sequence[str] | None = None,
    figsize: tuple[float, float] = (2.5, 2.5),
    cmap: str = "Reds",
) -> None:
    """Show matrices as coloured squares, with one colour bar beside them.

    Shape:   matrices (rows, columns, H, W)
    """
    from matplotlib import pyplot as plt

    prepare_figures()
    use_svg_display()
    values = matrices if isinstance(matrices, np.ndarray) else to_values(matrices)
    num_rows, num_cols, _, _ = np.shape(values)
    figure, axes = plt.subplots(num_rows, num_cols, figsize=figsize, sharex=True, sharey=True, squeeze=False)
    for i, j in itertools.product(range(num_rows), range(num_cols)):
        drawn = axes[i, j].imshow(values[i][j], cmap=cmap)
        if i == num_rows - 1:
            axes[i, j].set_xlabel(xlabel)
        if j == 0:
            axes[i, j].set_ylabel(ylabel)
        if titles:
            axes[i, j].set_title(titles[j])
    figure.colorbar(drawn, ax=axes, shrink=0.6)


def show_list_len_pair_hist(
    legend: Sequence[str], xlabel: str, ylabel: str, xlist: Sequence[Any], ylist: Sequence[Any]
) -> None:
    """Show the lengths of the sequences in two collections, side by side."""
    from matplotlib import pyplot as plt

    set_figsize()
    _, _, patches = plt.hist([[len(part) for part in xlist], [len(part) for part in ylist]])
    plt.xlabel(xlabel)
    plt.ylabel(ylabel)
    for bar in patches[1].patches:  # type: ignore[union-attr, index]
        bar.set_hatch("/")
    plt.legend(legend)


def annotate(text: str, xy: tuple[float, float], xytext: tuple[float, float]) -> None:
    """Write a text at ``xytext`` of the current axes, with an arrow to ``xy``."""
    from matplotlib import pyplot as plt

    plt.gca().annotate(text, xy=xy, xytext=xytext, arrowprops={"arrowstyle": "->"})

"""Rows of images, a class a row: what a data set looks like, and what augmentation makes of it.

A row is its class name and one PNG with the images side by side. Names are left to the page that shows the rows: an
image would need a font with the letters of every language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

MOST_ROWS = 50  # of more classes the first are shown: 50 rows fill a page of some megabytes

_TILE = 64  # pixels of a tile's side, about; small images are enlarged by a whole factor
_GAP = 4  # pixels between tiles

Row = tuple[str, bytes]


def sample_rows(
    images: np.ndarray, labels: np.ndarray, class_names: Sequence[str], *, per_class: int = 10, seed: int = 0
) -> list[Row]:
    """Draw random samples of every class that has one; past 50 rows the rest is left out.

    Shape:   images uint8 or floating in 0…1 (N, C, H, W) with C = 1 or 3, labels (N,)
    """
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for label, name in enumerate(class_names):
        places = np.flatnonzero(labels == label)  # (n,)
        if len(places) and len(rows) < MOST_ROWS:
            rows.append((name, draw_strip(images[rng.permutation(places)[:per_class]])))
    return rows


def augmented_rows(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    augment: Callable[[Any, Any], Any],
    *,
    variants: int = 9,
    seed: int = 0,
) -> list[Row]:
    """Draw one image of every class, and beside it what ``augment`` makes of it in several draws.

    Shape:   images uint8 (N, C, H, W), labels (N,)
    """
    import torch

    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    rows: list[Row] = []
    for label, name in enumerate(class_names):
        places = np.flatnonzero(labels == label)  # (n,)
        if len(places) and len(rows) < MOST_ROWS:
            original = images[rng.choice(places)][None]  # (1, C, H, W)
            copies = torch.from_numpy(np.repeat(original, variants, axis=0))  # (variants, C, H, W)
            changed = augment(copies, generator).numpy()
            rows.append((name, draw_strip(np.concatenate([_as_bytes(original), _as_bytes(changed)]))))
    return rows


def draw_strip(images: np.ndarray) -> bytes:
    """Draw images side by side, with transparent gaps between them, as the bytes of a PNG.

    Shape:   images uint8 or floating in 0…1 (N, C, H, W) with C = 1 or 3
    """
    from PIL import Image

    height, width = images.shape[2:]
    largest = max(height, width)
    scale = max(1, round(_TILE / largest)) if largest <= 2 * _TILE else 2 * _TILE / largest
    tile = max(1, round(height * scale)), max(1, round(width * scale))
    strip = Image.new("RGBA", (len(images) * (tile[1] + _GAP) - _GAP, tile[0]))
    for column, image in enumerate(images):
        strip.paste(_to_tile(image, tile), (column * (tile[1] + _GAP), 0))
    buffer = BytesIO()
    strip.save(buffer, format="png")
    return buffer.getvalue()


def _to_tile(image: np.ndarray, tile: tuple[int, int]) -> Image.Image:
    from PIL import Image

    pixels = _as_bytes(image).transpose(1, 2, 0)  # (H, W, C)
    shown = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    enlarged = tile[0] >= shown.height
    return shown.resize((tile[1], tile[0]), Image.Resampling.NEAREST if enlarged else Image.Resampling.BILINEAR)


def _as_bytes(images: np.ndarray) -> np.ndarray:
    return images if images.dtype == np.uint8 else np.round(images.clip(0, 1) * 255).astype(np.uint8)

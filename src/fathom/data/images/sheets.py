"""Contact sheets: what a data set looks like, and what augmentation makes of it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.data.fetch.paths import make_folder
from fathom.errors import FathomError

if TYPE_CHECKING:
    from PIL import Image

_TILE = 64  # pixels on the sheet, about; small images are enlarged by a whole factor
_GAP = 4
_MARGIN = 16
_FONT_SIZE = 16
_MAX_ROWS = 50
# Pillow's own font has Latin letters only; these are tried for other class names
_WIDE_FONTS = ("NotoSansCJK-Regular.ttc", "DroidSansFallbackFull.ttf", "wqy-microhei.ttc", "PingFang.ttc", "msyh.ttc")


def sample_sheet(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    path: str | Path,
    *,
    per_class: int = 10,
    seed: int = 0,
    title: str = "",
) -> Path:
    """Draw random samples of every class, one class a row, and save them as PNG.

    Shape:   images uint8 or floating in 0…1 (N, C, H, W) with C = 1 or 3, labels (N,)
    Raises:  FathomError if the file cannot be written
    """
    rng = np.random.default_rng(seed)
    rows = []
    for label, name in enumerate(class_names):
        places = np.flatnonzero(labels == label)
        rows.append((name, images[rng.permutation(places)[:per_class]]))
    return draw_sheet(rows, path, title)


def augmented_sheet(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    augment: Callable[[Any, Any], Any],
    path: str | Path,
    *,
    variants: int = 9,
    seed: int = 0,
    title: str = "",
) -> Path:
    """Draw one image of every class, and beside it what ``augment`` makes of it in several draws; save as PNG.

    Shape:   images uint8 (N, C, H, W), labels (N,)
    Raises:  FathomError if the file cannot be written
    """
    import torch

    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for label, name in enumerate(class_names):
        places = np.flatnonzero(labels == label)
        if len(places):
            original = images[rng.choice(places)][None]
            changed = augment(torch.from_numpy(np.repeat(original, variants, axis=0)), generator).numpy()
            rows.append((name, np.concatenate([_as_bytes(original), _as_bytes(changed)])))
    return draw_sheet(rows, path, title)


def draw_sheet(rows: Sequence[tuple[str, np.ndarray]], path: str | Path, title: str = "") -> Path:
    """Draw named rows of images on white and save them as PNG; past 50 rows the rest is left out, and said so.

    Shape:   each row (name, images (k, C, H, W)); all of the same C, H, W
    Raises:  FathomError if the file cannot be written
    """
    from PIL import Image, ImageDraw

    left_out = len(rows) - _MAX_ROWS
    if left_out > 0:
        title = f"{title} (the first {_MAX_ROWS} of {len(rows)} classes)".strip()
        rows = rows[:_MAX_ROWS]
    height, width = rows[0][1].shape[2:]
    largest = max(height, width)
    scale = max(1, round(_TILE / largest)) if largest <= 2 * _TILE else 2 * _TILE / largest
    tile = max(1, round(height * scale)), max(1, round(width * scale))
    font = _load_font("".join(name for name, _ in rows) + title)
    label_width = int(max((font.getlength(name) for name, _ in rows), default=0)) + _MARGIN
    columns = max(len(images) for _, images in rows)
    sheet_width = max(label_width + columns * (tile[1] + _GAP) + 2 * _MARGIN, 20 * _FONT_SIZE)
    heading = textwrap.fill(title, (sheet_width - 2 * _MARGIN) * 2 // _FONT_SIZE)  # a letter is half as wide as high
    top = _MARGIN + (heading.count("\n") + 2 if heading else 0) * (_FONT_SIZE + _GAP)
    sheet = Image.new("RGB", (sheet_width, top + len(rows) * (tile[0] + _GAP) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), heading, fill="black", font=font)
    for row, (name, images) in enumerate(rows):
        y = top + row * (tile[0] + _GAP)
        draw.text((_MARGIN, y + tile[0] // 2), name, fill="black", font=font, anchor="lm")
        for column, image in enumerate(images):
            x = _MARGIN + label_width + column * (tile[1] + _GAP)
            sheet.paste(_to_tile(image, tile), (x, y))
    return _save(sheet, Path(path))


def _to_tile(image: np.ndarray, tile: tuple[int, int]) -> Image.Image:
    from PIL import Image

    pixels = _as_bytes(image).transpose(1, 2, 0)
    shown = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    enlarged = tile[0] >= shown.height
    return shown.resize((tile[1], tile[0]), Image.Resampling.NEAREST if enlarged else Image.Resampling.BILINEAR)


def _as_bytes(images: np.ndarray) -> np.ndarray:
    return images if images.dtype == np.uint8 else np.round(images.clip(0, 1) * 255).astype(np.uint8)


def _load_font(text: str) -> Any:
    from PIL import ImageFont

    if not text.isascii():
        for name in _WIDE_FONTS:
            try:
                return ImageFont.truetype(name, _FONT_SIZE)
            except OSError:
                continue
    return ImageFont.load_default(_FONT_SIZE)


def _save(sheet: Image.Image, path: Path) -> Path:
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.part")
    try:
        sheet.save(temporary, format="png")
        os.replace(temporary, path)
    except OSError as error:
        raise FathomError(f"cannot write {path} ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path

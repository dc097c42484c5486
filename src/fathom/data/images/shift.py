"""Whether images of a split of its own look like those of the training split: statistics of each, small versions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fathom.data.checks import DataCheck
from fathom.data.shift import Difference, compare_numbers, separate
from fathom.data.shift_findings import Advice, report_differences, report_separation

MOST_IMAGES = 1000  # of a split that are looked into
_SIDE = 8  # pixels of the small versions, as small as a classifier of a thousand images can learn from
_FAR = 10.0  # standard deviations; further outliers would rule the classifier
_FEWEST = 10  # images of a split
_COLOURS = ("red", "green", "blue")
_DIFFERENT = Advice(
    "the images come from another camera, place, time or processing",
    "look at {first} in images of both; train on images like those that will come, or let --augment vary it",
)
_TOLD = Advice(
    "the model will be asked about images unlike those that it learns from",
    "train on images like those that will come, or let --augment vary what differs",
)


def choose(count: int, seed: int) -> np.ndarray:
    """Choose images at random, not more than are looked into, in order.

    Shape:   -> int64 (n,)
    """
    if count <= MOST_IMAGES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_IMAGES, replace=False))


def find_image_shift(
    found: DataCheck,
    split: str,
    images: tuple[np.ndarray, np.ndarray],
    sizes: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
) -> None:
    """Compare images of the training split with those of another: brightness, contrast, detail, size, small versions.

    Shape:   images (N, C, H, W) and (M, C, H, W); sizes int (n, 2) and (m, 2)
    Args:
        split: the other one's name.
        sizes: heights and widths in the files.
    """
    if min(map(len, images)) < _FEWEST:
        report_separation(found, None, split, _TOLD, "images")
        return
    first, second = measure_images(images[0]), measure_images(images[1])
    differences = {name: compare_numbers(first[name], second[name]) for name in first}
    if sizes is not None:
        differences |= _compare_sizes(*sizes)
    report_differences(found, differences, split, _DIFFERENT, "statistic")
    vectors = [_vectors(part, statistics) for part, statistics in zip(images, (first, second), strict=True)]
    both = np.concatenate(vectors)
    mean, std = both.mean(0), both.std(0)
    scaled = [np.clip((part - mean) / np.where(std > 0, std, 1), -_FAR, _FAR) for part in vectors]
    report_separation(found, separate(scaled[0], scaled[1], seed), split, _TOLD, "images")


def measure_images(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return statistics of each image: the mean of each channel, contrast and detail over all of them.

    Detail is the mean step from a pixel to the next one, in standard deviations of the image: blurred images and those
    that were saved small have little.

    Shape:   (N, C, H, W) -> (N,) each
    """
    values = np.nan_to_num(images.astype(np.float32))  # (N, C, H, W); a missing value is told elsewhere
    channels = values.shape[1]
    names = ["brightness"] if channels == 1 else list(_COLOURS) if channels == 3 else _bands(channels)
    found = {name: values[:, c].mean((1, 2)) for c, name in enumerate(names)}
    contrast = values.std((2, 3)).mean(1)  # (N,)
    steps = np.abs(np.diff(values, axis=3)).mean((1, 2, 3)) if values.shape[3] > 1 else np.zeros(len(values))
    return found | {"contrast": contrast, "detail": steps / np.where(contrast > 0, contrast, 1)}


def _bands(count: int) -> list[str]:
    return [f"band {i}" for i in range(1, count + 1)]


def _compare_sizes(first: np.ndarray, second: np.ndarray) -> dict[str, Difference]:
    return {name: compare_numbers(first[:, i], second[:, i]) for i, name in enumerate(("height", "width"))}


def _vectors(images: np.ndarray, statistics: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what the classifier sees of each image: its statistics and a small version.

    Shape:   (N, C, H, W) -> float32 (N, D)
    """
    small: np.ndarray = np.nan_to_num(images.astype(np.float32))
    for axis in (2, 3):
        side = small.shape[axis]
        # the first pixel of each of the equal parts, which may be one pixel each
        starts = np.unique(np.arange(min(_SIDE, side)) * side // min(_SIDE, side))
        sizes = np.diff(np.append(starts, side)).astype(np.float32)
        shape = [-1 if i == axis else 1 for i in range(4)]
        small = np.add.reduceat(small, starts, axis=axis) / sizes.reshape(shape)  # the mean of each part
    return np.concatenate([small.reshape(len(small), -1), np.stack(list(statistics.values()), 1)], 1)

"""Images that are nearly those of another split: saved anew, resized, brightened, mirrored, or the next of a film.

As in a perceptual hash, an image is what its brightness does from place to place in a thumbnail, but without rounding
that to bits: two images are compared by the correlation of these differences. On photographs unrelated images hardly
come to 0.75, while copies that were saved as JPEG of low quality, halved or brightened are above 0.95. Images of a
plain kind, such as digits, are alike by nature; so the more alike images of different classes are, which are no copies,
the closer a copy must be.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fathom.data.images.decode import read_pixels
from fathom.data.images.folder_listing import FileList
from fathom.data.images.pixels.form import PixelForm
from fathom.data.loaders.workers import default_workers
from fathom.errors import FathomError

_SIDE = 16  # pixels of a thumbnail
_LEAST = 0.95  # correlation, where strangers are as far as those of photographs
_FAR = 0.6  # the distance, 1 less the correlation, of a photograph to the most alike one of another class
_NEIGHBOUR = 20  # without classes, the image so many places down is no copy: few images have more
_CLOSER = 0.25  # of the distance to the nearest stranger
_BLOCK = 512  # images compared with all others at a time
_MOST_TRAIN, _MOST_HELD_OUT = 10_000, 2_000  # images looked into: 14,000 are decoded in about half a minute


@dataclass(frozen=True)
class NearCopies:
    """Held-out images with the training image that each is nearly the same as, the most alike first.

    Attributes:
        pairs: places in the two lists.
        similarities: of these pairs, up to 1.
        looked_into: held-out images that were compared, and training images.
    """

    pairs: list[tuple[int, int]]
    similarities: list[float]
    looked_into: tuple[int, int]


def find_near_copies(
    held_out: FileList, train: FileList, seed: int = 0, *, form: PixelForm | None = None
) -> NearCopies:
    """Compare held-out images with training images; of very many a random choice of either.

    Files that cannot be read are no copies.

    Args:
        form: how the files are read; None reads them as bytes.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(held_out))[:_MOST_HELD_OUT])
    known = np.sort(rng.permutation(len(train))[:_MOST_TRAIN])
    form = replace(form or PixelForm(1), size=(_SIDE, _SIDE))
    form = replace(form, channels=1) if form.has_colours else form
    thumbnails = _read([held_out.paths[i] for i in chosen], form)  # (n, side, side)
    others = _read([train.paths[i] for i in known], form)  # (m, side, side)
    labels = (held_out.labels[chosen], train.labels[known]) if _are_classes(held_out.labels) else None
    near, similarities = match_thumbnails(thumbnails, others, labels)
    found = np.flatnonzero(near >= 0)
    order = found[np.argsort(-similarities[found], kind="stable")]
    return NearCopies(
        [(int(chosen[i]), int(known[near[i]])) for i in order],
        [float(similarities[i]) for i in order],
        (len(chosen), len(known)),
    )


def match_thumbnails(
    thumbnails: np.ndarray, others: np.ndarray, labels: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the other image of which each is nearly a copy, as it is or mirrored, -1 for none; and how alike they are.

    Shape:   thumbnails (n, S, S), others (m, S, S) -> int64 (n,), float32 (n,)
    Args:
        labels: classes of both, (n,) and (m,): images of different classes are strangers.
    """
    near, best = np.full(len(thumbnails), -1), np.zeros(len(thumbnails), np.float32)
    if not len(others) or not len(thumbnails):
        return near, best
    known = _differences(others)  # (m, D)
    strange = np.zeros(len(thumbnails), np.float32)
    for start in range(0, len(thumbnails), _BLOCK):
        block = thumbnails[start : start + _BLOCK]
        alike = np.maximum(_differences(block) @ known.T, _differences(block[:, :, ::-1]) @ known.T)  # (b, m)
        most = alike.argmax(1)
        part = slice(start, start + len(block))
        near[part], best[part] = most, alike[np.arange(len(block)), most]
        alike[np.arange(len(block)), most] = 0  # a copy may be in another class
        strange[part] = _find_strangers(alike, None if labels is None else labels[0][part, None] != labels[1])
    usual = 1 - float(np.median(strange))
    least = max(_LEAST, 1 - (1 - _LEAST) * (usual / _FAR) ** 2)
    near[(best < least) | (1 - best >= _CLOSER * (1 - strange))] = -1
    return near, best


def _find_strangers(alike: np.ndarray, differs: np.ndarray | None) -> np.ndarray:
    """Return how alike the most alike image that is no copy is; 0 where there is none.

    Shape:   alike (b, m), differs bool (b, m), whether two are of different classes -> (b,)
    """
    if differs is not None:
        return np.where(differs, alike, 0).max(1)
    below = alike.shape[1] - _NEIGHBOUR
    return np.partition(alike, below, axis=1)[:, below] if below >= 0 else np.zeros(len(alike), np.float32)


def _are_classes(labels: np.ndarray) -> bool:
    return labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)


def _differences(thumbnails: np.ndarray) -> np.ndarray:
    """Return what the brightness does to the right and downwards, of unit length; zeros for a plain surface.

    Shape:   (n, S, S) -> float32 (n, 2·S·(S − 1))
    """
    values = thumbnails.astype(np.float32)
    right, down = np.diff(values, axis=2), np.diff(values, axis=1)
    joined = np.concatenate([right.reshape(len(values), -1), down.reshape(len(values), -1)], axis=1)
    length = np.linalg.norm(joined, axis=1, keepdims=True)
    unit: np.ndarray = joined / np.where(length > 0, length, 1)
    return unit


def _read(paths: Sequence[str | Path], form: PixelForm) -> np.ndarray:
    """Read images as grey thumbnails, of many bands their mean; one that cannot be read is a plain surface.

    Shape:   -> (n, S, S)
    """

    def read(path: str | Path) -> np.ndarray:
        try:
            pixels = read_pixels(path, form)
            if pixels.dtype == np.uint8 and len(pixels) == 1:
                return pixels[0]
            values = pixels.mean(0)
            known = np.isfinite(values)
            return np.where(known, values, values[known].mean() if known.any() else 0)
        except FathomError:
            return np.zeros((_SIDE, _SIDE), np.uint8)

    with ThreadPoolExecutor(default_workers()) as pool:  # decoding leaves the interpreter free
        thumbnails = list(pool.map(read, paths))
    return np.stack(thumbnails) if thumbnails else np.zeros((0, _SIDE, _SIDE), np.uint8)

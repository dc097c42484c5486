"""Looking into image files: what is broken, what is there twice, what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fathom.data.checks import CheckedSplit, DataCheck, check_splits, report_torn_groups, show_numbers
from fathom.data.images.decode import read_pixels
from fathom.data.images.module import ImageData
from fathom.data.images.near_copies import find_near_copies
from fathom.data.images.pixels.scale import ScaledAugmentation, show_as_bytes
from fathom.data.images.samples import MOST_ROWS, Row, augmented_rows, sample_rows
from fathom.data.images.scan import splits_of
from fathom.data.images.shift import choose, find_image_shift
from fathom.findings import Finding
from fathom.phrases import counted, enumerated, significant

_SAMPLE_SIDE = 64  # pixels
_PAIRS = 3  # near copies in a line
_FEW_COPIES = 0.01  # of a split: so many may be alike by chance
_DRAWS = 7  # of augmentation, beside the image itself
_SAMPLES = 8  # images of each class in its row
_QUARTERS = 4  # rows of images, of numbers

# Notes of the data module that tell of files, by what they begin with or hold
_NOTES = {
    "skipped: ": "data.files_passed_over",
    "mislabelled": "data.other_format_than_named",
    "values: ": "data.value_scale",
    "missing: ": "data.missing_pixels",
    "precision: ": "data.levels_lost",
    "pages: ": "data.further_pages",
    "splits: ": "data.split_origins",
    "groups: ": "data.groups",
    "times: ": "data.times",
    "task: ": "data.task",
}
_LEFT_OUT = ": left out: "


def check_images(data: ImageData) -> DataCheck:
    """Look into decoded images, broken ones among them: ``data`` should have been read without ``refuses_broken``."""
    digests = data.survey.digests
    indices = (("train", data.train_index), ("val", data.val_index), ("test", data.test_index))
    found = DataCheck(
        Path(data.name).name,
        "images",
        [
            CheckedSplit(n, len(i), data.targets.values[i.numpy()], digests[i.numpy()])
            for n, i in indices
            if i is not None
        ],
        class_names=data.class_names,
        broken=data.broken,
    )
    sizes = np.unique(data.survey.sizes[data.survey.is_readable], axis=0)
    shown = f"{len(sizes):,} different" if len(sizes) > 3 else ", ".join(f"{h}×{w}" for h, w in sizes.tolist())
    found.facts = [("sizes", shown), ("sides", f"{sizes.min()} to {sizes.max()} pixels")][: len(sizes)]
    found.facts.append(("a network gets", "×".join(map(str, data.input_shape))))
    mean, std = data.statistics()
    found.facts += [("mean of each channel", show_numbers(mean)), ("standard deviations", show_numbers(std))]
    if data.broken:
        _report_broken(found, len(data.paths) + len(data.scanned.files.missing), data.scanned.options.max_broken)
    for note in data.notes:
        code = next((code for start, code in _NOTES.items() if note.startswith(start)), None)
        if code is None and _LEFT_OUT in note:
            code = "data.rows_left_out"
        elif code is None and note in data.scanned.files.notes:
            code = "data.file_listing"
        if code is not None:
            found.findings.append(Finding(code, "note", note))
    report_torn_groups(found, data.cutter, data.places)
    _report_near_copies(found, data)
    _look_for_shift(found, data)
    found.augmented = _draw_augmented(data)
    found.samples = _draw_files(data)
    return check_splits(found)


def _report_near_copies(found: DataCheck, data: ImageData) -> None:
    """Look for held-out images that are nearly a training image, besides those that are the same."""
    digests, train = data.survey.digests, data.places["train"]
    for name in ("val", "test"):
        held_out = getattr(data, name)
        if held_out is None:
            continue
        near = find_near_copies(held_out, data.train, data.seed, form=data.form)
        places = [(int(data.places[name][i]), int(train[j])) for i, j in near.pairs]
        places = [(a, b) for a, b in places if digests[a] != digests[b]]
        if not places:
            continue
        size, share = near.looked_into[0], len(places) / near.looked_into[0]
        shown = enumerated([f"{data.show(a)} and {data.show(b)}" for a, b in places], _PAIRS)
        found.findings.append(
            Finding(
                "data.duplicates_across_splits",
                "note" if share < _FEW_COPIES else "warning",
                f"leakage: {len(places):,} of {size:,} images of the {name} split ({share:.1%}) are nearly a training "
                f"image ({shown})",
                {"near_copies": len(places), "size": size, "share": share, "compared_with": near.looked_into[1]},
                cause="the same image saved anew, resized or mirrored, or the next one of a film or a burst",
                remedy="keep what belongs together on one side: --group-column, --levels group/class, --group-by-name",
                place=f"{name} split, train split",
            )
        )


def _look_for_shift(found: DataCheck, data: ImageData) -> None:
    """Compare the splits that have files of their own with the training split: others were cut from it."""
    train = data.places["train"]
    for name in splits_of(data.scanned.files):
        if name == "train" or name not in data.places:
            continue
        parts = [places[choose(len(places), data.seed)] for places in (train, data.places[name])]
        images = [np.stack([data.read(int(i)) for i in part]) for part in parts if len(part)]
        if len(images) == 2:
            sizes = data.survey.sizes[parts[0]], data.survey.sizes[parts[1]]
            find_image_shift(found, name, (images[0], images[1]), sizes, data.seed)


def _report_broken(found: DataCheck, files: int, allowed: float) -> None:
    """Name the broken files: an error where there are more than training leaves out."""
    number = len(found.broken)
    stops = number > allowed * files
    share = f"{100 * number / files:.2g} % of {files:,}"
    advice = (
        f"more than the {100 * allowed:.3g} % that training leaves out; replace or delete them, or allow more with "
        "--max-broken"
        if stops
        else f"training leaves them out (up to {100 * allowed:.3g} %, --max-broken)"
    )
    names = enumerated([f"{path} ({why})" if why else path for path, why in found.broken])
    found.findings.append(
        Finding(
            "data.broken_files",
            "error" if stops else "warning",
            f"{counted(number, 'file')} cannot be read: {names}",
            {"broken": number, "files": files},
            remedy=f"{share}: {advice}",
            place=enumerated([path for path, _ in found.broken]),
        )
    )


def _draw_files(data: ImageData) -> list[Row]:
    rng, files = np.random.default_rng(data.seed), data.train
    groups = _group(files.labels, data.class_names)
    chosen = [rng.permutation(places)[:_SAMPLES] for places in groups.values()]
    places = np.concatenate([np.zeros(0, np.int64), *chosen])
    if not len(places):
        return []
    form = replace(data.form, size=(_SAMPLE_SIDE, _SAMPLE_SIDE))
    images = np.stack([show_as_bytes(read_pixels(files.paths[i], form), data.pixel_scale) for i in places])
    rows = np.repeat(np.arange(len(chosen)), [len(part) for part in chosen])
    return draw_samples(images, rows, list(groups), data.seed)


def _draw_augmented(data: ImageData) -> list[Row]:
    """Draw an image of each class as the network gets it, and what augmentation makes of it; nothing without any."""
    if data.augment is None:
        return []
    rng = np.random.default_rng(data.seed)
    groups = _group(data.train.labels, data.class_names)
    shown = {name: int(rng.choice(places)) for name, places in groups.items() if len(places)}
    files = list(shown.values())[:MOST_ROWS]
    images = np.stack([show_as_bytes(read_pixels(data.train.paths[i], data.form), data.pixel_scale) for i in files])
    # drawn as bytes, which augmentation takes as well as values in 0…1
    augment = data.augment.augment if isinstance(data.augment, ScaledAugmentation) else data.augment
    names = list(shown)[:MOST_ROWS]
    return augmented_rows(images, np.arange(len(files)), names, augment, variants=_DRAWS, seed=data.seed)


def _group(labels: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the places of the samples of each class, with each label, or in each quarter of the numbers."""
    if labels.ndim == 2:
        return {name: np.flatnonzero(column) for name, column in zip(names, labels.T, strict=True)}
    if names:
        return {name: np.flatnonzero(labels == k) for k, name in enumerate(names)}
    edges = np.quantile(labels, np.arange(1, _QUARTERS) / _QUARTERS)
    quarter = np.searchsorted(edges, labels, side="right")
    return {
        f"{significant(labels[places].min())} to {significant(labels[places].max())}": places
        for k in range(_QUARTERS)
        if len(places := np.flatnonzero(quarter == k))
    }


def draw_samples(images: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int) -> list[Row]:
    """Draw some images of each class, a class a row.

    Shape:   images uint8 (N, C, H, W), labels (N,)
    """
    return sample_rows(images, labels, names, per_class=_SAMPLES, seed=seed)

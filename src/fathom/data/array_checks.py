"""Looking into data that are arrays in memory."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from fathom.data.array_data import ArrayData
from fathom.data.checks import CheckedSplit, DataCheck, check_splits, show_numbers
from fathom.data.images.checks import draw_samples
from fathom.data.images.shift import choose, find_image_shift
from fathom.findings import Finding
from fathom.phrases import counted


def check_arrays(data: ArrayData) -> DataCheck:
    """Look into images or features in memory: their splits, statistics, copies, images without content."""
    X, y = data.X.numpy(), data.y.numpy()
    splits = []
    for name, rows in data.splits.items():
        assert rows.X is not None
        index = torch.arange(len(rows)) if rows.index is None else rows.index  # (n,)
        splits.append((name, rows.X.numpy(), rows.y.numpy(), index))
    is_image = X.ndim == 4  # (N, C, H, W)
    found = DataCheck(
        data.name,
        "images" if is_image else "samples",
        [CheckedSplit(name, len(rows), _flat(b[rows]), _digest(a, rows.numpy())) for name, a, b, rows in splits],
        class_names=data.class_names,
    )
    found.facts = [("one sample", "×".join(map(str, data.input_shape))), ("task", data.task)]
    mean, std = data.statistics()
    found.facts.append(("mean of each channel" if is_image else "means", show_numbers(mean)))
    found.facts.append(("standard deviations", show_numbers(std)))
    if is_image:
        _look_for_blank(found, data)
        found.samples = draw_samples(X, y, data.class_names, data.seed)
        _look_for_shift(found, data)
    return check_splits(found)


def _look_for_shift(found: DataCheck, data: ArrayData) -> None:
    """Compare a test split of its own with the training split; one that was cut from the same array is alike."""
    test = data.splits.get("test")
    if test is None or test.X is None or test.X is data.X:
        return
    train = np.arange(len(data.X)) if data.train_index is None else data.train_index.numpy()
    index = np.arange(len(test.X)) if test.index is None else test.index.numpy()
    first, second = (places[choose(len(places), data.seed)] for places in (train, index))
    find_image_shift(found, "test", (data.X[first].numpy(), test.X[second].numpy()), seed=data.seed)


def _look_for_blank(found: DataCheck, data: ArrayData) -> None:
    flat = data.X.flatten(1)
    blank = int((flat.amax(1) == flat.amin(1)).sum())
    if blank:
        text = f"of one colour throughout: {counted(blank, 'image')} of the training data"
        evidence = {"blank": blank, "size": len(flat)}
        found.findings.append(Finding("data.blank_images", "warning", text, evidence))


def _digest(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Digest rows of an array.

    Shape:   array (N, …), rows int64 (n,) -> uint64 (n,)
    """
    flat = np.ascontiguousarray(array.reshape(len(array), -1))
    digests = [hashlib.blake2b(flat[i].tobytes(), digest_size=8).digest() for i in rows]
    # As numbers they can be sorted; two samples have the same one by chance once in 2⁶⁴ pairs.
    return np.frombuffer(b"".join(digests), np.uint64)


def _flat(labels: np.ndarray) -> np.ndarray:
    """Return the labels as they are, of several targets the first."""
    return labels if labels.ndim == 1 else labels[:, 0].astype(np.float64)

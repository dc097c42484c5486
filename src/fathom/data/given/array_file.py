"""Arrays given from Python, kept in one ``.npz`` file, so that a run can be resumed and evaluated from its folder."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.divided import Rows
from fathom.data.splits.split import stratified_split
from fathom.errors import FathomError, UsageError
from fathom.files import write_atomically
from fathom.preprocess import Preprocess, TargetScale

_KEYS = ("train_X", "train_y")
_MOST_CLASSES = 1000  # more different labels are numbers, most often
_CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
_DIGEST = 12  # letters of the file's name: enough to tell a user's arrays apart


class ArrayFileData(ArrayData):
    """Arrays of a user: features are standardised, and so are the targets of a regression."""

    def __init__(self, arrays: Arrays, batch_size: int | None = None, **options: Any) -> None:
        # of all samples before a split
        super().__init__(arrays, batch_size or _choose_batch_size(len(arrays.train_labels)), **options)
        self._scale: TargetScale | None = None
        # before scaling: reports are in the user's units
        self._truth = {name: rows.labels.double() for name, rows in self.splits.items()}
        if self.task == "regression":
            learned = self._truth["train"]  # (n, D)
            std = learned.std(0, correction=0)  # as StandardScaler: the population's
            # 1.0: a constant target divides nothing
            self._scale = TargetScale(learned.mean(0).tolist(), torch.where(std > 0, std, 1.0).tolist())
            self.splits = {
                name: Rows(rows.X, self._scale.scale(rows.y), rows.index) for name, rows in self.splits.items()
            }

    def preprocess(self, size: Sequence[int] | None = None) -> Preprocess:
        """Make the layer that standardises each channel, or feature."""
        return Preprocess(*self.statistics(), size=size)

    def target_scale(self) -> TargetScale | None:
        """Return mean and standard deviation of each target over the training split; None of classes."""
        return self._scale

    def truth(self, split: str) -> Tensor | None:
        """Return the numbers of a split as they were given, float64 (N, D); None of classes."""
        return None if self._scale is None else self._truth[split]


def _choose_batch_size(num_train: int) -> int:
    """Return a power of two from 16 to 256 that gives an epoch about 64 steps."""
    # half the samples at most, so that an epoch has two steps
    return min(256, max(16, 1 << max(0, (num_train // 64).bit_length() - 1)), max(1, num_train // 2))


def store_arrays(
    folder: Path, train: tuple[Any, Any], test: tuple[Any, Any] | None, *, task: str | None, share: float, seed: int
) -> Path:
    """Write arrays with their targets, and return the file; its name follows from what is in it.

    Args:
        test: (X, y) of the test split; None cuts ``share`` of the others, by class.
        task: "classification" or "regression"; None goes by y: whole numbers, booleans and texts are classes.
    Raises:  UsageError for arrays that do not fit one another, values that are not finite, or more than 1,000 classes
    """
    X = read_inputs(train[0])
    y, names = _read_targets(train[1], task, ())
    _check_lengths(X, y)
    if test is not None:
        # names: classes of the test split are those of training
        test_X, (test_y, _) = read_inputs(test[0]), _read_targets(test[1], task, names)
        _check_lengths(test_X, test_y)
        if test_X.shape[1:] != X.shape[1:]:
            raise UsageError(f"data: samples are {X.shape[1:]} in training and {test_X.shape[1:]} in the test split")
    elif share:
        rows, held_out = stratified_split(y, share, seed)  # stratified where y holds classes
        test = train if len(held_out) else None  # of few samples nothing is left to test on
        X, test_X, y, test_y = X[rows], X[held_out], y[rows], y[held_out]
    parts = {"train_X": X, "train_y": y, "class_names": np.array(names, dtype=np.str_)}
    if test is not None:
        parts |= {"test_X": test_X, "test_y": test_y}
    digest = hashlib.sha256()
    for name, part in sorted(parts.items()):  # sorted: the order of a dictionary must not change the name
        digest.update(f"{name} {part.dtype} {part.shape} ".encode() + np.ascontiguousarray(part).tobytes())
    path = folder / f"arrays-{digest.hexdigest()[:_DIGEST]}.npz"
    if not path.is_file():  # equal arrays have equal names: it is there already
        content = io.BytesIO()
        np.savez(content, **parts)  # type: ignore[arg-type]
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.getvalue())
    return path


def read_arrays(path: Path) -> Arrays:
    """Read what ``store_arrays`` wrote, or any ``.npz`` with train_X and train_y.

    Raises:  FathomError naming what is wrong
    """
    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle, and advise to load it
        raise FathomError(f"{path}: not an .npz file of NumPy")
    try:
        with np.load(path, allow_pickle=False) as file:  # a pickle inside could run code
            parts = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        what = "holds Python objects, which are not read" if "pickle" in str(error) else f"damaged ({error})"
        raise FathomError(f"{path}: {what}") from error
    if missing := [key for key in _KEYS if key not in parts]:
        held = ", ".join(parts) or "nothing"
        raise FathomError(
            f"{path}: has no {missing[0]}; it holds {held} (train_X, train_y, test_X and test_y are read)"
        )
    names = tuple(map(str, parts["class_names"])) if "class_names" in parts else ()
    X = read_inputs(parts["train_X"])
    y, found = (
        # written by store_arrays: read already
        _read_targets(parts["train_y"], None, names) if not _is_read(parts["train_y"]) else (parts["train_y"], names)
    )
    _check_lengths(X, y)
    test_X, test_y = parts.get("test_X"), parts.get("test_y")
    if test_X is None or test_y is None:  # both or none
        return Arrays(X, y, None, None, found)
    test_X = read_inputs(test_X)
    _check_lengths(test_X, test_y)
    return Arrays(X, y, test_X, test_y, found)


def read_inputs(value: Any) -> np.ndarray:
    """Return samples as a network sees them: images uint8 or float32 (N, C, H, W), or float32 (N, …).

    Raises:  UsageError for what is no array of numbers, or not finite
    """
    X = _to_numpy(value)
    if X.ndim < 2 or not len(X):
        raise UsageError(f"data: X has the shape {X.shape}; a row, or an image, a sample is needed: (N, …)")
    if X.dtype == np.uint8 and X.ndim == 3:  # (N, H, W)
        X = X[:, None]  # grey images
    # (N, H, W, C), unless channels stand first already
    elif X.ndim == 4 and X.shape[1] not in _CHANNELS and X.shape[3] in _CHANNELS:
        X = np.ascontiguousarray(X.transpose(0, 3, 1, 2))  # channels last, as files are decoded
    if X.dtype == np.uint8 and X.ndim == 4:
        return X
    if X.dtype.kind not in "biuf":  # booleans, integers, floats
        raise UsageError(f"data: X holds {X.dtype} values, not numbers; a DataFrame with target=… may hold texts")
    X = X.astype(np.float32)
    if not np.isfinite(X).all():
        row = int(np.argwhere(~np.isfinite(X).reshape(len(X), -1).all(1))[0, 0])  # the first such sample
        raise UsageError(
            f"data: X holds missing or infinite values, first in row {row}; fill them, or give a DataFrame"
        )
    return X


def class_numbers(value: Any, names: Sequence[str]) -> np.ndarray:
    """Return labels as the numbers of known classes, int64 (N,).

    Raises:  UsageError for a class that is unknown
    """
    y, _ = _read_targets(value, "classification", tuple(names))
    return y


def _to_numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise UsageError(f"data: no array can be made of a {type(value).__name__} ({error})") from None


def _is_read(y: np.ndarray) -> bool:
    # the two forms that _read_targets gives
    return (y.dtype == np.int64 and y.ndim == 1) or (y.dtype.kind == "f" and y.ndim == 2)


def _read_targets(value: Any, task: str | None, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return targets with the names of classes: int64 (N,), or float64 (N, D) of a regression.

    Args:
        names: those of known classes; empty finds them.
    """
    y = _to_numpy(value)
    if y.ndim == 2 and y.shape[1] == 1 and y.dtype.kind != "f":  # a column vector of labels
        y = y[:, 0]
    is_regression = task == "regression" or (task is None and y.dtype.kind == "f" and not names)
    if is_regression:
        if y.dtype.kind not in "biuf":
            raise UsageError(f"data: y holds {y.dtype} values, which no regression can learn")
        y = y.astype(np.float64).reshape(len(y), -1)  # (N,) -> (N, 1)
        if not np.isfinite(y).all():
            raise UsageError(f"data: y is missing or infinite in row {int(np.argwhere(~np.isfinite(y))[0, 0])}")
        return y, ()
    if y.ndim != 1:
        raise UsageError(f"data: y has the shape {y.shape}; of classes one label a sample is needed")
    if y.dtype.kind == "f":
        # labels read from a CSV as floats: 1.0 is class 1
        y = y.astype(np.int64) if np.array_equal(y, np.round(y)) else y
    missing = [i for i, value in enumerate(y.tolist()) if value is None or value != value]  # value != value: NaN
    if missing:
        raise UsageError(f"data: y is missing in row {missing[0]}; leave such rows out")
    if len({type(value) for value in y.tolist()}) > 1:  # "1" and 1 would be one class by accident
        raise UsageError("data: y holds values of several types; make them all texts, or all numbers")
    texts = y.astype(str)
    if not names:
        order, _ = np.unique(y, return_inverse=True)  # sorted: by value for numbers, by letters for texts
        names = tuple(order.astype(str).tolist())
    if len(names) < 2:
        raise UsageError(f"data: y holds one class, {', '.join(names)}; a classifier needs two or more")
    if len(names) > _MOST_CLASSES:
        raise UsageError(f"data: y has {len(names):,} classes; give task='regression' if they are numbers")
    number = {name: i for i, name in enumerate(names)}
    unknown = [text for text in np.unique(texts).tolist() if text not in number]
    if unknown:
        raise UsageError(f"data: class {unknown[0]!r} is not one of {', '.join(names[:10])}")
    return np.array([number[text] for text in texts.tolist()], dtype=np.int64), names


def _check_lengths(X: np.ndarray, y: np.ndarray) -> None:
    if len(X) != len(y):
        raise UsageError(f"data: X has {len(X):,} samples and y {len(y):,}")

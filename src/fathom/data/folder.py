"""Pictures in class folders as a data module: size and channels inferred, honest splits, files read by workers."""

from __future__ import annotations

import warnings
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.data.files import FileLoader
from fathom.data.folds import Fold, describe_scarce
from fathom.data.image_folder import FileList, ImageFileDataset, scan_image_folder
from fathom.data.memory import Augmentation
from fathom.data.module import LabelledData, check_batch_size, check_share
from fathom.data.picture_file import FORMATS, read_picture
from fathom.data.split import stratified_split
from fathom.data.workers import default_workers
from fathom.errors import UsageError

_SAMPLED = 500  # files looked into for size, channels and statistics
_LARGEST_SIDE = 224


class FolderData(LabelledData):
    """``root/<class>/*.jpg`` or ``root/{train,val,test}/<class>/*.jpg``.

    A part that has no folder of its own is cut from the training files, stratified and seeded.

    Args:
        batch_size: None takes a sixteenth of the training files, rounded to a power of two, from 8 to 256.
        val: share of the training files for validation, where there is no ``val`` folder; as much again is kept for
            testing where there is no ``test`` folder.
        size: (height, width) to bring every picture to; None takes the commonest size, at most 224.
        channels: 1 or 3; None takes 3 unless every picture looked into is grey.
        workers: processes that decode; None is one per core.
        split_seed: of the parts that are cut off; None takes ``seed``.
        fold: of a cross-validation: this part of the training files takes the place of the test part.
    Raises:  FathomError if the folder holds no classes or no pictures; UsageError for a batch larger than the set
    """

    def __init__(
        self,
        root: str | Path,
        batch_size: int | None = None,
        *,
        val: float = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        channels: int | None = None,
        workers: int | None = None,
        split_seed: int | None = None,
        fold: Fold | None = None,
    ) -> None:
        check_share(val)
        split_seed = seed if split_seed is None else split_seed
        if channels not in (None, 1, 3):
            raise UsageError(f"pictures of {channels} channels: choose 1 (grey) or 3 (colour)")
        files = scan_image_folder(root)
        self.name, self.augment, self.seed, self.workers = str(root), augment, seed, workers
        self.split_seed = split_seed
        self.class_names = files.class_names
        self.train, self.val, self.test = files.train, files.val, files.test
        if self.test is None and val:
            self.train, self.test = _cut(self.train, val, split_seed + 1)
        if fold is not None:
            scarce = describe_scarce(self.train.labels, fold.of, self.class_names)
            self.train, self.test = _pick(self.train, fold.cut(self.train.labels, split_seed))
            self.notes = [fold.describe(f"{len(self.test):,} pictures"), *scarce]
        if self.val is None and val:
            self.train, self.val = _cut(self.train, val, split_seed)
        self.batch_size = batch_size or _choose_batch_size(len(self.train))
        check_batch_size(self.batch_size, len(self.train), self.name)
        sizes, grey = _look_into(self.train, split_seed)
        self.channels = (1 if grey else 3) if channels is None else channels
        self.size = size or _choose_size(sizes)
        self._loaders: list[weakref.ref[FileLoader]] = []

    @property
    def num_train(self) -> int:
        """Number of pictures learned from."""
        return len(self.train)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a picture as the loader gives it: (C, H, W)."""
        return (self.channels, *self.size)

    @property
    def num_outputs(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def statistics(self) -> tuple[list[float], list[float]]:
        """Give mean and standard deviation per channel, in 0…1 units, over a seeded sample of the training files."""
        total, squares = np.zeros(self.channels), np.zeros(self.channels)
        chosen = _sample(self.train, self.split_seed)
        with ThreadPoolExecutor(default_workers()) as pool:  # decoding leaves the interpreter free
            for sums in pool.map(self._sums, chosen):
                total += sums[0]
                squares += sums[1]
        count = len(chosen) * self.size[0] * self.size[1]
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
        return mean.tolist(), std.tolist()

    def _sums(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        values = read_picture(self.train.paths[index], self.channels, self.size).astype(np.float64) / 255
        return values.sum((1, 2)), np.square(values).sum((1, 2))

    def example(self) -> Tensor:
        """Give one picture as a batch of one."""
        return torch.from_numpy(read_picture(self.train.paths[0], self.channels, self.size))[None]

    def test_pictures(self, indices: list[int]) -> list[np.ndarray]:
        """Give pictures of the test part, uint8 (C, H, W)."""
        assert self.test is not None
        return [read_picture(self.test.paths[i], self.channels, self.size) for i in indices]

    def train_dataloader(self) -> FileLoader:
        """Give shuffled, augmented batches of the training files."""
        return self._load(self.train, shuffle=True, seed=self.seed, augment=self.augment)

    def train_eval_dataloader(self) -> FileLoader:
        """Give the training files in their listed order, without augmentation."""
        return self._load(self.train)

    def val_dataloader(self) -> FileLoader | None:
        """Give the validation files in their listed order."""
        return None if self.val is None else self._load(self.val)

    def test_dataloader(self) -> FileLoader | None:
        """Give the test files in their listed order."""
        return None if self.test is None else self._load(self.test)

    def close(self) -> None:
        """End the worker processes of every loader given."""
        for reference in self._loaders:
            loader = reference()
            if loader is not None:
                loader.close()
        self._loaders.clear()

    def _load(self, files: FileList, **options: Any) -> FileLoader:
        dataset = ImageFileDataset(files, self.size, self.channels)
        loader = FileLoader(dataset, self.batch_size, workers=self.workers, **options)
        self._loaders.append(weakref.ref(loader))
        return loader


def _cut(files: FileList, share: float, seed: int) -> tuple[FileList, FileList | None]:
    """Cut a part off; None where there are too few pictures for even one."""
    kept, cut = _pick(files, stratified_split(files.labels, share, seed))
    return kept, cut if len(cut) else None


def _pick(files: FileList, parts: tuple[np.ndarray, np.ndarray]) -> tuple[FileList, FileList]:
    kept, cut = (FileList(tuple(files.paths[i] for i in index), files.labels[index]) for index in parts)
    return kept, cut


def _choose_batch_size(num_train: int) -> int:
    power_of_two = 1 << (max(1, num_train // 16).bit_length() - 1)
    return min(num_train, max(8, min(256, power_of_two)))


def _sample(files: FileList, seed: int) -> list[int]:
    return np.random.default_rng(seed).permutation(len(files))[:_SAMPLED].tolist()


def _look_into(files: FileList, seed: int) -> tuple[Counter[tuple[int, int]], bool]:
    """Read the headers of a sample: how often each (height, width) occurs, and whether all are grey."""
    from PIL import Image

    sizes: Counter[tuple[int, int]] = Counter()
    grey = True
    for i in _sample(files, seed):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # read_picture has its own limit
                with Image.open(files.paths[i], formats=FORMATS) as picture:
                    sizes[picture.height, picture.width] += 1
                    grey &= picture.mode in ("1", "L") or picture.mode.startswith("I")
        except Exception:
            read_picture(files.paths[i], 3)  # it says what is wrong with the file
            raise
    return sizes, grey


def _choose_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """Take the size that most pictures have; where they differ, a square of the median shorter side."""
    (height, width), count = sizes.most_common(1)[0]
    if count * 2 < sizes.total():
        height = width = sorted(min(size) for size in sizes.elements())[sizes.total() // 2]
    shrink = min(1.0, _LARGEST_SIDE / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))

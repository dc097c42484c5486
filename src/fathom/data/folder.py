"""Pictures in class folders as a data module: size and channels inferred, honest splits, files read by workers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fathom.data.files import FileLoader
from fathom.data.image_folder import FileList, ImageFileDataset, read_picture, scan_image_folder
from fathom.data.memory import Augmentation
from fathom.data.module import LabelledData, check_batch_size, check_share
from fathom.data.split import stratified_split
from fathom.errors import FathomError

_SAMPLED = 500  # files looked into for size, channels and statistics
_LARGEST_SIDE = 224


class FolderData(LabelledData):
    """``root/<class>/*.jpg`` or ``root/{train,val,test}/<class>/*.jpg``.

    A part that has no folder of its own is cut from the training files, stratified and seeded.

    Args:
        val: share of the training files for validation, where there is no ``val`` folder; as much again is kept for
            testing where there is no ``test`` folder.
        size: (height, width) to bring every picture to; None takes the commonest size, at most 224.
        channels: 1 or 3; None takes 3 unless every picture looked into is grey.
        workers: processes that decode; None is one per core.
    Raises:  FathomError if the folder holds no classes or no pictures
    """

    def __init__(
        self,
        root: str | Path,
        batch_size: int = 256,
        *,
        val: float = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        channels: int | None = None,
        workers: int | None = None,
    ) -> None:
        check_share(val)
        files = scan_image_folder(root)
        self.name, self.batch_size, self.augment, self.seed, self.workers = (
            str(root),
            batch_size,
            augment,
            seed,
            workers,
        )
        self.class_names = files.class_names
        self.train, self.val, self.test = files.train, files.val, files.test
        if self.test is None and val:
            self.train, self.test = _cut(self.train, val, seed + 1)
        if self.val is None and val:
            self.train, self.val = _cut(self.train, val, seed)
        check_batch_size(batch_size, len(self.train), self.name)
        sizes, grey = _look_into(self.train, seed)
        self.channels = channels or (1 if grey else 3)
        self.size = size or _choose_size(sizes)

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
        pictures = [read_picture(self.train.paths[i], self.channels, self.size) for i in _sample(self.train, self.seed)]
        values = np.stack(pictures).astype(np.float64).transpose(1, 0, 2, 3).reshape(self.channels, -1) / 255
        return values.mean(1).tolist(), values.std(1).clip(min=1e-6).tolist()

    def example(self) -> Tensor:
        """Give one picture as a batch of one."""
        return torch.from_numpy(read_picture(self.train.paths[0], self.channels, self.size))[None]

    def test_pictures(self, indices: list[int]) -> list[np.ndarray]:
        """Give pictures of the test part, uint8 (C, H, W)."""
        assert self.test is not None
        return [read_picture(self.test.paths[i], self.channels, self.size) for i in indices]

    def train_dataloader(self) -> FileLoader:
        """Give shuffled, augmented batches of the training files."""
        return FileLoader(
            ImageFileDataset(self.train, self.size, self.channels),
            self.batch_size,
            shuffle=True,
            seed=self.seed,
            workers=self.workers,
            augment=self.augment,
        )

    def train_eval_dataloader(self) -> FileLoader:
        """Give the training files in their listed order, without augmentation."""
        return self._in_order(self.train)

    def val_dataloader(self) -> FileLoader | None:
        """Give the validation files in their listed order."""
        return None if self.val is None else self._in_order(self.val)

    def test_dataloader(self) -> FileLoader | None:
        """Give the test files in their listed order."""
        return None if self.test is None else self._in_order(self.test)

    def _in_order(self, files: FileList) -> FileLoader:
        dataset = ImageFileDataset(files, self.size, self.channels)
        return FileLoader(dataset, self.batch_size, workers=self.workers)


def _cut(files: FileList, share: float, seed: int) -> tuple[FileList, FileList]:
    kept, cut = stratified_split(files.labels, share, seed)
    parts = [FileList(tuple(files.paths[i] for i in index), files.labels[index]) for index in (kept, cut)]
    return parts[0], parts[1]


def _sample(files: FileList, seed: int) -> list[int]:
    return np.random.default_rng(seed).permutation(len(files))[:_SAMPLED].tolist()


def _look_into(files: FileList, seed: int) -> tuple[Counter[tuple[int, int]], bool]:
    """Read the headers of a sample: how often each (height, width) occurs, and whether all are grey."""
    from PIL import Image

    sizes: Counter[tuple[int, int]] = Counter()
    grey = True
    for i in _sample(files, seed):
        try:
            with Image.open(files.paths[i]) as picture:
                sizes[picture.height, picture.width] += 1
                grey &= picture.mode in ("1", "L") or picture.mode.startswith("I")
        except OSError as error:
            raise FathomError(f"{files.paths[i]}: not a readable picture ({error}); mend it or take it away") from error
    return sizes, grey


def _choose_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """Take the size that most pictures have; where they differ, a square of the median shorter side."""
    (height, width), count = sizes.most_common(1)[0]
    if count * 2 < sizes.total():
        height = width = sorted(min(size) for size in sizes.elements())[sizes.total() // 2]
    shrink = min(1.0, _LARGEST_SIDE / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))

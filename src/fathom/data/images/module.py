"""Image files as a data module: size and channels inferred, honest splits, decoded into memory where they fit."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fathom.data.images.decode import check_form, read_image
from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.data.images.form import LARGEST_SIDE, Cache, choose_form, choose_place
from fathom.data.images.kept_surveys import survey_once
from fathom.data.images.survey import OnRead, survey
from fathom.data.loaders.files import FileLoader
from fathom.data.loaders.memory import Augmentation, MemoryLoader
from fathom.data.loaders.workers import default_workers
from fathom.data.module import Balance, LabelledData, check_batch_size, check_fraction
from fathom.data.splits.balance import count_classes, describe_balance
from fathom.data.splits.duplicates import Duplicates, find_duplicates, split_groups
from fathom.data.splits.folds import Fold, describe_small_classes
from fathom.data.splits.split import stratified_split
from fathom.errors import FathomError
from fathom.phrases import counted
from fathom.preprocess import Preprocess

_EVAL_BATCH, _EVAL_BYTES = 500, 1 << 22
_NAMED = 10  # files in a line


class ImageData(LabelledData):
    """Listed image files. Each is decoded once when this is made, so that what is broken is known before training.

    Where the pixels fit into half of the free memory they stay there, and every epoch is as fast as with any set in
    memory; else worker processes decode again in every epoch. The numbers are the same to the bit: size and channels
    are fixed before, and augmentation works on batches of the same bytes. A part that has no files of its own is cut
    from the training files, stratified and seeded, copies of an image all on one side.

    Args:
        batch_size: None takes a sixteenth of the training files, rounded to a power of two, from 8 to 256.
        val: share of the training files for validation, where there is no such part; as much again is kept for
            testing where there is no test split.
        size: (height, width) to bring every image to; None takes the commonest size.
        largest_side: that size is at most.
        channels: 1 or 3; None takes 3 unless every image looked into is grey.
        workers: processes that decode; None is one per core.
        cache: keep the decoded images in memory, or do not; "auto" does where they fit. Except with "none", what the
            pass over the files found is kept on the disk too, see ``kept_surveys``.
        max_broken: share of the files that may be missing or broken; they are left out, and the notes tell of them.
        balance: "sampler" draws all classes equally often; "weights" is for the loss, see ``class_weights``.
        split_seed: of the parts that are cut off; None takes ``seed``.
        fold: of a cross-validation: this part of the training files takes the place of the test split.
        is_normalised_elsewhere: models bring mean and standard deviation with them; those of the images tell nothing.
        aliases: what folders are to be called, by their paths, such as the archive that one was unpacked from.
        on_read: called with (files read, files in all) while they are decoded.
    Raises:  FathomError if too many files are broken or too little is left; UsageError for options that do not fit
    """

    def __init__(
        self,
        files: ImageFiles,
        batch_size: int | None = None,
        *,
        name: str,
        val: float = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        largest_side: int = LARGEST_SIDE,
        channels: int | None = None,
        workers: int | None = None,
        cache: Cache = "auto",
        max_broken: float = 0.01,
        balance: Balance = "none",
        split_seed: int | None = None,
        fold: Fold | None = None,
        is_normalised_elsewhere: bool = False,
        aliases: Mapping[str, str] = MappingProxyType({}),
        on_read: OnRead | None = None,
    ) -> None:
        check_fraction(val)
        self.split_seed = seed if split_seed is None else split_seed
        if len(files.class_names) < 2:
            raise FathomError(f"{name} holds one class only, {files.class_names[0]}: there is nothing to tell apart")
        self.name, self.augment, self.seed, self.balance = name, augment, seed, balance
        self.workers = default_workers() if workers is None else workers
        self.class_names = files.class_names
        self.is_normalised_elsewhere = is_normalised_elsewhere
        given = {name: part for name, part in zip(("train", "val", "test"), _parts(files), strict=True) if part}
        self.paths = tuple(str(path) for part in given.values() for path in part.paths)
        labels = np.concatenate([part.labels for part in given.values()])
        self.channels, self.size = choose_form(
            self.paths[: len(files.train)], self.split_seed, channels, size, largest_side
        )
        self.is_cached, reason = choose_place(cache, len(self.paths), self.input_shape, self.workers)
        look = partial(survey if cache == "none" else survey_once, self.paths, self.channels, self.size)
        self.survey = look(keep=self.is_cached, workers=self.workers, on_read=on_read)
        self._aliases = aliases
        broken = [*((path, "does not exist") for path in files.missing), *self.survey.explain_broken()]
        self.broken = [(self._show(path), why) for path, why in broken]
        self._check_broken(len(files.missing), max_broken)
        self.y = torch.from_numpy(labels)
        self.X = None if self.survey.pixels is None else torch.from_numpy(self.survey.pixels)
        folded = self._divide(given, val, fold)
        self._check_classes()
        self.batch_size = batch_size or _choose_batch_size(self.num_train)
        check_batch_size(self.batch_size, self.num_train, self.name)
        self.notes = [*files.notes, *folded, *self._describe_problems(), self._describe_form(reason)]
        self.details = [f"left out: {path} {why}".strip() for path, why in self.broken]
        self.details += [f"the same image: {a} and {b}" for a, b in self._name_pairs()]
        self._loaders: list[weakref.ref[FileLoader]] = []

    # What the recipes ask for -----------------------------------------------------------------------------------------

    @property
    def num_train(self) -> int:
        """Number of images learned from."""
        return len(self.train_index)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of an image as a loader gives it: (C, H, W)."""
        return (self.channels, *self.size)

    @property
    def num_outputs(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def train(self) -> FileList:
        """The files learned from."""
        return self._list(self.train_index)

    @property
    def val(self) -> FileList | None:
        """The validation files."""
        return None if self.val_index is None else self._list(self.val_index)

    @property
    def test(self) -> FileList | None:
        """The test files."""
        return None if self.test_index is None else self._list(self.test_index)

    def labels_by_split(self) -> dict[str, Tensor]:
        """Return the labels of each part."""
        parts = {"train": self.train_index, "val": self.val_index, "test": self.test_index}
        return {name: self.y[index] for name, index in parts.items() if index is not None}

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation per channel, in 0…1 units, over all training images."""
        total, squares = self.survey.sums[self.train_index.numpy()].sum(0).T / 255.0 ** np.array([[1], [2]])
        count = self.num_train * self.size[0] * self.size[1]
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
        return mean.tolist(), std.tolist()

    def matches(self, preprocess: Preprocess) -> bool:
        """Whether a model's statistics are those of these training images, where parts are cut from one set."""
        if not self._is_cut or self.is_normalised_elsewhere:
            return True
        own = Preprocess(*self.statistics())
        return own.mean.tolist() == preprocess.mean.tolist() and own.std.tolist() == preprocess.std.tolist()

    def describe(self) -> dict[str, Any]:
        """Add what is wrong with the files, and which are copies of another."""
        found = self.duplicates
        return super().describe() | {
            "broken": [{"file": path, "reason": why} for path, why in self.broken],
            "duplicates": {
                "repeated": found.repeated,
                "shared": dict(found.shared),
                "contradicting": found.contradicting,
                "pairs": [list(pair) for pair in self._name_pairs()],
            },
        }

    def example_input(self) -> Tensor:
        """Return one image as a batch of one."""
        return torch.from_numpy(self._read(int(self.train_index[0])))[None]

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split, uint8 (C, H, W)."""
        assert self.test_index is not None
        return [self._read(int(self.test_index[i])) for i in indices]

    def test_sample_names(self) -> tuple[str, list[str]]:
        """Return the paths of the test files, from the folder that holds all files on."""
        assert self.test_index is not None
        root = os.path.commonpath([os.path.dirname(path) for path in self.paths])
        names = (os.path.relpath(self.paths[i], root) for i in self.test_index.tolist())
        return "file", [os.fsencode(name).decode("utf-8", "replace") for name in names]

    def train_dataloader(self) -> MemoryLoader | FileLoader:
        """Return shuffled, augmented batches of the training files."""
        return self._load(self.train_index, self.batch_size, shuffle=True, seed=self.seed, augment=self.augment)

    def train_eval_dataloader(self) -> MemoryLoader | FileLoader:
        """Return the training files in their listed order, without augmentation."""
        return self._load(self.train_index, self._eval_batch)

    def val_dataloader(self) -> MemoryLoader | FileLoader | None:
        """Return the validation files in their listed order."""
        return None if self.val_index is None else self._load(self.val_index, self._eval_batch)

    def test_dataloader(self) -> MemoryLoader | FileLoader | None:
        """Return the test files in their listed order."""
        return None if self.test_index is None else self._load(self.test_index, self._eval_batch)

    def close(self) -> None:
        """End the worker processes of every loader given."""
        for reference in self._loaders:
            loader = reference()
            if loader is not None:
                loader.close()
        self._loaders.clear()

    # How it is made ---------------------------------------------------------------------------------------------------

    @property
    def _eval_batch(self) -> int:
        """Batches to evaluate by: large, but of large images few. The same with a cache and without."""
        return max(self.batch_size, min(_EVAL_BATCH, _EVAL_BYTES // int(np.prod(self.input_shape))))

    def _load(self, index: Tensor, batch_size: int, *, shuffle: bool = False, **options: Any) -> Any:
        is_balanced = shuffle and self.balance == "sampler"
        if self.X is not None:
            return MemoryLoader(
                self.X, self.y, batch_size, index=index, shuffle=shuffle, is_balanced=is_balanced, **options
            )
        dataset = ImageFileDataset(self._list(index), self.size, self.channels)
        classes = self.y[index] if is_balanced else None
        loader = FileLoader(dataset, batch_size, workers=self.workers, shuffle=shuffle, classes=classes, **options)
        self._loaders.append(weakref.ref(loader))
        return loader

    def _list(self, index: Tensor) -> FileList:
        return FileList(tuple(Path(self.paths[i]) for i in index.tolist()), self.y[index].numpy())

    def _read(self, place: int) -> np.ndarray:
        if self.X is not None:
            return self.X[place].numpy().copy()
        return read_image(self.paths[place], self.channels, self.size)

    def _check_broken(self, num_missing: int, max_broken: float) -> None:
        """Stop where more files are broken than may be."""
        total = len(self.paths) + num_missing
        if len(self.broken) <= max_broken * total:
            return
        raise FathomError(
            f"{len(self.broken):,} of {total:,} images ({100 * len(self.broken) / total:.1f} %) cannot be read, more "
            f"than the {100 * max_broken:.3g} % allowed: {self._list_broken()}. Mend or remove them (`fathom check` "
            "lists all), or allow more with --max-broken"
        )

    def _list_broken(self) -> str:
        listed = "; ".join(f"{path} {why}".strip() for path, why in self.broken[:_NAMED])
        return f"{listed}; and {len(self.broken) - _NAMED:,} more" if len(self.broken) > _NAMED else listed

    def _divide(self, given: dict[str, FileList], val: float, fold: Fold | None) -> list[str]:
        """Settle which readable file is in which part; parts that are not given are cut from the training split.

        Returns: what there is to say of the fold
        """
        labels, digests = self.y.numpy(), self.survey.digests
        parts: dict[str, np.ndarray] = {}
        start = 0
        for name, part in given.items():
            parts[name] = start + np.flatnonzero(self.survey.is_readable[start : start + len(part)])
            start += len(part)
        self._is_cut = fold is not None or (bool(val) and not {"val", "test"} <= set(parts))
        folded: list[str] = []
        for name, seed in (("test", self.split_seed + 1), ("val", self.split_seed)):
            if name not in parts and val and len(parts["train"]):
                share = partial(stratified_split, fraction=val, seed=seed)
                parts["train"], held_out = split_groups(parts["train"], labels, digests, share)
                if len(held_out):
                    parts[name] = held_out
            if name == "test" and fold is not None:
                scarce = describe_small_classes(labels[parts["train"]], fold.of, self.class_names)
                deal = partial(fold.cut, seed=self.split_seed)
                parts["train"], parts["test"] = split_groups(parts["train"], labels, digests, deal)
                folded = [fold.describe(counted(len(parts["test"]), "image")), *scarce]
        self.train_index = torch.from_numpy(parts["train"])
        self.val_index = torch.from_numpy(parts["val"]) if "val" in parts else None
        self.test_index = torch.from_numpy(parts["test"]) if "test" in parts else None
        self.duplicates: Duplicates = find_duplicates(parts, labels, digests)
        return folded

    def _check_classes(self) -> None:
        counts = count_classes(self.y[self.train_index], self.num_outputs)
        empty = [name for name, count in zip(self.class_names, counts, strict=True) if not count]
        if empty:
            raise FathomError(f"{self.name}: no readable training image of {', '.join(empty[:_NAMED])}")

    def _describe_form(self, cached: str) -> str:
        mean, std = ([f"{value:.3g}" for value in values] for values in self.statistics())
        parts = ", ".join(f"{name} {len(labels):,}" for name, labels in self.labels_by_split().items())
        cached += "; unchanged since an earlier pass" * self.survey.is_known
        classes, shape = counted(len(self.class_names), "class", "classes"), "×".join(map(str, self.input_shape))
        return f"images: {parts}; {classes}; {shape}, mean {' '.join(mean)}, std {' '.join(std)}; {cached}"

    def _describe_problems(self) -> list[str]:
        """Say in a line each what a user should know of the files."""
        notes = []
        if self.broken:
            notes.append(f"left out: {counted(len(self.broken), 'file')} that cannot be read: {self._list_broken()}")
        foreign = np.flatnonzero(self.survey.has_foreign_suffix)
        if len(foreign):
            first = ", ".join(self._show(self.paths[i]) for i in foreign[:3]) + (" …" if len(foreign) > 3 else "")
            number = counted(len(foreign), "file")
            notes.append(f"mislabelled, read by content: {number} of another format than the name says ({first})")
        found = self.duplicates
        for name, count in found.shared.items():
            if count:
                notes.append(f"leakage: {counted(count, 'image')} of the {name} split in the training split too")
        if found.repeated:
            kept = "; no copy is on another side of a cut" if self._is_cut else ""
            notes.append(f"duplicates: {found.repeated:,} training images repeat another one{kept}")
        if found.contradicting:
            notes.append(f"contradiction: {found.contradicting:,} training images are the same under several labels")
        counts = count_classes(self.y[self.train_index], self.num_outputs)
        balance = describe_balance(counts, self.class_names, self.balance)
        return [*notes, balance] if balance else notes

    def _name_pairs(self) -> list[tuple[str, str]]:
        found = self.duplicates
        pairs = (*found.shared_pairs, *found.contradicting_pairs)
        return [(self._show(self.paths[a]), self._show(self.paths[b])) for a, b in pairs]

    def _show(self, path: str) -> str:
        """Name a file in words for people."""
        known = next((folder for folder in self._aliases if path.startswith(folder + os.sep)), "")
        return self._aliases[known] + path[len(known) :] if known else path


class ImageFileDataset(Dataset[tuple[Tensor, int]]):
    """Images decoded when asked for: uint8 (C, height, width) and the label.

    Made for a ``DataLoader`` with workers; it holds paths only, so that workers are cheap to start.

    Args:
        size: (height, width) that every image is brought to.
        channels: 3 for colour, 1 for grey.
    Raises:  FathomError naming the file, when a broken one is reached
    """

    def __init__(self, files: FileList, size: tuple[int, int], channels: int = 3) -> None:
        check_form(channels, size)
        self.paths = [str(path) for path in files.paths]
        self.labels = files.labels
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = read_image(self.paths[index], self.channels, self.size)
        return torch.from_numpy(image), int(self.labels[index])


def _parts(files: ImageFiles) -> tuple[FileList | None, ...]:
    return files.train, files.val, files.test


def _choose_batch_size(num_train: int) -> int:
    power_of_two = 1 << (max(1, num_train // 16).bit_length() - 1)
    size = min(num_train, max(8, min(256, power_of_two)))
    return size + 1 if num_train % size == 1 and size > 1 else size  # a batch of one may have no variance

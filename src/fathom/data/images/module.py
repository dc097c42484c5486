"""Image files as a data module: size and channels inferred, honest splits, decoded into memory where they fit."""

from __future__ import annotations

import hashlib
import math
import os
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.choices import Balance
from fathom.data.divided import DividedData, Rows
from fathom.data.fetch.archives import is_packed
from fathom.data.fetch.packed import unpacked_copy
from fathom.data.images.cutting import make_cutter
from fathom.data.images.decode import read_pixels
from fathom.data.images.file_dataset import ImageFileDataset
from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.data.images.folders.name_groups import group_by_name as group_by_name_of
from fathom.data.images.form import choose_batch_size
from fathom.data.images.labels.file import read_image_table
from fathom.data.images.labels.learned import LearnedTargets
from fathom.data.images.labels.options import LABEL_OPTIONS
from fathom.data.images.listing import list_images
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.moments import combine, statistics_of, statistics_of_bytes
from fathom.data.images.pixels.scale import (
    ScaledAugmentation,
    describe_pages,
    describe_values,
    find_scale,
    show_as_bytes,
)
from fathom.data.images.scan import ScannedImages, list_broken, scan_images, splits_of
from fathom.data.images.survey import OnRead
from fathom.data.loaders.files import FileLoader
from fathom.data.loaders.memory import Augmentation
from fathom.data.module import check_batch_size
from fathom.data.splits.division import Division, as_division
from fathom.data.splits.duplicates import Duplicates, find_duplicates
from fathom.data.splits.folds import describe_small_classes
from fathom.data.splits.origins import describe_origins
from fathom.phrases import counted
from fathom.preprocess import Preprocess, TargetScale

_EVAL_BATCH, _EVAL_BYTES = 500, 1 << 22  # of a batch in evaluation: images at most, and bytes of them


class ImageData(DividedData):
    """Image files that were looked through, see ``scan``; making this from them opens none.

    Where the decoded pixels stay in memory every epoch is as fast as with any set in memory; else worker processes
    decode again in every epoch. The numbers are the same to the bit: size and channels are fixed before, and
    augmentation works on batches of the same bytes. A split that has no files of its own is cut from the training
    files, stratified and seeded, copies of an image all on one side.

    Args:
        batch_size: None takes a sixteenth of the training files, rounded to a power of two, from 8 to 256.
        val: share of the training files for validation, where there is no such split; as much again is kept for
            testing where there is no test split. A ``Division`` says more.
        augment: applied to training batches only.
        seed: of the order of the images, and of the division unless that has its own.
        balance: "sampler" draws all classes equally often; "weights" is for the loss, see ``class_weights``.
    Raises:  FathomError if too little is left to learn from; UsageError for options that do not fit
    """

    def __init__(
        self,
        scanned: ScannedImages,
        batch_size: int | None = None,
        *,
        val: float | Division = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        balance: Balance = "none",
    ) -> None:
        division, self.split_seed = as_division(val, seed)
        files, self.survey = scanned.files, scanned.survey
        self.scanned, self.paths, self.broken = scanned, scanned.paths, list(scanned.broken)
        self.form, self.channels, self.size = scanned.form, scanned.form.channels, scanned.size
        self.name, self.augment, self.seed, self.balance = files.name, augment, seed, balance
        self.class_names, self.task, self.multilabel = files.class_names, files.task, files.multilabel
        self.target_name, self.targets = files.target, LearnedTargets(files)
        self.targets.check_balance(balance)
        divided = self._divide(splits_of(files), division)
        self.batch_size = batch_size or choose_batch_size(self.num_train)
        check_batch_size(self.batch_size, self.num_train, self.name)
        origin = describe_origins(list(self.splits), files.origins, division, self.split_seed, self.cutter.how)
        self.pixel_scale = find_scale(self.form, self._moments())
        values = describe_values(self.form, self.pixel_scale, self._moments(), self.survey.moments)
        pages, form = describe_pages(self.survey.pages), self._describe_form()
        self.notes = [*files.notes, *divided, *values, *pages, *self._describe_problems(), origin, form]
        self.details = [f"left out: {path} {why}".strip() for path, why in self.broken]
        self.details += [f"the same image: {a} and {b}" for a, b in self._name_pairs()]
        self._loaders: list[weakref.ref[FileLoader]] = []

    @classmethod
    def scan(
        cls,
        files: ImageFiles,
        batch_size: int | None = None,
        *,
        options: ImageOptions | None = None,
        val: float | Division = 0.1,
        augment: Augmentation | None = None,
        seed: int = 0,
        balance: Balance = "none",
        on_read: OnRead | None = None,
    ) -> ImageData:
        """Decode every file once, so that what is broken is known before training, and make the data module.

        Args:
            options: how files become samples; the others are those of the class.
            on_read: called with (files read, files in all) while they are decoded.
        Raises:  FathomError also if too many files are broken, or there is one class only
        """
        division, split_seed = as_division(val, seed)
        scanned = scan_images(files, options, seed=split_seed, on_read=on_read)
        return cls(scanned, batch_size, val=division, augment=augment, seed=seed, balance=balance)

    @classmethod
    def from_folder(
        cls,
        root: str | Path,
        batch_size: int | None = None,
        *,
        levels: str | None = None,
        group_by_name: str | None = None,
        **options: Any,
    ) -> ImageData:
        """Scan ``root/<class>/*.jpg`` or ``root/{train,val,test}/<class>/*.jpg``; the rest is that of ``scan``.

        ``root`` may be an archive of such a folder, see ``unpacked_copy``.

        Args:
            levels: what the levels of folders mean, from the outside, such as "group/class".
            group_by_name: a regular expression that finds in a path what stays on one side of a cut.
        Raises:  FathomError also if the folder holds no classes or no images
        """
        files = list_images(unpacked_copy(root).path if is_packed(root) else root, levels=levels)
        if group_by_name is not None:
            files = group_by_name_of(files, group_by_name)
        return cls.scan(replace(files, name=str(root)), batch_size, **options)

    @classmethod
    def from_table(
        cls,
        table: str | Path,
        images: str | Path,
        batch_size: int | None = None,
        **options: Any,
    ) -> ImageData:
        """Scan images in a folder, with their labels in a file of rows; the rest is that of ``scan``.

        Args:
            table: rows of file and label, see ``read_image_table``.
            images: the folder that the names are relative to, or an archive of it.
            options: also those of ``LabelOptions``, such as ``label_column`` and ``task``.
        Raises:  FathomError also if the file names no image that is there; UsageError for a column that is not there
        """
        folder = unpacked_copy(images, whole=True).path if is_packed(images) else images
        said = {name: options.pop(name) for name in LABEL_OPTIONS if name in options}
        return cls.scan(read_image_table(table, folder, **said), batch_size, **options)

    # What the recipes ask for -----------------------------------------------------------------------------------------

    @property
    def train_index(self) -> Tensor:
        """Numbers of the training files."""
        return self._places("train")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of an image as a loader returns it: (C, H, W)."""
        return (self.channels, *self.size)

    @property
    def num_outputs(self) -> int:
        """Number of classes or labels, or 1."""
        return len(self.class_names) or 1

    @property
    def train(self) -> FileList:
        """The files learned from."""
        return self._list(self._places("train"))

    @property
    def val(self) -> FileList | None:
        """The validation files; None without any."""
        return self._list(self._places("val")) if "val" in self.splits else None

    @property
    def test(self) -> FileList | None:
        """The test files; None without any."""
        return self._list(self._places("test")) if "test" in self.splits else None

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation per channel, in 0…1 units, over all training images."""
        if self.pixel_scale is not None:
            return statistics_of(self._moments(), self.pixel_scale.low, self.pixel_scale.high)
        return statistics_of_bytes(self.survey.sums[self._places("train").numpy()], math.prod(self.size))

    def preprocess(self, size: Sequence[int] | None = None) -> Preprocess:
        """Make what a model does to a stored image before its network sees it, with how files become such images."""
        return Preprocess(*self.statistics(), size=size, scale=self.pixel_scale, files=self.form.describe())

    def target_scale(self) -> TargetScale | None:
        """Return mean and standard deviation of the numbers over the training split; None of classes."""
        return self.scale

    def truth(self, split: str) -> Tensor | None:
        """Return the numbers of a split as the label file has them, float64 (N, 1); None of classes."""
        return None if self.scale is None else torch.from_numpy(self.targets.values)[self._places(split), None]

    def matches(self, preprocess: Preprocess) -> bool:
        """Whether a model's statistics are those of these training images, where splits are cut from one set."""
        if not self._is_cut or self.scanned.options.is_normalised_elsewhere:
            return True
        own = self.preprocess()
        same = own.mean.tolist() == preprocess.mean.tolist() and own.std.tolist() == preprocess.std.tolist()
        return same and own.pixel_scale == preprocess.pixel_scale

    def fingerprint(self) -> str:
        """Return a digest of the sums over all images, their labels and which split they are in."""
        digest = hashlib.blake2b(self.survey.sums.tobytes(), digest_size=16)
        for name, rows in self.splits.items():
            digest.update(name.encode() + self.places[name].tobytes() + rows.labels.numpy().tobytes())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Add what is wrong with the files, and which are copies of another."""
        found = self.duplicates
        return super().describe() | {
            "fingerprint": self.fingerprint(),
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
        return torch.from_numpy(self.read(int(self._places("train")[0])))[None]

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split as they can be looked at, uint8 (C, H, W) with C = 1 or 3."""
        places = self._places("test")
        return [show_as_bytes(self.read(int(places[i])), self.pixel_scale) for i in indices]

    def test_sample_names(self) -> tuple[str, list[str]]:
        """Return the paths of the test files, from the folder that holds all files on."""
        root = os.path.commonpath([os.path.dirname(path) for path in self.paths])
        names = (os.path.relpath(self.paths[i], root) for i in self._places("test").tolist())
        return "file", [os.fsencode(name).decode("utf-8", "replace") for name in names]

    def close(self) -> None:
        """End the worker processes of every loader made."""
        for reference in self._loaders:
            loader = reference()
            if loader is not None:
                loader.close()
        self._loaders.clear()

    # How it is made ---------------------------------------------------------------------------------------------------

    @property
    def evaluation_batch(self) -> int:
        """Images of a batch in evaluation: many, but of large ones few. The same with a cache and without."""
        return max(self.batch_size, min(_EVAL_BATCH, _EVAL_BYTES // int(np.prod(self.input_shape))))

    def _load(self, split: str, *, is_training: bool = False) -> Any:
        if self.X is not None:
            return super()._load(split, is_training=is_training)
        rows = self.splits[split]
        options: dict[str, Any] = {}
        if is_training:
            options = {"shuffle": True, "seed": self.seed, "augment": self._training_augmentation()}
            options["classes"] = rows.labels if self.balance == "sampler" else None
        loader = FileLoader(
            ImageFileDataset(self._list(self._places(split), self.y.numpy()), self.form),
            self.batch_size if is_training else self.evaluation_batch,
            workers=self.scanned.workers,
            **options,
        )
        self._loaders.append(weakref.ref(loader))
        return loader

    def _places(self, split: str) -> Tensor:
        """Return the numbers of the files of a split, int64 (n,)."""
        index = self.splits[split].index
        assert index is not None
        return index

    def _list(self, index: Tensor, labels: np.ndarray | None = None) -> FileList:
        labels = self.targets.values if labels is None else labels
        return FileList(tuple(Path(self.paths[i]) for i in index.tolist()), labels[index.numpy()])

    def read(self, place: int) -> np.ndarray:
        """Return a file as a network's preprocessing gets it, (C, H, W), by its number among all."""
        if self.X is not None:
            return self.X[place].numpy().copy()
        return read_pixels(self.paths[place], self.form)

    def _training_augmentation(self) -> Augmentation | None:
        if self.augment is None or self.pixel_scale is None:
            return self.augment
        return ScaledAugmentation(self.augment, self.pixel_scale, self.statistics()[0])

    def _moments(self) -> np.ndarray:
        """Return what is known of the values of all training images, (C, 5); of plain bytes nothing, (0, 5)."""
        moments = self.survey.moments
        return combine(moments[self._places("train").numpy()]) if len(moments) else moments[:, 0]

    def _divide(self, given: dict[str, FileList], division: Division) -> list[str]:
        """Settle which readable file is in which split; those that are not given are cut from the training split.

        Returns: what there is to say of the fold, and of groups and times
        """
        pixels, digests, fold = self.survey.pixels, self.survey.digests, division.fold
        labels = self.targets.to_cut  # (N,)
        places: dict[str, np.ndarray] = {}
        start = 0
        for name, part in given.items():
            places[name] = start + np.flatnonzero(self.survey.is_readable[start : start + len(part)])
            start += len(part)
        self._is_cut = fold is not None or (bool(division.val) and not {"val", "test"} <= set(places))
        cutter = make_cutter(list(given.values()), labels, digests, self.scanned.files.cut_by)
        folded: list[str] = []
        cut: list[str] = []
        for name, seed in (("test", self.split_seed + 1), ("val", self.split_seed)):
            if name not in places and division.val and len(places["train"]):
                places["train"], held_out = cutter.cut_share(places["train"], division.val, seed)
                cut.append(name)
                if len(held_out):
                    places[name] = held_out
            if name == "test" and fold is not None:
                scarce = describe_small_classes(self.targets.classes[places["train"]], fold.of, self.class_names)
                places["train"], places["test"] = cutter.cut_fold(places["train"], fold, self.split_seed)
                folded = [fold.describe(counted(len(places["test"]), "image")), *scarce]
        places["train"] = division.thin(places["train"], self.targets.classes)
        names = [name for name in ("train", "val", "test") if name in places]
        folded += self.targets.check_train(places["train"], np.concatenate(list(places.values())), cutter.groups)
        self.scale = self.targets.fit_scale(places["train"])
        everything = Rows(None if pixels is None else torch.from_numpy(pixels), self.targets.learned(self.scale))
        self.splits = {name: everything.take(places[name]) for name in names}
        self.duplicates: Duplicates = find_duplicates(places, self.targets.codes, digests)
        self.cutter, self.places = cutter, places
        return [*folded, *cutter.describe(places, cut, "image"), *cutter.describe_torn(places)]

    def _describe_form(self) -> str:
        mean, std = ([f"{value:.3g}" for value in values] for values in self.statistics())
        parts = ", ".join(f"{name} {len(labels):,}" for name, labels in self.labels_by_split().items())
        cached = self.scanned.place + "; unchanged since an earlier pass" * self.survey.is_known
        shape = "×".join(map(str, self.input_shape))
        return (
            f"images: {parts}; {self.targets.describe()}; {shape}, mean {' '.join(mean)}, std {' '.join(std)}; {cached}"
        )

    def _describe_problems(self) -> list[str]:
        """Say in a line each what a user should know of the files."""
        notes = []
        if self.broken:
            notes.append(
                f"left out: {counted(len(self.broken), 'file')} that cannot be read: {list_broken(self.broken)}"
            )
        foreign = np.flatnonzero(self.survey.has_foreign_suffix)
        if len(foreign):
            first = ", ".join(self.show(i) for i in foreign[:3]) + (" …" if len(foreign) > 3 else "")
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
        return notes + self._describe_balance()

    def _name_pairs(self) -> list[tuple[str, str]]:
        found = self.duplicates
        pairs = (*found.shared_pairs, *found.contradicting_pairs)
        return [(self.show(a), self.show(b)) for a, b in pairs]

    def show(self, place: int) -> str:
        """Return the path of a file as people know it."""
        return self.scanned.files.show(self.paths[place])

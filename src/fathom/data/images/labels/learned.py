"""What is learned of each image file, as tensors: a class, labels that each hold or do not, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fathom.choices import Balance
from fathom.data.images.folder_listing import ImageFiles
from fathom.data.images.scan import splits_of
from fathom.data.module import check_balance
from fathom.errors import FathomError, UsageError
from fathom.phrases import enumerated, significant
from fathom.preprocess import TargetScale


@dataclass(frozen=True)
class LearnedTargets:
    """The targets of all files, in the order of the splits.

    Shape:   values int64 (N,) of classes, int64 (N, L) of labels, float64 (N,) of numbers
    """

    files: ImageFiles

    @cached_property
    def values(self) -> np.ndarray:
        """The targets as the label file has them."""
        # in the order of the splits, as the survey has the files
        return np.concatenate([part.labels for part in splits_of(self.files).values()])

    @property
    def is_regression(self) -> bool:
        """Whether they are numbers."""
        return self.files.task == "regression"

    @cached_property
    def codes(self) -> np.ndarray:
        """A number for each different target, int64 (N,): a class itself, one for each set of labels."""
        if self.values.ndim == 1 and not self.is_regression:
            return self.values
        # axis=0: a row of labels is one value
        return np.unique(self.values, axis=0, return_inverse=True)[1].reshape(-1)

    @property
    def classes(self) -> np.ndarray:
        """The class of each image, int64 (N,); of labels and numbers, which are none, numbers."""
        is_class = self.values.ndim == 1 and not self.is_regression
        # NaN: a float array, which no division takes for classes
        return self.values if is_class else np.full(len(self.values), np.nan)

    @property
    def to_cut(self) -> np.ndarray:
        """What a division keeps in proportion, (N,): classes, sets of labels; numbers have none."""
        return self.values if self.is_regression else self.codes

    def check_balance(self, balance: Balance) -> None:
        """Refuse to balance what has no classes."""
        check_balance(balance, self.files.task, self.files.name)
        if self.files.multilabel and balance != "none":
            raise UsageError(
                f"--balance {balance} is for classes; the images of {self.files.name} have several labels each"
            )

    def fit_scale(self, train: np.ndarray) -> TargetScale | None:
        """Return mean and standard deviation of the numbers of the training files; None of classes.

        Raises:  FathomError if all are the same
        """
        if not self.is_regression:
            return None
        known = self.values[train]
        if not np.ptp(known) > 0:
            raise FathomError(
                f"{self.files.name}: {self.files.target} is the same for every training image; nothing to learn"
            )
        return TargetScale([float(known.mean())], [float(known.std())])

    def learned(self, scale: TargetScale | None) -> Tensor:
        """Return what a network learns: int64 (N,) or (N, L), or standardised numbers, float32 (N, 1)."""
        values = torch.from_numpy(self.values)
        return values if scale is None else scale.scale(values[:, None])  # (N,) -> (N, 1)

    def check_train(self, train: np.ndarray, readable: np.ndarray, groups: Sequence[str] | None = None) -> list[str]:
        """Say which labels no training image has.

        Args:
            readable: places of all files that can be read.
            groups: what stays together, if anything does.
        Raises:  FathomError for classes without one
        """
        if self.is_regression:
            return []
        names = self.files.class_names
        empty = np.flatnonzero(self._count(train) == 0)  # classes without a training image
        if not len(empty):
            return []
        listed = enumerated([names[i] for i in empty])
        if self.files.multilabel:
            return [f"labels: no training image has {listed}, which cannot be learned"]
        advice = ""
        if groups is not None:
            advice = "; all of its groups are held out: choose smaller ones, or --val 0"
        elif self._count(readable)[empty].any():  # there are some, in other splits
            advice = "; all went to other splits (--val 0 keeps what is cut for training)"
        raise FathomError(f"{self.files.name}: no readable training image of {listed}{advice}")

    def _count(self, places: np.ndarray) -> np.ndarray:
        """Count the images of each class or label, int64 (K,)."""
        values, most = self.values[places], len(self.files.class_names)
        # (N, L) holds 0 and 1, so a sum counts
        return values.sum(0) if self.files.multilabel else np.bincount(values, minlength=most)

    def describe(self) -> str:
        """Say what there is to learn: how many classes or labels, or which number."""
        if self.is_regression:
            mean, std = significant(float(self.values.mean())), significant(float(self.values.std()))
            return f"{self.files.target}: mean {mean}, standard deviation {std}"
        count = len(self.files.class_names)
        return f"{count} labels" if self.files.multilabel else f"{count} {'class' if count == 1 else 'classes'}"

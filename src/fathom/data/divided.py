"""Labelled data divided into splits by row numbers, and the loaders that all kinds of them share."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fathom.data.loaders.memory import Augmentation, MemoryLoader
from fathom.data.module import LabelledData
from fathom.data.splits.balance import describe_balance

# samples: activations alone, so more than in training
_EVAL_BATCH = 500  # samples


@dataclass(frozen=True)
class Rows:
    """The samples of one split: rows of tensors that other splits share.

    Shape:   X (N, …), y (N, …), index int64 (n,)
    Attributes:
        X: inputs of all rows; None where they stay in files.
        y: labels or targets of all rows.
        index: which rows are those of the split; None means all.
    """

    X: Tensor | None  # None where they stay in files
    y: Tensor
    index: Tensor | None = None  # None: all rows

    def __len__(self) -> int:
        return len(self.y if self.index is None else self.index)  # by the labels, which are in memory always

    def take(self, index: np.ndarray) -> Rows:
        """Return some of all rows, by their numbers int64 (n,)."""
        return Rows(self.X, self.y, torch.from_numpy(index))

    @property
    def labels(self) -> Tensor:
        """The labels of the split alone, (n, …)."""
        return self.y if self.index is None else self.y[self.index]


class DividedData(LabelledData):
    """Labelled data divided into splits by row numbers, with the loaders of every split.

    A subclass sets ``splits``: "train", and "val" and "test" where there are any, in this order.

    Attributes:
        row_weights: float (num_train,): how often the samples of the training split are drawn; None draws each once.
    """

    splits: dict[str, Rows]
    row_weights: Tensor | None = None  # (N,), how much more often a row is drawn; None: all alike
    augment: Augmentation | None = None
    seed: int = 0

    @property
    def num_train(self) -> int:
        """Number of samples learned from."""
        return len(self.splits["train"])

    @property
    def X(self) -> Tensor | None:
        """Inputs of all rows that the training split shares, (N, …); None where they stay in files."""
        return self.splits["train"].X

    @property
    def y(self) -> Tensor:
        """Labels or targets of these rows, (N, …)."""
        return self.splits["train"].y

    @property
    def train_index(self) -> Tensor | None:
        """Rows of the training split; None means all."""
        return self._index("train")

    @property
    def val_index(self) -> Tensor | None:
        """Rows of the validation split; None without one."""
        return self._index("val")

    @property
    def test_index(self) -> Tensor | None:
        """Rows of the test split; None without one, or where it has tensors of its own."""
        return self._index("test")

    @property
    def evaluation_batch(self) -> int:
        """Samples of a batch in evaluation: with nothing to keep for a backward pass, more fit than in training."""
        return max(self.batch_size, _EVAL_BATCH)  # at least the batch of training, which is known to fit

    def labels_by_split(self) -> dict[str, Tensor]:
        """Return the labels of each split there is, train first."""
        return {name: rows.labels for name, rows in self.splits.items()}

    def digests(self) -> dict[str, str]:
        """Return a digest of each split: its rows, their labels, and the stored bytes of the inputs.

        Inputs that are numbers already, as those of an encoded table, follow from the training split's statistics and
        would change with it; of them rows and labels alone are taken.
        """
        sums: dict[int, int] = {}  # tensors that splits share are read once
        found = {}
        for name, rows in self.splits.items():
            digest = hashlib.blake2b(rows.labels.contiguous().cpu().numpy().tobytes(), digest_size=12)
            if rows.index is not None:
                digest.update(rows.index.numpy().tobytes())
            if rows.X is not None and not rows.X.is_floating_point():
                if id(rows.X) not in sums:
                    # crc32: the 47 MB of Fashion-MNIST take 7 ms
                    sums[id(rows.X)] = zlib.crc32(rows.X.contiguous().cpu().numpy().data)
                digest.update(sums[id(rows.X)].to_bytes(4, "little"))
            found[name] = digest.hexdigest()
        return found

    def train_dataloader(self) -> Any:
        """Return shuffled, augmented batches of the training split."""
        return self._load("train", is_training=True)

    def train_eval_dataloader(self) -> Any:
        """Return the training split in its stored order, without augmentation."""
        return self._load("train")

    def val_dataloader(self) -> Any:
        """Return the validation split in its stored order; None without one."""
        return self._load("val") if "val" in self.splits else None

    def test_dataloader(self) -> Any:
        """Return the test split in its stored order; None without one."""
        return self._load("test") if "test" in self.splits else None

    def _load(self, split: str, *, is_training: bool = False) -> Any:
        """Make the loader of a split that is held in memory."""
        rows = self.splits[split]
        assert rows.X is not None
        if not is_training:  # index without shuffle: stored order
            return MemoryLoader(rows.X, rows.y, self.evaluation_batch, index=rows.index)
        drawn: Literal["once", "classes"] = "classes" if self.balance == "sampler" else "once"
        return MemoryLoader(
            rows.X,
            join_soft_targets(rows.y, self.soft),  # labels and soft targets travel as one tensor
            self.batch_size,
            shuffle=True,
            seed=self.seed,
            index=rows.index,
            augment=self._training_augmentation(),
            draw=drawn if self.row_weights is None else self.row_weights,  # weights of rows go before classes
        )

    def _training_augmentation(self) -> Augmentation | None:
        """Return what is applied to training batches, as they are stored."""
        return self.augment

    def _index(self, split: str) -> Tensor | None:
        return self.splits[split].index if split in self.splits else None

    def _describe_balance(self) -> list[str]:
        """Say in a line, if need be, that the classes are of unequal size and what is done about it."""
        if self.task != "classification":
            return []
        description = self.describe()
        found = describe_balance(description["counts"]["train"], description["class_names"], self.balance)
        return [found] if found else []


class InMemoryData(DividedData):
    """Divided data whose inputs are in memory, whatever their size."""

    @property
    def takes_teacher_logits(self) -> bool:
        """Whether samples never change; classes drawn equally often are drawn by their labels, which stand alone."""
        return self.augment is None and self.balance != "sampler"

    def set_teacher_logits(self, logits: Tensor) -> None:
        """Take a teacher's logits of the training split, in its stored order.

        Shape:   logits (n, K) ->
        """
        train = self.splits["train"]
        rows: Any = slice(None) if train.index is None else train.index
        # float32; the rows of other splits are never drawn in training
        self.soft = torch.zeros(len(train.y), logits.shape[1])  # (N, K), zero outside the training split
        self.soft[rows] = logits

    @property
    def X(self) -> Tensor:
        """Inputs of all rows that the training split shares, (N, …)."""
        X = self.splits["train"].X
        assert X is not None
        return X

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample as it is stored: (C, H, W) or (D,)."""
        return tuple(self.X.shape[1:])

    def example_input(self) -> Tensor:
        """Return one sample as a batch of one."""
        return self.X[:1]


def join_soft_targets(y: Tensor, soft: Tensor | None) -> Tensor:
    """Put a teacher's logits beside the labels; without logits, return the labels.

    Shape:   y int64 (N,), soft (N, K) -> float32 (N, 1 + K)
    """
    return y if soft is None else torch.cat([y[:, None].float(), soft], 1)  # (N,) -> (N, 1 + K): the label first

"""Where samples come from: loaders for training, validation and test, and what a model must know of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.choices import Balance, Task
from fathom.data.splits.balance import class_weights, count_classes
from fathom.errors import UsageError
from fathom.preprocess import Preprocess, TargetScale

SampleNames = tuple[str, list[str]]
"""What names samples in their files, "file" or "row", and the name of each."""


class DataModule:
    """The source of training, validation and test batches; subclass it to bring your own.

    ``train_dataloader`` is all a trainer needs; ``val_dataloader`` and ``test_dataloader`` may return None. A loader is
    any iterable of batches; one with ``seek(epoch, batch)`` makes resuming exact.
    """

    name = "data"
    task: Task = "classification"
    class_names: tuple[str, ...] = ()
    batch_size: int = 1

    def train_dataloader(self) -> Iterable[Any]:
        """Return the batches to learn from."""
        raise NotImplementedError(f"{type(self).__name__} must define train_dataloader()")

    def val_dataloader(self) -> Iterable[Any] | None:
        """Return the batches that choose between models, cut from the training data."""
        return None

    def test_dataloader(self) -> Iterable[Any] | None:
        """Return the batches used once, at the end."""
        return None


class LabelledData(DataModule):
    """A data module that the recipes can build a model for: it knows its shapes, its statistics and its images.

    ``notes`` are lines about the data that a user should read, ``details`` further ones for the log alone, ``unit`` is
    what ``num_train`` counts. ``balance`` says how classes of unequal size get the same say: "sampler" draws them
    equally often, "weights" is for the loss.
    """

    notes: Sequence[str] = ()
    details: Sequence[str] = ()
    unit = "sample"
    balance: Balance = "none"
    soft: Tensor | None = None  # (N, K), a teacher's logits of every row, given beside the labels in training
    is_encoded: bool = False  # whether samples are encoded by this data's own statistics: only its models read them
    batch_dim: int = 0  # of an input batch
    target_name: str = ""  # of the number that is predicted, where it has a name of its own
    input_dtype: torch.dtype | None = None  # of a sample as a network sees it, where that is not a float
    multilabel: bool = False  # whether a sample has a 0 or 1 for each of ``class_names``, and not one class

    @property
    def takes_teacher_logits(self) -> bool:
        """Whether the training loader can return a teacher's logits beside the labels: its samples never change."""
        return False  # augmented or noisy ones would differ from those the teacher saw

    def set_teacher_logits(self, logits: Tensor) -> None:
        """Take a teacher's logits of the training split, in its stored order.

        Shape:   logits (n, K)
        """
        raise NotImplementedError(f"{type(self).__name__} takes no soft targets")

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each output of a network stands for: classes, tokens; nothing in a regression."""
        return self.class_names

    @property
    def num_train(self) -> int:
        """Number of samples learned from."""
        raise NotImplementedError

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample as a loader returns it: (C, H, W) or (D,)."""
        raise NotImplementedError

    @property
    def num_outputs(self) -> int:
        """Number of classes, or of targets in a regression."""
        raise NotImplementedError

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of each channel over the training split alone, in 0…1 units."""
        raise NotImplementedError

    def labels_by_split(self) -> dict[str, Tensor]:
        """Return the labels of each split there is, train first."""
        return {}

    def digests(self) -> dict[str, str]:
        """Return what changes with any sample or label of a split, by split: two runs with equal ones compare."""
        return {}

    def class_weights(self) -> list[float] | None:
        """Return the weight of each class in the loss; None where all samples weigh the same."""
        if self.balance != "weights":
            return None
        if self.multilabel:
            # a sample of several labels has no one class to weigh it by
            raise UsageError(f"--balance weights is for classes; the samples of {self.name} have several labels")
        return class_weights(count_classes(self.labels_by_split()["train"], self.num_outputs))

    def describe(self) -> dict[str, Any]:
        """Return what a report should say of the data: sizes of the splits, counts of the classes in each, notes."""
        labels = self.labels_by_split()
        sizes = {name: len(split) for name, split in labels.items()}
        description: dict[str, Any] = {"splits": sizes, "balance": self.balance, "notes": list(self.notes)}
        if digests := self.digests():
            description["digests"] = digests
        if self.task == "classification":
            names = self.class_names or tuple(map(str, range(self.num_outputs)))
            counts = {
                # one that is never a label still has its count, 0
                name: split.sum(0).long().tolist() if self.multilabel else count_classes(split, len(names))
                for name, split in labels.items()
            }
            description |= {"class_names": list(names), "counts": counts}
        return description

    def preprocess(self, size: Sequence[int] | None = None) -> Preprocess:
        """Make what a model does to a stored sample before its network sees it; ``size`` is for images."""
        # numbers of a table or tokens are scaled elsewhere
        return Preprocess() if self.task != "classification" else Preprocess(*self.statistics(), size=size)

    def target_scale(self) -> TargetScale | None:
        """Make what brings a network's output to the units of the data; None where it is in them."""
        return None

    def truth(self, split: str) -> Tensor | None:
        """Return the numbers to be predicted of a split as the data have them, float64 (N, D); None: as learned."""
        return None

    def fingerprint(self) -> str:
        """Return what changes with any sample, label or split; "" where that is told by the statistics alone."""
        return ""

    def matches(self, preprocess: Preprocess) -> bool:
        """Whether a model with this preprocessing can be evaluated on these data."""
        return True

    def example_input(self) -> Tensor:
        """Return the inputs of one sample as a batch of one."""
        raise NotImplementedError

    def test_images(self, indices: list[int]) -> list[np.ndarray]:
        """Return images of the test split, uint8 (C, H, W)."""
        raise NotImplementedError

    def test_sample_names(self) -> SampleNames | None:
        """Return what the samples of the test split are called in their files: ("file", paths) or ("row", numbers)."""
        return None

    def train_eval_dataloader(self) -> Iterable[Any]:
        """Return the training split in its stored order, without augmentation."""
        raise NotImplementedError

    def close(self) -> None:
        """End the processes that read files, if there are any."""


def check_balance(balance: Balance, task: str, name: str) -> None:
    """Refuse to balance what has no classes."""
    if balance != "none" and task != "classification":
        raise UsageError(f"--balance is for classification; the task of {name} is {task}")


def check_batch_size(batch_size: int, num_train: int, name: str) -> None:
    """Refuse a batch that the training split cannot fill."""
    if batch_size > num_train:
        raise UsageError(
            f"batch size {batch_size} is larger than the {num_train:,} training samples of {name}; "
            f"choose at most {num_train}"
        )

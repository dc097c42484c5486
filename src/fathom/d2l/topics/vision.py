"""Computer vision in the earlier functions: ResNet-18, training on several devices, Kaggle's folders of images."""

from __future__ import annotations

import csv
import math
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fathom.d2l.frame.animator import Animator
from fathom.d2l.frame.devices import try_all_gpus
from fathom.d2l.frame.trainer import choose_memory_format
from fathom.d2l.topics.convolution import Residual
from fathom.d2l.topics.old_training import count_correct, to_device, train_and_draw
from fathom.errors import FathomError
from fathom.training.device import tune_allocator

Devices = Sequence[torch.device]


def resnet18(num_classes: int, in_channels: int = 1) -> nn.Sequential:
    """ResNet-18 for small images: a 3x3 stem that keeps the size, and no pooling before the blocks.

    Shape:   X (N, in_channels, H, W) -> logits (N, num_classes)
    """
    net = nn.Sequential(nn.Conv2d(in_channels, 64, kernel_size=3, padding=1), nn.BatchNorm2d(64), nn.ReLU())
    channels = 64
    for stage, out_channels in enumerate((64, 128, 256, 512), start=1):
        # from stage 2 on: half the size, twice the channels
        first = Residual(channels, out_channels, use_1x1conv=stage > 1, strides=1 if stage == 1 else 2)
        # two residual blocks a stage: 8 blocks of 2 convolutions, the stem and fc make 18
        net.add_module(f"resnet_block{stage}", nn.Sequential(first, Residual(out_channels, out_channels)))
        channels = out_channels
    net.add_module("global_avg_pool", nn.AdaptiveAvgPool2d((1, 1)))  # (N, 512, 1, 1)
    net.add_module("fc", nn.Sequential(nn.Flatten(), nn.Linear(512, num_classes)))
    return net


def split_batch(X: Tensor, y: Tensor, devices: Devices) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Split a batch into equal parts, one on each device; devices of any kind will do.

    Shape:   X (N, …), y (N,) -> Xs (-(-N//D), …), ys (-(-N//D),); two tuples of D parts, one per device, the last ones
        may be shorter
    """
    if len(X) != len(y):
        raise ValueError(f"{len(X)} samples but {len(y)} labels")
    return _scatter(X, devices), _scatter(y, devices)


def _scatter(X: Tensor, devices: Devices) -> tuple[Tensor, ...]:
    # fewer samples than devices: the last ones get none
    return tuple(part.to(device) for part, device in zip(X.chunk(len(devices)), devices, strict=False))


def train_batch_ch13(
    net: nn.Module, X: Any, y: Tensor, loss: Any, trainer: torch.optim.Optimizer, devices: Devices
) -> tuple[Tensor, Tensor]:
    """Take a step on the summed loss of a batch; return that loss and the number of correct predictions.

    Both are tensors on the device, so that nothing waits for it. The inputs may be a list of tensors.

    Shape:   X (N, …), y (N,) -> loss (), correct int64 (); labels of pixels are (N, H, W)
    """
    X, y = to_device(X, devices[0]), to_device(y, devices[0])
    net.train()
    trainer.zero_grad()
    y_hat = net(X)
    total = loss(y_hat, y).sum()  # a sum, so that the learning rate means what the book's does
    total.backward()
    trainer.step()
    return total.detach(), count_correct(y_hat, y)


def train_ch13(
    net: nn.Module,
    train_iter: Any,
    test_iter: Iterable[Any],
    loss: Any,
    trainer: torch.optim.Optimizer,
    num_epochs: int,
    devices: Devices | None = None,
) -> None:
    """Train a network on one or several devices; draw, and print the last loss and accuracies.

    Args:
        loss: returns one loss per sample (or pixel).
        devices: every GPU if None, the CPU where there is none. Several GPUs split each batch.
    """
    devices = try_all_gpus() if devices is None else devices
    if torch.device(devices[0]).type == "cpu":
        tune_allocator()
    animator = Animator(
        xlabel="epoch", xlim=[1, num_epochs], ylim=[0, 1], legend=["train loss", "train acc", "test acc"]
    )
    net = spread(net, devices)

    def train_batch(features: Any, labels: Tensor, is_first: bool) -> tuple[Any, ...]:
        if is_first:
            # once: the first batch shows the size
            choose_memory_format(net, to_device([features, labels], devices[0]))
        total, correct = train_batch_ch13(net, features, labels, loss, trainer, devices)
        return total, correct, labels.shape[0], labels.numel()  # summed loss, correct, samples, labels

    train_and_draw(net, train_iter, test_iter, num_epochs, train_batch, animator, str(list(devices)))


def spread(net: nn.Module, devices: Devices) -> nn.Module:
    """Put a network on the first device, and copies of it on further GPUs for the length of each batch."""
    net = net.to(devices[0])
    # two of one kind: copies can be kept in step
    if len(devices) > 1 and all(torch.device(device).type == "cuda" for device in devices):
        return nn.DataParallel(net, device_ids=list(devices))
    return net


# Kaggle's folders --------------------------------------------------------------------------------------------------


def read_csv_labels(fname: str | os.PathLike[str]) -> dict[str, str]:
    """Read "name,label" lines below a header."""
    with open(fname, newline="", encoding="utf-8") as file:
        return {row[0]: row[1] for row in list(csv.reader(file))[1:] if row}  # [1:] skips the header


def copyfile(filename: str | os.PathLike[str], target_dir: str | os.PathLike[str]) -> None:
    """Copy a file into a folder, which is made if needed."""
    os.makedirs(target_dir, exist_ok=True)
    shutil.copy(filename, target_dir)


def reorg_train_valid(data_dir: str | os.PathLike[str], labels: Mapping[str, str], valid_ratio: float) -> int:
    """Copy ``train/`` to class folders under ``train_valid_test/``: all to ``train_valid``, each to one of ``train``
    and ``valid``. What an earlier call made there is replaced.

    Args:
        labels: file name without its suffix -> class.
        valid_ratio: share of the smallest class that every class contributes to ``valid``, at least one image.
    Returns:  the number of validation images per class
    Raises:  FathomError for an image without a label
    """
    # as many of each class as a share of the rarest one
    num_valid = max(1, math.floor(min(Counter(labels.values()).values()) * valid_ratio))
    target = Path(data_dir) / "train_valid_test"
    for part in ("train_valid", "train", "valid"):
        shutil.rmtree(target / part, ignore_errors=True)  # left from another run, a file could stand in both splits
    num_copied: Counter[str] = Counter()
    for file in _image_files(Path(data_dir) / "train"):
        label = labels.get(file.name.split(".")[0])  # "12.png" is labelled as "12"
        if label is None:
            raise FathomError(f"{file} has no label; the labels name {len(labels)} images, such as {min(labels)!r}")
        copyfile(file, target / "train_valid" / label)
        # in order of names: the first num_valid of each class
        copyfile(file, target / ("valid" if num_copied[label] < num_valid else "train") / label)
        num_copied[label] += 1
    return num_valid


def reorg_test(data_dir: str | os.PathLike[str]) -> None:
    """Copy ``test/`` to ``train_valid_test/test/unknown/``, the one class folder that a loader asks for."""
    # a loader of class folders needs at least one
    for file in _image_files(Path(data_dir) / "test"):
        copyfile(file, Path(data_dir) / "train_valid_test" / "test" / "unknown")


def _image_files(folder: Path) -> list[Path]:
    # no .DS_Store and the like
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))

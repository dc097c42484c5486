"""Pascal VOC 2012 for semantic segmentation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fathom.d2l.frame.loaders import get_dataloader_workers
from fathom.d2l.topics.download import download_extract
from fathom.data.images.decode import read_image
from fathom.data.loaders.workers import default_workers

VOC_CLASSES = [
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv/monitor"),
]


def _colour(index: int) -> list[int]:
    """Return a class's colour: the bits of its index, three at a time, fill red, green and blue from the top."""
    # PASCAL VOC's own rule: 1 → (128, 0, 0), 2 → (0, 128, 0), …
    return [sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]


VOC_COLORMAP = [_colour(index) for index in range(len(VOC_CLASSES))]
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, in 0…1


def read_voc_images(voc_dir: str | os.PathLike[str], is_train: bool = True) -> tuple[list[Tensor], list[Tensor]]:
    """Read the images of the training or validation split and their labels, which are images in class colours.

    Shape:   -> features uint8 (3, H', W'), labels uint8 (3, H', W'); two lists of these
    """
    voc_dir = os.fspath(voc_dir)
    listing = os.path.join(voc_dir, "ImageSets", "Segmentation", "train.txt" if is_train else "val.txt")
    with open(listing, encoding="utf-8") as file:
        names = file.read().split()
    features = read_images(os.path.join(voc_dir, "JPEGImages", f"{name}.jpg") for name in names)
    labels = read_images(os.path.join(voc_dir, "SegmentationClass", f"{name}.png") for name in names)
    return features, labels  # (3, H, W) each, sizes differ


def read_images(paths: Iterable[str]) -> list[Tensor]:
    """Read colour images, several at a time: decoding releases the interpreter lock.

    Shape:   -> uint8 (3, H', W'); a list of these
    Raises:  FathomError that names the first unreadable file
    """
    with ThreadPoolExecutor(default_workers()) as pool:
        return [torch.from_numpy(pixels) for pixels in pool.map(partial(read_image, channels=3), paths)]


def voc_colormap2label() -> Tensor:
    """Return a table from colour, (red · 256 + green) · 256 + blue, to class; 0, the background, for all other colours.

    Shape:   -> int64 (256·256·256,)
    """
    # 2²⁴ entries: one look-up instead of a comparison with each of 21 colours
    table = torch.zeros(256**3, dtype=torch.long)
    colours = torch.tensor(VOC_COLORMAP)
    table[_codes(colours.T)] = torch.arange(len(colours))  # colours.T: red, green, blue as (3, 21)
    return table


def voc_label_indices(colormap: Tensor, colormap2label: Tensor) -> Tensor:
    """Return the class of each pixel of a label image.

    Shape:   colormap uint8 (3, H, W), colormap2label int64 (256·256·256,) -> int64 (H, W)
    """
    return colormap2label[_codes(colormap)]


def _codes(colours: Tensor) -> Tensor:
    red, green, blue = colours.long()  # long: 255 · 256 does not fit into a byte
    return (red * 256 + green) * 256 + blue


def voc_rand_crop(feature: Tensor, label: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Cut the same random window out of an image and its label.

    Shape:   feature (3, H, W), label (…, H, W) -> (3, height, width), (…, height, width)
    """
    from torchvision.transforms import RandomCrop
    from torchvision.transforms.functional import crop

    window = RandomCrop.get_params(feature, (height, width))  # drawn once, used twice
    return crop(feature, *window), crop(label, *window)


class VOCSegDataset(Dataset[tuple[Tensor, Tensor]]):
    """Random windows of VOC's images, normalised, with the class of each pixel.

    Images smaller than the window are left out. They are kept as bytes and normalised on access.

    Shape:   sample: float32 (3, *crop_size), int64 crop_size
    """

    def __init__(self, is_train: bool, crop_size: Sequence[int], voc_dir: str | os.PathLike[str]) -> None:
        self.crop_size = crop_size
        features, labels = read_voc_images(voc_dir, is_train)
        # smaller images cannot be cropped: both lists lose the same ones
        self.features, self.labels = self.filter(features), self.filter(labels)
        self.colormap2label = voc_colormap2label()
        print(f"read {len(self.features)} examples")

    def normalize_image(self, img: Tensor) -> Tensor:
        """Return a uint8 image as floats, normalised with ImageNet's mean and standard deviation.

        Shape:   img uint8 (3, H, W) -> float32 (3, H, W)
        """
        # (3, 1, 1): along the channels
        mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (_MEAN, _STD))
        return (img.float() / 255 - mean) / std

    def filter(self, imgs: list[Tensor]) -> list[Tensor]:
        """Return the images that are at least as large as the window.

        Shape:   imgs (C, H, W) -> (C, H', W'); lists of images, from 0 to all of them
        """
        return [img for img in imgs if img.shape[1] >= self.crop_size[0] and img.shape[2] >= self.crop_size[1]]

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        feature, label = voc_rand_crop(self.features[idx], self.labels[idx], *self.crop_size)
        return self.normalize_image(feature), voc_label_indices(label, self.colormap2label)  # (3, h, w) and (h, w)

    def __len__(self) -> int:
        return len(self.features)


def load_data_voc(batch_size: int, crop_size: Sequence[int]) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return loaders of VOC's training and validation splits, whole batches only.

    Raises:  FathomError if the data set (2 GB) can be had neither here nor from the network
    """
    voc_dir = download_extract("voc2012", os.path.join("VOCdevkit", "VOC2012"))
    workers = get_dataloader_workers()
    train, test = (  # drop_last: batches of one size
        DataLoader(
            VOCSegDataset(is_train, crop_size, voc_dir), batch_size, is_train, drop_last=True, num_workers=workers
        )
        for is_train in (True, False)
    )
    return train, test

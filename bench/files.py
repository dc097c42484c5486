"""The images on disk, uncompressed, in the layout that torchvision looks for. Loads without torch."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def data_folder() -> Path:
    """Name the folder that holds ``FashionMNIST/raw``."""
    return Path(os.environ["BENCH_FOLDER"]) / "data"


def unpack_images(folder: Path) -> None:
    """Write Fashion-MNIST as raw IDX files under ``folder``."""
    from fathom.data.sources.catalog import load_arrays

    arrays = load_arrays("fashion_mnist")
    _write(folder, "train", arrays.train_images, arrays.train_labels)
    assert arrays.test_images is not None
    assert arrays.test_labels is not None
    _write(folder, "test", arrays.test_images, arrays.test_labels)


def invent_images(folder: Path, num_train: int, num_test: int = 256) -> None:
    """Write noise in the same form: enough to see that everything runs, without the data set."""
    rng = np.random.default_rng(0)
    for part, number in (("train", num_train), ("test", num_test)):
        images = rng.integers(0, 256, (number, 1, 28, 28), dtype=np.uint8)
        _write(folder, part, images, rng.integers(0, 10, number))


def read_images(part: str, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the first samples of "train" or "test".

    Shape:   images uint8 (N, 1, 28, 28), labels int64 (N,)
    """
    images_file, labels_file = (data_folder() / "FashionMNIST" / "raw" / name for name in _FILES[part])
    pixels = np.fromfile(images_file, np.uint8, count=16 + limit * 784)[16:]
    labels = np.fromfile(labels_file, np.uint8, count=8 + limit)[8:]
    return pixels.reshape(-1, 1, 28, 28), labels.astype(np.int64)


def _write(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    images_name, labels_name = _FILES[part]
    number = len(labels)
    (raw / images_name).write_bytes(struct.pack(">4i", 0x803, number, 28, 28) + images.tobytes())
    (raw / labels_name).write_bytes(struct.pack(">2i", 0x801, number) + labels.astype(np.uint8).tobytes())

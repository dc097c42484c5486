"""CIFAR-10 from its published Python batches, as a folder or as the archive they come in. Torch-free.

Source:  Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fathom.data.arrays import Arrays
from fathom.data.fetch.archives import read_members, unpack
from fathom.data.fetch.download import OnReceive, fetch, report
from fathom.data.fetch.paths import data_roots, make_cache_folder, make_folder
from fathom.data.sources.unpickle import read_batch
from fathom.errors import FathomError

URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",)
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
FOLDER = "cifar-10-batches-py"
BATCH_MD5 = {  # as torchvision checks them too
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_MAX_BYTES = 400_000_000  # the archive holds 186 MB
_ADVICE = "; delete it to download it again, or put the official file in its place"
_PNG_END = b"\0\0\0\0IEND\xaeB\x60\x82"  # the last 12 bytes of every PNG: an empty IEND chunk with its CRC


def load(
    *, root: str | Path | None = None, download: bool = True, check: bool = True, progress: OnReceive = report
) -> Arrays:
    """Read CIFAR-10: from ``root``, else FATHOM_DATA, else the cache, else the network.

    Args:
        check: compare the batches with the published checksums; switch it off for a set of your own in this format.

    Shape:   images uint8 (50000, 3, 32, 32) and (10000, 3, 32, 32), labels int64 (50000,) and (10000,)
    Raises:  FathomError, naming the file, if one is missing, truncated or altered, or asks to run anything
    """
    place = locate(root)
    if place is None and download and root is None:
        place = fetch_batches(progress)
    if place is None:
        raise FathomError(
            f"cifar10 is not in {root or 'FATHOM_DATA or the cache'}; it needs the folder {FOLDER} or {ARCHIVE}"
        )
    batches = _read_batches(place, check)
    train = [batches[name] for name in BATCH_MD5 if name != "test_batch"]  # the keys' order: batches 1 to 5
    test_images, test_labels = batches["test_batch"]
    return Arrays(
        np.concatenate([images for images, _ in train]),
        np.concatenate([labels for _, labels in train]),
        test_images.copy(),  # copy: the array is a view into the file's bytes
        test_labels,
        CLASS_NAMES,
    )


def locate(root: str | Path | None = None) -> Path | None:
    """Name the folder of batches, or else the archive, that ``load`` would read; None if there is neither."""
    for base in [Path(root)] if root is not None else data_roots():
        # the root itself, or as torchvision and people name it
        for folder in (base, base / "CIFAR10", base / "cifar10"):
            for place in (folder / FOLDER, folder):
                if all((place / name).is_file() for name in BATCH_MD5):
                    return place
            if (folder / ARCHIVE).is_file():
                return folder / ARCHIVE
    return None


def verify(place: Path) -> None:
    """Compare the batches in a folder, or the archive, with the published checksums.

    Raises:  FathomError naming the file that is wrong
    """
    if place.is_dir():
        for name in BATCH_MD5:
            _read_file(place / name, check=True)
    else:
        _check_archive(place)


def fetch_batches(progress: OnReceive = report) -> Path:
    """Download the archive to the cache, unpack it there and drop it; return the folder of batches."""
    cache = make_cache_folder()
    unpacked = cache / "cifar10"
    if not unpacked.exists():
        archive = fetch(URLS, cache / ARCHIVE, checksum=f"md5:{ARCHIVE_MD5}", max_bytes=_MAX_BYTES, progress=progress)
        unpack(archive, unpacked, max_bytes=_MAX_BYTES)  # plain files only: a hostile archive cannot write elsewhere
        archive.unlink(missing_ok=True)
    return unpacked / FOLDER


def extract_cifar10(
    destination: str | Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    root: str | Path | None = None,
    check: bool = True,
) -> int:
    """Write CIFAR-10 as PNG files ``{train,test}/<class>/00001.png``, the layout that image-folder readers expect.

    An image's number is its place in the published order, from 1. A second call goes on where a first was broken off:
    whole files are kept, each file is written beside its place and renamed.

    Args:
        progress: called with (images done, images in all).
    Returns: the number of files written by this call
    Raises:  FathomError if the data cannot be read or the folder not be written
    """
    from PIL import Image

    destination = Path(destination)
    make_folder(destination)
    arrays = load(root=root, check=check)
    assert arrays.test_images is not None
    assert arrays.test_labels is not None
    parts = (("train", arrays.train_images, arrays.train_labels), ("test", arrays.test_images, arrays.test_labels))
    total = sum(len(labels) for _, _, labels in parts)
    done = written = 0
    try:
        for part, images, labels in parts:
            for name in arrays.class_names:
                (destination / part / name).mkdir(parents=True, exist_ok=True)
            for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
                path = destination / part / arrays.class_names[label] / f"{number:05d}.png"
                if not _is_whole(path):
                    temporary = path.with_name(f".{path.name}.part")
                    Image.fromarray(image.transpose(1, 2, 0)).save(temporary, format="png")  # (C, H, W) -> (H, W, C)
                    os.replace(temporary, path)  # a PNG stands whole or not at all
                    written += 1
                done += 1
                if progress is not None:
                    progress(done, total)
    except OSError as error:
        raise FathomError(
            f"cannot write to {destination} ({error.strerror or error}); "
            f"{done:,} of {total:,} images are there, the same command goes on from here"
        ) from error
    return written


def _is_whole(path: Path) -> bool:
    """Return a PNG that was written to its end; a crash of the machine may leave an empty or cut one."""
    try:
        with path.open("rb") as file:
            file.seek(-len(_PNG_END), io.SEEK_END)
            return file.read() == _PNG_END
    except OSError:
        return False


def _read_batches(place: Path, check: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    if place.is_dir():
        # two at a time: reading and hashing release the GIL
        with ThreadPoolExecutor(2) as pool:
            read = pool.map(lambda name: _decode(place / name, _read_file(place / name, check)), BATCH_MD5)
            return dict(zip(BATCH_MD5, read, strict=True))
    if check:
        _check_archive(place)
    batches = {
        path.name: _decode(place / path, content)
        for path, content in read_members(place, max_bytes=_MAX_BYTES)  # the archive is read in place, not unpacked
        if path.parent.name == FOLDER and path.name in BATCH_MD5
    }
    missing = [name for name in BATCH_MD5 if name not in batches]
    if missing:
        raise FathomError(f"{place} lacks {', '.join(missing)}{_ADVICE}")
    return batches


def _decode(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    try:
        return read_batch(content)
    except ValueError as error:
        raise FathomError(f"{path} is not a CIFAR-10 batch ({error}); nothing of it was run") from error


def _read_file(path: Path, check: bool) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FathomError(f"{path} is too large to be a batch of CIFAR-10")
        content = path.read_bytes()
    except OSError as error:
        raise FathomError(f"cannot read {path} ({error.strerror or error})") from error
    if check:
        # FIPS builds allow md5 only if it is no protection
        _compare(path, hashlib.md5(content, usedforsecurity=False).hexdigest(), BATCH_MD5[path.name])
    return content


def _check_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    except OSError as error:
        raise FathomError(f"cannot read {path} ({error.strerror or error})") from error
    _compare(path, digest.hexdigest(), ARCHIVE_MD5)


def _compare(path: Path, digest: str, wanted: str) -> None:
    if digest != wanted:
        raise FathomError(f"{path} has the wrong checksum: md5 {digest}, not {wanted}{_ADVICE}")

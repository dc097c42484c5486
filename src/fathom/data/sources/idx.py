"""MNIST and Fashion-MNIST: IDX files, raw or gzipped, checked by their content on every read. Torch-free.

Source:  LeCun, Cortes and Burges, "The MNIST database"; Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fathom.data.arrays import Arrays
from fathom.data.fetch.download import OnReceive, fetch, report
from fathom.data.fetch.offline import refuse_offline
from fathom.data.fetch.paths import data_roots, make_cache_folder
from fathom.errors import FathomError, unknown


@dataclass(frozen=True)
class IdxFile:
    """One of the four files: what it must hold. ``md5`` is the published checksum, ``sha256`` the one checked.

    Both are of the uncompressed content. Processors have instructions for SHA-256, which makes it the faster one.
    """

    name: str
    shape: tuple[int, ...]
    md5: str
    sha256: str

    @property
    def num_bytes(self) -> int:
        """Size of the content: magic number, one word a dimension, one byte an element."""
        return 4 + 4 * len(self.shape) + int(np.prod(self.shape))


@dataclass(frozen=True)
class IdxSet:
    """Where one data set comes from; ``folder`` is its name in torchvision's layout."""

    folder: str
    mirrors: tuple[str, ...]
    class_names: tuple[str, ...]
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile]  # train images, train labels, test images, test labels


def _files(*checksums: tuple[str, str]) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    shapes: tuple[tuple[int, ...], ...] = ((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))
    a, b, c, d = (IdxFile(n, s, *sums) for n, s, sums in zip(names, shapes, checksums, strict=True))
    return a, b, c, d


SETS = {
    "mnist": IdxSet(
        "MNIST",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        tuple("0123456789"),
        _files(
            ("6bbc9ace898e44ae57da46a324031adb", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            ("a25bea736e30d166cdddb491f175f624", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            ("2646ac647ad5339dbf082846283269ea", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            ("27ae3e4e09519cfbb04c329615203637", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ),
    ),
    "fashion_mnist": IdxSet(
        "FashionMNIST",
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        _files(
            ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            ("9018921c3c673c538a1fc5bad174d6f9", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            ("8181f5470baa50b63fa0f6fddb340f0a", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            ("15d484375f8d13e6eb1aabb0c3f46965", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        ),
    ),
}


def load(name: str, *, root: str | Path | None = None, download: bool = True, progress: OnReceive = report) -> Arrays:
    """Read ``mnist`` or ``fashion_mnist``: from ``root``, else FATHOM_DATA, else the cache, else the network.

    Shape:   images uint8 (60000, 1, 28, 28) and (10000, 1, 28, 28), labels int64 (60000,) and (10000,)
    Raises:  FathomError, naming the file, if one is missing, truncated, altered or not the right one
    """
    folder = locate(name, root)
    if folder is None:
        folder = fetch_files(name, progress) if download and root is None else None
    if folder is None:
        raise FathomError(
            f"{name} is not in {root or 'FATHOM_DATA or the cache'}; it needs the files "
            f"{', '.join(f.name for f in SETS[name].files)}, raw or with .gz"
        )
    train_images, train_labels, test_images, test_labels = read_files(folder, SETS[name].files)
    return Arrays(
        train_images[:, None],  # (N, 28, 28) -> (N, 1, 28, 28)
        train_labels.astype(np.int64),
        test_images[:, None],
        test_labels.astype(np.int64),
        SETS[name].class_names,
    )


def locate(name: str, root: str | Path | None = None) -> Path | None:
    """Name the first folder that holds all four files, without reading them; None if there is none.

    Looked for in each root: ``FashionMNIST/raw`` (torchvision's layout), ``FashionMNIST``, ``fashion_mnist`` and the
    root itself. The two sets share their file names, so that a root itself counts only if its smallest file is ours.
    """
    if name not in SETS:
        raise unknown("data set", name, SETS)
    entry = SETS[name]
    for base in [Path(root)] if root is not None else data_roots():
        # torchvision's layouts first, then folders of our name, then the root
        for folder in (base / entry.folder / "raw", base / entry.folder, base / name, base):
            # both sets have the same file names: in a shared root only the content tells
            if all(_find(folder, file) for file in entry.files) and (folder != base or not _is_other(name, folder)):
                return folder
    return None


def verify(name: str, folder: Path) -> None:
    """Check the four files in ``folder``.

    Raises:  FathomError naming the first that is wrong
    """
    read_files(folder, SETS[name].files)


def fetch_files(name: str, progress: OnReceive = report) -> Path:
    """Download what is missing of the four files to the cache, uncompressed; return their folder."""
    entry = SETS[name]
    folder = make_cache_folder(entry.folder, "raw")
    missing = [file for file in entry.files if _find(folder, file) is None]
    refuse_offline([f"{entry.mirrors[0]}{file.name}.gz" for file in missing], f"put them, as they are, into {folder}")
    for file in missing:
        fetch(
            [f"{mirror}{file.name}.gz" for mirror in entry.mirrors],
            folder / file.name,
            checksum=f"sha256:{file.sha256}",
            max_bytes=file.num_bytes,  # an inflated file of another size is refused while it grows
            gunzip=True,
            progress=progress,
        )
    return folder


def read_files(folder: Path, files: tuple[IdxFile, ...]) -> list[np.ndarray]:
    """Read and check several files of ``folder`` at once; reading, inflating and hashing all release the GIL."""
    with ThreadPoolExecutor(len(files)) as pool:
        return list(pool.map(lambda file: _read_from(folder, file), files))


def read_idx(path: Path, file: IdxFile) -> np.ndarray:
    """Read one IDX file, raw or gzipped, and check it.

    Shape:   -> uint8 ``file.shape``, writable
    Raises:  FathomError naming the file if it is unreadable, truncated, no IDX file, of another shape or altered
    """
    advice = "; delete it to download it again, or put the official file in its place"
    try:
        # 64 KiB of slack for headers
        if path.stat().st_size > file.num_bytes + (1 << 16):  # even badly compressed it is hardly larger than raw
            raise FathomError(f"{path} is too long for {file.num_bytes:,} bytes of content{advice}")
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            # one call, because each costs a wait for the GIL while torch is being imported; and at most one byte
            # more than is right, because a few kilobytes can inflate to gigabytes
            inflate = zlib.decompressobj(wbits=31)
            content = inflate.decompress(content, file.num_bytes + 1)
            if not inflate.eof and len(content) <= file.num_bytes:
                raise FathomError(f"{path} is truncated: its gzip stream breaks off{advice}")
    except OSError as error:
        raise FathomError(f"cannot read {path} ({error.strerror or error})") from error
    except zlib.error as error:
        raise FathomError(f"{path} is damaged ({error}){advice}") from error

    rank = len(file.shape)
    if content[:4] != bytes((0, 0, 8, rank)):  # two zeros, 8 for unsigned bytes, number of dimensions
        raise FathomError(
            f"{path} is not an IDX file of {rank}-dimensional bytes: it begins {content[:4].hex()}{advice}"
        )
    header = 4 + 4 * rank
    shape = struct.unpack(f">{rank}I", content[4:header]) if len(content) >= header else None  # big-endian words
    if shape is not None and shape != file.shape:
        raise FathomError(f"{path} says that it holds {_times(shape)} bytes, not {_times(file.shape)}{advice}")
    if len(content) != file.num_bytes:
        what = "truncated" if len(content) < file.num_bytes else "too long"
        raise FathomError(f"{path} is {what} for {file.num_bytes:,} bytes of content{advice}")
    digest = hashlib.sha256(content, usedforsecurity=False).hexdigest()
    if digest != file.sha256:
        raise FathomError(f"{path} has the wrong checksum: sha256 {digest}, not {file.sha256}{advice}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(file.shape).copy()  # bytes are read-only


def _read_from(folder: Path, file: IdxFile) -> np.ndarray:
    path = _find(folder, file)
    if path is None:
        raise FathomError(f"{folder / file.name} is missing")
    return read_idx(path, file)


def _find(folder: Path, file: IdxFile) -> Path | None:
    for path in (folder / file.name, folder / f"{file.name}.gz"):
        if path.is_file():
            return path
    return None


def _is_other(name: str, folder: Path) -> bool:
    for other, entry in SETS.items():
        if other != name:
            try:
                _read_from(folder, entry.files[3])  # the smallest of the four: 10,000 labels
                return True
            except FathomError:
                pass
    return False


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)

"""The handwritten digits that ship with scikit-learn: real images that are always there. Torch-free.

Source:  Alpaydin and Kaynak, UCI "Optical Recognition of Handwritten Digits"; scikit-learn ships its test split
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fathom.data.arrays import Arrays
from fathom.data.splits.split import stratified_split
from fathom.errors import FathomError, UsageError

SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"  # of the uncompressed table
TEST_FRACTION = 0.2
_TEST_SEED = 20_000_101  # fixed for good: the test split must not depend on the seed of a run


def load(size: int = 8) -> Arrays:
    """Read the 1,797 digits; a fixed stratified fifth (359) is the test split.

    Args:
        size: height and width, 8 (as scanned) to 256; larger than 8 is bilinear interpolation.

    Shape:   images uint8 (1438, 1, size, size) and (359, 1, size, size); labels int64
    Equals:  sklearn.datasets.load_digits, scaled from 0…16 to 0…255
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 8 <= size <= 256:
        raise UsageError(f"digits size {size!r}: it must be a whole number from 8 to 256")
    table = _read_table()
    labels = table[:, -1].astype(np.int64)
    images = table[:, :-1].reshape(-1, 8, 8) * (255 / 16)  # 0…16 grey levels -> 0…255
    if size != 8:
        weights = _bilinear_weights(8, size)
        images = weights @ images @ weights.T  # (n, 8, 8) -> (n, size, size), rows then columns
    # rounding half up, but not at the mercy of the last bit of a matrix product
    pixels = np.floor(images + 0.5 + 1e-6).astype(np.uint8)[:, None]
    train, test = stratified_split(labels, TEST_FRACTION, _TEST_SEED)
    return Arrays(pixels[train], labels[train], pixels[test], labels[test], tuple("0123456789"))


def locate() -> Path | None:
    """Name the file in the installed scikit-learn; None if its place has changed."""
    spec = find_spec("sklearn")  # does not import it: that would take longer than the training
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    return path if path.is_file() else None


def verify(path: Path) -> None:
    """Check the table's checksum.

    Raises:  FathomError if it is unreadable or altered
    """
    _read_checked(path)


def _read_checked(path: Path) -> bytes:
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise FathomError(f"cannot read {path} ({error}); install scikit-learn anew") from error
    if hashlib.sha256(content, usedforsecurity=False).hexdigest() != SHA256:
        raise FathomError(f"{path} has the wrong checksum; install scikit-learn anew")
    return content


def _read_table() -> np.ndarray:
    path = locate()
    if path is not None:
        numbers = np.array(_read_checked(path).replace(b"\n", b",").rstrip(b",").split(b","), dtype=np.float64)
        return numbers.reshape(-1, 65)  # 64 pixels and the label
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])


def _bilinear_weights(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) that interpolates linearly between pixel centres and repeats the border."""
    # centres of the new pixels in units of the old ones, at most the border's
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(old)))  # a tent of width 1 around each old centre

"""Arrays in memory as code: the sets known by name, and ``.npz`` files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fathom.data.sources import cifar10, idx
from fathom.eject.data.part import DataPart, dedent
from fathom.errors import FathomError
from fathom.settings.config import Config, split_seed

if TYPE_CHECKING:
    from fathom.data.array_data import ArrayData

_SPLIT = ("fathom.data.splits.split", "stratified_split")

_DIGITS = """
def read_arrays():
    \"\"\"Read scikit-learn's digits; a fixed fifth is the test split, whatever the seed of the run.\"\"\"
    digits = load_digits()
    images = digits.data.reshape(-1, 8, 8) * (255 / 16)  # 0…16 grey levels -> 0…255
    {scaled}pixels = np.floor(images + 0.5 + 1e-6).astype(np.uint8)[:, None]  # (1797, 1, H, W)
    labels = digits.target.astype(np.int64)
    train, test = stratified_split(labels, 0.2, 20_000_101)
    return pixels[train], labels[train], pixels[test], labels[test]
"""
_IDX = """
def read_idx(name):
    \"\"\"Read one of the files in which MNIST and its like are published.\"\"\"
    path = FOLDER / name
    packed = not path.is_file()
    with (gzip.open(f"{path}.gz") if packed else path.open("rb")) as file:
        content = file.read()
    dimensions = content[3]  # two zeros, the type, the number of dimensions; then the sizes, 4 bytes each
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_arrays():
    train, test = ((read_idx(f"{part}-images-idx3-ubyte"), read_idx(f"{part}-labels-idx1-ubyte")) for part in PARTS)
    # (N, 28, 28) -> (N, 1, 28, 28)
    return train[0][:, None], train[1].astype(np.int64), test[0][:, None], test[1].astype(np.int64)
"""
_CIFAR = """
def read_arrays():
    train, test = (CIFAR10(FOLDER, train=is_train) for is_train in (True, False))
    # (N, H, W, C) -> (N, C, H, W)
    images = [np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)) for part in (train, test)]
    return images[0], np.array(train.targets), images[1], np.array(test.targets)
"""
_NPZ = """
def read_arrays():
    with np.load(FILE) as file:
        return tuple(file[name] if name in file.files else None for name in ("train_X", "train_y", "test_X", "test_y"))
"""
_SPLITS = """
def load_splits():
    \"\"\"Return inputs and targets of each split; validation is cut from the training samples, class by class.\"\"\"
    X, y, test_X, test_y = read_arrays()
    {cut}
{scaled}    splits = {{name: (torch.from_numpy(X), torch.from_numpy(y)) for name, (X, y) in splits.items()}}
    return splits
"""
_CUT = """train, val = stratified_split(y, VAL, SPLIT_SEED)
    splits = {"train": (X[train], y[train]), "val": (X[val], y[val]), "test": (test_X, test_y)}"""
_NO_CUT = 'splits = {"train": (X, y), "test": (test_X, test_y)}'
_SCALED = """    # what the network learns is standardised; in double precision, rounded once
    scale = lambda y: ((y.astype(np.float64) - TARGET_MEAN) / TARGET_STD).astype(np.float32)
    splits = {name: (X, scale(y)) for name, (X, y) in splits.items() if X is not None}
"""


def arrays_part(config: Config, data: ArrayData) -> DataPart:
    """Return the code for arrays.

    Raises:  FathomError for data that are made, or lie in an archive
    """
    part = _reader(config)
    scaled = ""
    scale = data.target_scale()
    if scale is not None:
        part.settings += [
            f"TARGET_MEAN, TARGET_STD = np.array({scale.mean.tolist()}), np.array({scale.std.tolist()})"
            "  # of the training split"
        ]
        scaled = _SCALED
    elif data.test_dataloader() is None:
        scaled = "    splits = {name: (X, y) for name, (X, y) in splits.items() if X is not None}\n"
    if config.data.val:
        part.settings.append(f"VAL, SPLIT_SEED = {config.data.val}, {split_seed(config)}  # the share of validation")
        part.uses.append(_SPLIT)
    code = _SPLITS.format(cut=_CUT if config.data.val else _NO_CUT, scaled=scaled)
    part.code = f"{part.code}\n\n\n{dedent(code)}"
    part.imports |= {"import numpy as np", "import torch"}
    part.uses = list(dict.fromkeys(part.uses))
    return part


def _reader(config: Config) -> DataPart:
    name, options = config.data.name, config.data.options
    if config.data.kind == "array_files":
        return DataPart([f"FILE = {name!r}"], dedent(_NPZ))
    if name == "digits":
        size = int(options.get("size", 8))
        scaled = (
            ""
            if size == 8
            else f"weights = _bilinear_weights(8, {size})\n    images = weights @ images @ weights.T\n    "
        )
        uses = [_SPLIT, *([("fathom.data.sources.digits", "_bilinear_weights")] if size != 8 else [])]
        return DataPart([], dedent(_DIGITS.format(scaled=scaled)), {"from sklearn.datasets import load_digits"}, uses)
    if name in ("mnist", "fashion_mnist"):
        folder = idx.locate(name, options.get("root"))
        parts = [f"FOLDER = Path({str(folder)!r})", 'PARTS = ("train", "t10k")']
        return DataPart(parts, dedent(_IDX), {"import gzip", "from pathlib import Path"})
    if name == "cifar10":
        place = cifar10.locate(options.get("root"))
        if place is None or not place.is_dir():
            raise FathomError("cifar10 lies in an archive; unpack it, and eject again")
        settings = [f"FOLDER = {str(Path(place).parent)!r}"]
        return DataPart(settings, dedent(_CIFAR), {"from torchvision.datasets import CIFAR10"})
    raise FathomError(f"{name} is made, not read: there is no file to read it from")

"""Pictures as files: folders of classes, a data set that reads them one by one, and the reader itself."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fathom.errors import FathomError, UsageError

if TYPE_CHECKING:
    from PIL import Image

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})
# only these decoders of Pillow are tried: others hand files to outside programs (EPS) or are rarely exercised
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112  # the EXIF tag

_TRAIN, _VAL, _TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")


@dataclass(frozen=True)
class FileList:
    """Picture files with their labels: paths in sorted order, labels int64 (N,)."""

    paths: tuple[Path, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ImageFiles:
    """A folder of pictures; ``val`` and ``test`` are None where the folder has no such part."""

    train: FileList
    val: FileList | None
    test: FileList | None
    class_names: tuple[str, ...]


def scan_image_folder(root: str | Path) -> ImageFiles:
    """List ``root/<class>/…/*.jpg``, or ``root/{train,val,test}/<class>/…/*.jpg``, without opening a picture.

    Classes are the folders in sorted order, as torchvision's ``ImageFolder`` numbers them. Hidden files and files that
    are no pictures by their name are passed over.

    Raises:  FathomError if there is no folder, no class or no picture, a class is empty, or a class of the validation
        or test part is not among the training classes
    """
    root = Path(root)
    if not root.is_dir():
        what = "is not a folder of pictures" if root.exists() else "does not exist"
        raise FathomError(f"{root} {what}")
    train, val, test = _find_parts(root)
    classes = _folders(train or root)
    if not classes:
        raise FathomError(f"{train or root} has no class folders: pictures belong in {train or root}/<class>/")
    names = tuple(folder.name for folder in classes)
    return ImageFiles(
        _list_part(train or root, names),
        None if val is None else _list_part(val, names),
        None if test is None else _list_part(test, names),
        names,
    )


def _find_parts(root: Path) -> list[Path | None]:
    """Find the folders train, val and test; there are none where "train" is just a class among others."""
    by_name = {folder.name.lower(): folder for folder in _folders(root)}
    train, val, test = (next((by_name[n] for n in names if n in by_name), None) for names in (_TRAIN, _VAL, _TEST))
    only_parts = bool(by_name) and set(by_name) <= {*_TRAIN, *_VAL, *_TEST}
    if train is None and only_parts:
        raise FathomError(f"{root} has {', '.join(sorted(by_name))} but no train folder; name its training part train")
    if train is not None and (only_parts or _folders(train)):
        return [train, val, test]
    return [None, None, None]


def _list_part(part: Path, class_names: tuple[str, ...]) -> FileList:
    label_of = {name: label for label, name in enumerate(class_names)}
    paths: list[Path] = []
    labels: list[int] = []
    for folder in _folders(part):
        if folder.name not in label_of:
            raise FathomError(f"{folder}: there is no class {folder.name!r} in the training part; add it or remove it")
        found = _pictures(folder)
        if not found:
            raise FathomError(f"the class folder {folder} holds no picture; add some or remove it")
        paths += found
        labels += [label_of[folder.name]] * len(found)
    if not paths:
        raise FathomError(f"{part} holds no picture in class folders")
    return FileList(tuple(paths), np.array(labels, dtype=np.int64))


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise FathomError(f"cannot read the folder {folder} ({error.strerror or error})") from error


def _pictures(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise FathomError(f"cannot read the folder {error.filename} ({error.strerror or error})") from error

    return sorted(
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")
    )


class ImageFileDataset(Dataset[tuple[Tensor, int]]):
    """Pictures decoded when asked for: uint8 (C, height, width) and the label.

    Made for a ``DataLoader`` with workers; it holds paths only, so that workers are cheap to start.

    Args:
        size: (height, width) that every picture is brought to.
        channels: 3 for colour, 1 for grey.
    Raises:  FathomError naming the file, when a broken one is reached
    """

    def __init__(self, files: FileList, size: tuple[int, int], channels: int = 3) -> None:
        _check_form(channels, size)
        self.paths = [str(path) for path in files.paths]
        self.labels = files.labels
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = read_picture(self.paths[index], self.channels, self.size)
        return torch.from_numpy(picture), int(self.labels[index])


def read_picture(source: str | Path | bytes, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a picture from a file, or from its bytes.

    It is turned as its EXIF orientation says; transparent parts become white; 16-bit grey is scaled to 8 bits; of an
    animation the first frame counts. Another size is reached by stretching, bilinear, with every pixel having its
    part in a smaller result.

    Args:
        channels: 3 for colour, 1 for grey; other kinds of picture are converted.
        size: (height, width); None keeps the picture's own.

    Shape:   -> uint8 (channels, height, width)
    Raises:  FathomError, one line with the name, if it is missing, no picture, truncated or beyond MAX_PIXELS
    """
    _check_form(channels, size)
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = f"the picture ({len(source):,} bytes)" if isinstance(source, bytes) else str(source)
    try:
        # Pillow's own warning at a higher limit would come before this function can refuse
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
        with opened as image:
            if image.width * image.height > MAX_PIXELS:
                raise FathomError(
                    f"{name} has {image.width:,}×{image.height:,} pixels, more than the limit of {MAX_PIXELS:,}; "
                    f"make it smaller"
                )
            if size is not None and image.format == "JPEG":
                # lets the decoder leave out detail that is far below the size asked for
                image.draft(None, (2 * max(size), 2 * max(size)))
            image.load()
            upright: Image.Image = image
            with contextlib.suppress(Exception):  # a picture is no worse for a broken EXIF block
                if image.getexif().get(_ORIENTATION, 1) != 1:
                    upright = ImageOps.exif_transpose(image)
            picture = _convert(upright, channels, is_png=image.format == "PNG")
            if size is not None and picture.size != (size[1], size[0]):
                picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.array(picture, dtype=np.uint8)
    except FathomError:
        raise
    except UnidentifiedImageError:
        raise FathomError(f"{name} is not a picture in a known format ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise FathomError(f"{name} has far more pixels than the limit of {MAX_PIXELS:,}; make it smaller") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise FathomError(f"cannot read {name} ({error.strerror})") from error
    except Exception as error:  # a decoder given damaged bytes may raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FathomError(f"{name} is damaged or truncated ({reason})") from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if channels == 3 else pixels[None]


def _convert(image: Image.Image, channels: int, *, is_png: bool) -> Image.Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # 16 or 32 bits; Pillow's conversion would clip at 255
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        highest = values.max(initial=0)
        if image.mode.startswith("I;16") or is_png or highest > 255:
            top = 65535.0
        else:
            top = 1.0 if image.mode == "F" and highest <= 1 else 255.0
        image = Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB" if channels == 3 else "L")


def _check_form(channels: int, size: tuple[int, int] | None) -> None:
    if channels not in (1, 3):
        raise UsageError(f"pictures of {channels} channels: choose 1 (grey) or 3 (colour)")
    if size is not None and not (len(size) == 2 and min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
        raise UsageError(f"picture size {size}: it must be (height, width), both at least 1")

"""A folder of images as code: the files, their labels, and how they are decoded with Pillow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.eject.data.part import DataPart, dedent, write_numbers
from fathom.errors import FathomError
from fathom.settings.config import Config

if TYPE_CHECKING:
    from fathom.data.images.module import ImageData

_MOST_LISTED = 5000  # files that are written out one by one; longer lists would bury the code
_READ = """
def read_image(path):
    \"\"\"Decode an image: upright, what is transparent on white, brought to CHANNELS and SIZE.\"\"\"
    with Image.open(path) as image:
        if image.format == "JPEG":
            # lets the decoder leave out detail that is far below the size asked for
            image.draft(None, (2 * max(SIZE), 2 * max(SIZE)))
        image.load()
        image = ImageOps.exif_transpose(image)
        if "A" in image.mode or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB" if CHANNELS == 3 else "L")
        if image.size != (SIZE[1], SIZE[0]):
            image = image.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(image).reshape(*SIZE, CHANNELS)
    return pixels.transpose(2, 0, 1)  # (C, H, W)
"""
_BY_FOLDER = """
def list_files():
    \"\"\"Return the files in order, and the label of each: the name of its folder.\"\"\"
    files = sorted(path for path in Path(FOLDER).rglob("*") if path.suffix.lower() in ENDINGS)
    return files, [CLASSES.index(path.parent.name) for path in files]
"""
_BY_LIST = """
def list_files():
    \"\"\"Return the files in order, and the label of each.\"\"\"
    return [Path(FOLDER, name) for name in FILES], list(FILES.values())
"""
_SPLITS = """
def load_splits():
    \"\"\"Return inputs and labels of each split, the images as bytes, decoded once.\"\"\"
    files, labels = list_files()
    assert len(files) == {count}, f"{{len(files)}} images in {{FOLDER}}; the run had {count}"
    X = torch.from_numpy(np.stack([read_image(path) for path in files]))  # uint8 (N, C, H, W)
    y = torch.tensor(labels)
    held_out = {{name: torch.tensor(rows) for name, rows in HELD_OUT.items()}}
    is_train = torch.ones(len(y), dtype=torch.bool)
    for rows in held_out.values():
        is_train[rows] = False
    rows = {{"train": is_train.nonzero().flatten()}} | held_out
    return {{name: (X[places], y[places]) for name, places in rows.items()}}
"""


def images_part(config: Config, data: ImageData) -> DataPart:
    """Return the code for a folder of images.

    Raises:  FathomError for images that are not grey or colour in bytes, that have numbers for labels, or are too many
        to be listed
    """
    form = data.form
    if not (form.is_plain and form.has_colours) or data.pixel_scale is not None:
        raise FathomError(f"{data.name} holds {form.values} values of {form.channels} channels; only grey and colour")
    if data.task != "classification":
        raise FathomError(f"{data.name} has numbers for labels; only classes and labels of images")
    root = os.path.commonpath([os.path.dirname(path) for path in data.paths])
    paths, labels = [Path(path) for path in data.paths], data.y.tolist()
    settings = [
        f"FOLDER = {root!r}",
        f"CHANNELS, SIZE = {form.channels}, {tuple(data.size)}",
        f"CLASSES = {list(data.class_names)}",
    ]
    listing, tail = _list(root, paths, labels, data, settings)
    held_out = []
    for name in ("val", "test"):
        if name in data.splits:
            held_out.append(f'"{name}": {name.upper()}')
            tail.append(
                write_numbers(name.upper(), data.places[name].tolist(), f"places of the {name} split in the list")
            )
    tail.append(f"HELD_OUT = {{{', '.join(held_out)}}}")
    code = "\n\n\n".join(map(dedent, (listing, _READ, _SPLITS.format(count=len(paths)))))
    imports = {"from pathlib import Path", "import numpy as np", "from PIL import Image", "from PIL import ImageOps"}
    return DataPart(settings, code, imports | {"import torch"}, tail="\n\n".join(tail))


def _list(
    root: str, paths: list[Path], labels: list[object], data: ImageData, settings: list[str]
) -> tuple[str, list[str]]:
    """Return the code that lists the files, and the tables that it needs."""
    endings = sorted({path.suffix.lower() for path in paths})
    found = sorted(path for path in Path(root).rglob("*") if path.suffix.lower() in endings)
    names = list(data.class_names)
    if found == paths and all(
        path.parent.name in names and names.index(path.parent.name) == label
        for path, label in zip(paths, labels, strict=True)
    ):
        settings.append(f"ENDINGS = {endings}")
        return _BY_FOLDER, []
    if len(paths) > _MOST_LISTED:
        raise FathomError(
            f"{data.name}: {len(paths):,} files whose labels are not their folders' names; too many to list"
        )
    rows = [f"    {os.path.relpath(path, root)!r}: {label!r}," for path, label in zip(paths, labels, strict=True)]
    return _BY_LIST, ["# the files, and the label of each\nFILES = {\n" + "\n".join(rows) + "\n}"]

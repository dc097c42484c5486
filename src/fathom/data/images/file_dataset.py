"""Image files as a map-style dataset, decoded by whoever asks for an item."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fathom.data.images.decode import read_pixels
from fathom.data.images.folder_listing import FileList
from fathom.data.images.pixels.form import PixelForm, check_form


class ImageFileDataset(Dataset[tuple[Tensor, int | Tensor]]):
    """Images decoded when asked for: (C, height, width) as stored, and the class, or the row of labels or numbers.

    Made for a ``DataLoader`` with workers; it holds paths only, so that workers are cheap to start.

    Args:
        form: what every image is brought to; it has a size.
    Raises:  FathomError naming the file, when a broken one is reached
    """

    def __init__(self, files: FileList, form: PixelForm) -> None:
        check_form(form)
        self.paths = [str(path) for path in files.paths]
        self.labels = files.labels
        self.form = form

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        image = read_pixels(self.paths[index], self.form)
        label = self.labels[index]  # () or (L,)
        return torch.from_numpy(image), int(label) if label.ndim == 0 else torch.from_numpy(label)

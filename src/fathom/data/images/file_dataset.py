"""Image files as a map-style dataset, decoded by whoever asks for an item."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fathom.data.images.decode import check_form, read_image
from fathom.data.images.folder_listing import FileList


class ImageFileDataset(Dataset[tuple[Tensor, int | Tensor]]):
    """Images decoded when asked for: uint8 (C, height, width) and the class, or the row of labels or numbers.

    Made for a ``DataLoader`` with workers; it holds paths only, so that workers are cheap to start.

    Args:
        size: (height, width) that every image is brought to.
        channels: 3 for colour, 1 for grey.
    Raises:  FathomError naming the file, when a broken one is reached
    """

    def __init__(self, files: FileList, size: tuple[int, int], channels: int = 3) -> None:
        check_form(channels, size)
        self.paths = [str(path) for path in files.paths]
        self.labels = files.labels
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        image = read_image(self.paths[index], self.channels, self.size)
        label = self.labels[index]  # () or (L,)
        return torch.from_numpy(image), int(label) if label.ndim == 0 else torch.from_numpy(label)

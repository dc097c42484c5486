"""What the tours give: tables of text, ready to be printed or written as CSV; and the digits that two of them learn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fathom.data.sources import digits


@dataclass
class TourTable:
    """Rows under a header; all columns but the first ``num_names`` are numbers."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    num_names: int = 1


def load_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return training and test split, pixels from 0 to 1.

    Shape:   -> X (N', 8, 8), y (N',), test X (M', 8, 8), test y (M',)
    """
    arrays = digits.load()
    assert arrays.test_images is not None
    assert arrays.test_labels is not None
    # bytes, 0 … 255
    return (arrays.train_images / 255, arrays.train_labels), (arrays.test_images / 255, arrays.test_labels)

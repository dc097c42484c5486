"""Times of rows, for a cut that holds out the newest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.data.tables.cells import cells_of, read_cells
from fathom.data.tables.column import Column
from fathom.data.tables.kinds import find_kind
from fathom.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def read_times(cells: pd.Series | Sequence[Any], name: str, *, day_first: bool = False) -> np.ndarray:
    """Return what says which rows are newer: days since 1970 of dates, or numbers such as years; NaN for neither.

    Shape:   -> float64 (N,)
    Raises:  UsageError for a column that holds neither dates nor numbers
    """
    import pandas as pd

    # from files of images they come as a list
    series = cells if isinstance(cells, pd.Series) else pd.Series(list(cells), dtype=object)
    kind, form = find_kind(series, day_first=day_first)
    if kind not in ("date", "number"):
        raise UsageError(f"--time-column {name}: its cells are neither dates nor numbers")
    # days or numbers, both rising with time
    return read_cells(series, Column(name, kind, cells_of(series), format=form))

"""How settings say that data are divided. Loads without torch."""

from __future__ import annotations

from typing import Any

from fathom.settings.config import DataConfig
from fathom.data.splits.folds import Fold


def make_fold(data: DataConfig) -> Fold | None:
    """Return the fold that is held out; None outside a cross-validation."""
    return None if data.fold is None else Fold(data.fold.index, data.fold.of, data.fold.repeat)


def split_arguments(data: DataConfig) -> dict[str, Any]:
    """Return what the data modules that draw their parts at random take."""
    return {"split_seed": data.split_seed, "fold": make_fold(data)}

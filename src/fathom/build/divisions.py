"""How the settings split the data. Loads without torch."""

from __future__ import annotations

from fathom.data.splits.division import Division
from fathom.data.splits.folds import Fold
from fathom.settings.config import Config, DataConfig, split_seed


def make_fold(data: DataConfig) -> Fold | None:
    """Return the held-out fold; None outside a cross-validation."""
    return None if data.fold is None else Fold(data.fold.index, data.fold.of, data.fold.repeat)


def make_division(config: Config) -> Division:
    """Return how the data is divided into splits."""
    # its own seed, where set: then runs of different seeds compare on one split
    data = config.data
    return Division(data.val, split_seed(config), make_fold(data), train_size=data.train_size, train_seed=config.seed)

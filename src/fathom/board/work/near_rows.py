"""The training rows of a table that are most like a given one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from fathom.board.work.opened import open_data, open_model
from fathom.build.kinds.detection import kind_of
from fathom.data.tables.cells import canonical
from fathom.data.tables.layer import TableInput
from fathom.recipes.loaded import LoadedModel

if TYPE_CHECKING:
    import pandas as pd

_ROWS, _COMPARED = 5, 20_000  # rows shown, and among how many they are looked for

Result = TypeVar("Result")


def seen_by_network(model: LoadedModel, predict: Callable[[], Result]) -> tuple[Result, Tensor]:
    """Predict; return the answer, and the encoded rows that the network got for it.

    Shape:   -> (N, D)
    """
    found: list[Tensor] = []
    handle = model.module.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    try:
        return predict(), found[-1]
    finally:
        handle.remove()


def nearest_rows(model: LoadedModel, run: str, encoded: Tensor) -> dict[str, Any]:
    """Find the training rows at the least distance, every number in standard deviations, every category one-hot.

    Shape:   encoded (1, D), as the network got it
    Raises:  FathomError if the data are not there any more
    """
    data, layer = open_data(run), model.module.preprocess
    assert isinstance(layer, TableInput)
    order = data.train_index if data.train_index is not None else torch.arange(len(data.X))
    chosen = order[torch.randperm(len(order), generator=torch.Generator().manual_seed(0))[:_COMPARED]]  # (n,)
    width = layer.num_features - bool(layer.parts)  # which part a row is in says nothing of it
    with torch.inference_mode():
        known, own = layer(data.X[chosen])[:, :width], layer(encoded)[:, :width]  # (n, D'), (1, D')
        nearest = (known - own).norm(dim=1).topk(min(_ROWS, len(chosen)), largest=False)
    frame = _frame(run)
    names = [data.target.name, *(column.name for column in layer.columns)]
    return {
        "columns": names,
        "rows": [
            {
                "cells": ["" if value != value else str(canonical(value)) for value in frame.iloc[int(place)][names]],
                "distance": float(distance),
            }
            for place, distance in zip(chosen[nearest.indices], nearest.values, strict=True)
        ],
    }


@lru_cache(maxsize=1)
def _frame(run: str) -> pd.DataFrame:
    config = open_model(run).config
    return kind_of(config).read(config.data).frame

"""How many epochs few samples are trained for, where nobody said it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fathom.settings.config import Config, replace_in

if TYPE_CHECKING:
    from fathom.data.module import LabelledData

_STEPS = 3000  # of training on few samples, unless epochs are given
_LEAST, _MOST = 10, 100


def fill_epochs(config: Config, data: LabelledData) -> Config:
    """Fill in the epochs of rows or arrays, if they are open: few samples need many epochs for enough steps."""
    if config.training.epochs is not None:
        return config
    # steps to epochs, both rounded up
    epochs = min(_MOST, max(_LEAST, -(-_STEPS // -(-data.num_train // data.batch_size))))
    return replace_in(config, training={"epochs": epochs})

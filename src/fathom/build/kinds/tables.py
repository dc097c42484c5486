"""Tables for the recipes: from what was configured to their data module."""

from __future__ import annotations

import dataclasses
from typing import Any

from fathom.settings.config import Config
from fathom.data.images.augment import Compose
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import Table
from fathom.errors import UsageError
from fathom.build.kinds.names import check_table_options, read_file
from fathom.build.divisions import make_division

_CHOICES = ("fill", "one_hot_max", "categories", "drop", "keep")
_LINEAR_ONE_HOT_MAX = 1000  # an embedding before a single affine map would only lower its rank
_STEPS = 3000  # that a small table is learned for, unless epochs are given
_EPOCHS = (10, 100)


def build_table(config: Config, augment: Compose | None, table: Table | None) -> TableData:
    """Make the data module of a table."""
    if config.data.augment:
        raise UsageError("--augment is for images; a table has none (--set training.input_noise=… adds noise)")
    options = config.data.options
    check_table_options(config.data)
    table = table or read_file(config.data.name, options)
    chosen: dict[str, Any] = {option: options[option] for option in _CHOICES if option in options}
    chosen |= {option: _names(option, chosen[option]) for option in ("categories", "drop", "keep") if option in chosen}
    if config.model.name in ("linear", "softmax"):
        chosen.setdefault("one_hot_max", _LINEAR_ONE_HOT_MAX)
    target, test, log_target = options.get("target"), options.get("test"), options.get("log_target", False)
    if not isinstance(log_target, bool):
        raise UsageError(f"data.options.log_target is true or false; got {log_target!r}")
    return TableData(
        dataclasses.replace(table, test=None if test is None else read_file(str(test), options)),
        config.data.batch_size,
        target=None if target is None else str(target),
        options=TableOptions(options.get("task"), log_target, **chosen),
        val=make_division(config.data),
        augment=augment,
        seed=config.seed,
        balance=config.data.balance,
    )


def choose_epochs(num_train: int, batch_size: int) -> int:
    """Choose the passes over a table where nobody did: small ones need many to come to enough steps."""
    least, most = _EPOCHS
    return min(most, max(least, -(-_STEPS // -(-num_train // batch_size))))


def _names(option: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UsageError(f"data.options.{option} is a list of columns, such as [a, b]; got {value!r}")
    return tuple(map(str, value))

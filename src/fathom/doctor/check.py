"""``fathom check`` as a function: what there is to know of data before anything is trained on them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fathom.build.data import build_data
from fathom.build.failures import readable_failures
from fathom.build.kinds.names import data_kind, locate_data
from fathom.data.checks import DataCheck
from fathom.settings.config import Config
from fathom.settings.resolve import resolve


def check(config: Config, *, on_read: Callable[[int, int], None] | None = None) -> DataCheck:
    """Look into the data of a configuration, divided as training with it would divide them.

    Args:
        on_read: called with (files read, files in all) while images are decoded.
    Raises:  UsageError, FathomError where they cannot be read at all
    """
    config = locate_data(resolve(config))
    if data_kind(config.data) == "images":
        # However many are broken: they are what is looked for. Nothing is kept, for no epoch follows.
        options = msgspec.structs.replace(config.data, max_broken=1.0, cache="none")
        config = msgspec.structs.replace(config, data=options)
    with readable_failures():
        return _look(config, on_read)


def _look(config: Config, on_read: Callable[[int, int], None] | None) -> DataCheck:
    from fathom.data.array_checks import check_arrays
    from fathom.data.array_data import ArrayData
    from fathom.data.images.checks import check_images
    from fathom.data.images.module import ImageData
    from fathom.data.tables.checks import check_table
    from fathom.data.tables.module import TableData
    from fathom.data.texts.checks import check_text
    from fathom.data.texts.module import TextData

    data = build_data(config, on_read=on_read)
    if isinstance(data, ImageData):
        return check_images(data)
    if isinstance(data, TableData):
        return check_table(data)
    if isinstance(data, TextData):
        return check_text(data)
    assert isinstance(data, ArrayData)
    return check_arrays(data)

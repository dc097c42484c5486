"""``fathom check`` as a function: what to know of data before training on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fathom.build.configure import configure
from fathom.build.failures import readable_failures
from fathom.build.kinds.base import OnRead
from fathom.build.kinds.detection import kind_of
from fathom.data.checks import DataCheck
from fathom.settings.config import Config
from fathom.settings.settings import Settings


def check(settings: Config | Settings | Mapping[str, Any], *, on_read: OnRead | None = None) -> DataCheck:
    """Check the data that settings name, split as training would split it.

    Args:
        on_read: called with (files read, files in all) while images are decoded.
    Raises:  UsageError, FathomError if it cannot be read at all
    """
    config = configure(settings)
    kind = kind_of(config)
    config = kind.config_for_check(msgspec.structs.replace(config, data=kind.pin(config.data)))
    with readable_failures():
        return kind.check(kind.build_for_check(config, on_read))

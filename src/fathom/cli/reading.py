"""Reading the data of a run while PyTorch is being imported. Loads without torch."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from fathom.build.kinds.detection import kind_of
from fathom.settings.config import Config


def start_reading(config: Config) -> Future[Any]:
    """Read the data while torch is being imported: unpacking, hashing and parsing leave the interpreter free."""
    future: Future[Any] = Future()

    def read() -> None:
        try:
            future.set_result(kind_of(config).read(config.data))
        except BaseException as error:  # whatever it is: a reader that never answers would hang the command
            future.set_exception(error)

    # A daemon: after Ctrl-C nobody waits for a download to finish.
    threading.Thread(target=read, name="read-data", daemon=True).start()
    return future

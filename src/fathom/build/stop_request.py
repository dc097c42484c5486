"""The callback that stops a run when its folder says so."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from fathom.runs.folder.stopping import clear_request, is_asked_to_stop
from fathom.training.callbacks import Callback
from fathom.training.signals import request_stop
from fathom.training.trainer import Trainer

_EVERY_S = 0.5  # a look at the file costs microseconds, a step may take fewer


class StopOnRequest(Callback):
    """Stop as on SIGTERM, with a checkpoint, once the folder holds a request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._looked_at = 0.0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Forget a request that an earlier training left."""
        clear_request(self.folder)

    def on_step_end(self, trainer: Trainer) -> None:
        """Look."""
        now = time.monotonic()
        if now - self._looked_at < _EVERY_S:
            return
        self._looked_at = now
        if is_asked_to_stop(self.folder):
            clear_request(self.folder)
            request_stop(signal.SIGTERM)

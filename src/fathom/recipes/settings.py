"""The configuration of an existing run."""

from __future__ import annotations

from pathlib import Path

from fathom.config import Config, make_config, read_config
from fathom.errors import FathomError


def read_run_config(run: Path) -> Config:
    """Read ``config.yaml`` of a run folder.

    Raises:  FathomError if the folder is not a run, or was written by a newer version
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise FathomError(f"{run}: not a run folder, it holds no config.yaml")
    return make_config(read_config(path), str(path))

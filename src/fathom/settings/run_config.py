"""The configuration of an existing run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.build.kinds.names import data_kind
from fathom.errors import FathomError
from fathom.settings.config import Config, config_to_dict, make_config, read_config

_OF_THE_DATA = ("name", "options", "val", "fold")
# How files are read: those that a teacher did without, their size and, of one that was fine-tuned, their normalisation.
_OF_IMAGES = ("resize", "mean", "std", "max_broken", "cache", "workers")


def read_run_config(run: Path) -> Config:
    """Read ``config.yaml`` of a run folder.

    Raises:  FathomError if the folder is not a run, or was written by a newer version
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise FathomError(f"{run}: not a run folder, it holds no config.yaml")
    return make_config(read_config(path), str(path))


def student_settings(teacher: Path) -> dict[str, Any]:
    """Return the settings that a student takes over: the data as its teacher read and divided them, and the seed."""
    config = read_run_config(teacher)
    whole = config_to_dict(config)["data"]
    data = {name: whole[name] for name in _OF_THE_DATA}
    data["split_seed"] = config.seed if config.data.split_seed is None else config.data.split_seed
    if data_kind(config.data) == "images":
        data |= {name: whole[name] for name in _OF_IMAGES}
    return {"data": data, "seed": config.seed}

"""The configuration of an existing run, and what its data's name means."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from fathom.config import Config, make_config, read_config
from fathom.data import catalog
from fathom.errors import FathomError


def read_run_config(run: Path) -> Config:
    """Read ``config.yaml`` of a run folder.

    Raises:  FathomError if the folder is not a run, or was written by a newer version
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise FathomError(f"{run}: not a run folder, it holds no config.yaml")
    return make_config(read_config(path), str(path))


def is_folder(data_name: str) -> bool:
    """Whether ``data.name`` means a folder of pictures: a path, or no known name but that of a folder here."""
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    return (
        any(separator in data_name for separator in separators)
        or data_name in (".", "..")
        or (data_name not in catalog.names() and Path(data_name).is_dir())
    )


def locate_folder(config: Config) -> Config:
    """Make the path of a picture folder absolute, so that a run can be resumed and judged from anywhere."""
    if not is_folder(config.data.name):
        return config
    place = str(Path(config.data.name).expanduser().absolute())
    return msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, name=place))

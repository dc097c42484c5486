"""What ``data.name`` means: a data set known by name, a folder of pictures, or a table. Loads without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from fathom.config import Config, DataConfig
from fathom.data import catalog
from fathom.errors import UsageError

Kind = Literal["named", "pictures", "table"]

_KIND_OF_SUFFIX: dict[str, Kind] = {".csv": "table", ".tsv": "table", ".dat": "table"}


def data_kind(data: DataConfig) -> Kind:
    """Tell of which kind the data are; what looks like no path is taken for a name, known or not."""
    name = data.name
    if name in catalog.names():
        return "named"
    path = Path(name).expanduser()
    if path.is_dir():
        return "pictures"
    kind = _KIND_OF_SUFFIX.get(path.with_suffix("").suffix.lower() if path.suffix == ".gz" else path.suffix.lower())
    if kind is not None:
        return kind
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    is_path = name in (".", "..") or any(separator in name for separator in separators)
    return "pictures" if is_path else "named"


def check_data(data: DataConfig) -> None:
    """Refuse, before anything heavy is imported, a name that is not known and a path where nothing is.

    Raises:  UsageError
    """
    kind = data_kind(data)
    path = Path(data.name).expanduser()
    if kind == "named":
        catalog.describe(data.name)
    elif kind == "pictures" and not path.is_dir():
        raise UsageError(f"there is no folder {data.name}; `fathom data` lists the data sets known by name")
    elif kind == "table" and not path.is_file():
        raise UsageError(f"there is no file {data.name}; `fathom data` lists the data sets known by name")


def locate_data(config: Config) -> Config:
    """Make the path of a file or folder absolute, so that a run can be resumed and judged from anywhere."""
    if data_kind(config.data) == "named":
        return config
    place = str(Path(config.data.name).expanduser().absolute())
    return msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, name=place))

"""What ``data.name`` means: a data set known by name, a folder of pictures, a table, a text. Loads without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fathom.config import Config, DataConfig
from fathom.data import catalog
from fathom.errors import UsageError, unknown

if TYPE_CHECKING:
    from fathom.data.arrays import Arrays
    from fathom.data.tables.reading import Table

Kind = Literal["named", "pictures", "table", "text"]

_TABLE_OPTIONS = (
    *("target", "task", "log_target", "test", "fill", "one_hot_max", "categories", "drop", "keep"),
    *("header", "separator"),
)
TEXT_OPTIONS = ("level", "lower", "clean", "reserved", "min_freq", "steps", "partition", "test", "encoding")
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
_KIND_OF_SUFFIX: dict[str, Kind] = {".csv": "table", ".tsv": "table", ".dat": "table", ".txt": "text", ".md": "text"}


def data_kind(data: DataConfig) -> Kind:
    """Tell of which kind the data are; what looks like no path is taken for a name, known or not."""
    name = data.name
    if name in catalog.names():
        return "text" if catalog.is_text(name) else "named"
    path = Path(name).expanduser()
    if path.is_dir():
        return "pictures"
    kind = _KIND_OF_SUFFIX.get(path.with_suffix("").suffix.lower() if path.suffix == ".gz" else path.suffix.lower())
    if kind is not None:
        return kind
    if path.is_file() and path.suffix.lower() not in _PICTURES:
        return "text"
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
    elif kind == "table":
        check_table_options(data)
        for place in (data.name, data.options.get("test")):
            if place is not None and not Path(str(place)).expanduser().is_file():
                raise UsageError(f"there is no file {place}; `fathom data` lists the data sets known by name")
    elif kind == "text":
        for option in data.options:
            if option not in TEXT_OPTIONS:
                raise unknown("option of a text", option, TEXT_OPTIONS)
        if not catalog.is_text(data.name) and not path.is_file():
            raise UsageError(f"there is no file {data.name}; `fathom data` lists the data sets known by name")


def read_contents(data: DataConfig) -> Arrays | Table | str | None:
    """Read what can be read while torch is being imported; None where there is nothing of that kind.

    Raises:  UsageError, FathomError as the reader of that kind
    """
    kind = data_kind(data)
    if kind == "named":
        return catalog.load_arrays(data.name, **data.options)
    if kind == "text":
        return read_text(data)
    return read_file(data.name, data.options) if kind == "table" else None


def read_text(data: DataConfig) -> str:
    """Read a text known by name, or a file in the encoding that its options say."""
    from fathom.data import text_file

    if catalog.is_text(data.name):
        return catalog.load_text(data.name)
    return text_file.read_text(Path(data.name).expanduser(), data.options.get("encoding", "utf-8"))


def read_file(path: str, options: Mapping[str, Any]) -> Table:
    """Read a table as its options say."""
    from fathom.data.tables.reading import read_table

    return read_table(Path(path).expanduser(), header=options.get("header"), separator=options.get("separator"))


def check_table_options(data: DataConfig) -> None:
    """Refuse options that tables do not have."""
    for option in data.options:
        if option not in _TABLE_OPTIONS:
            raise unknown("option of a table", option, _TABLE_OPTIONS)
    if data.options.get("header") not in (None, True, False):
        raise UsageError(f"data.options.header is true or false; got {data.options['header']!r}")


def locate_data(config: Config) -> Config:
    """Make the path of a file or folder absolute, so that a run can be resumed and judged from anywhere."""
    if config.data.name in catalog.names() or data_kind(config.data) == "named":
        return config
    data = msgspec.structs.replace(config.data, name=_absolute(config.data.name))
    if data_kind(data) == "table" and data.options.get("test") is not None:
        data = msgspec.structs.replace(data, options={**data.options, "test": _absolute(str(data.options["test"]))})
    return msgspec.structs.replace(config, data=data)


def _absolute(place: str) -> str:
    return str(Path(place).expanduser().absolute())

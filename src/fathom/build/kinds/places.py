"""Paths and addresses of data: checked before anything is read, and pinned so that they are found again. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fathom.address import base_name, is_remote
from fathom.build.remote import check_address, pin_versions, remote_addresses
from fathom.data.fetch.archives import is_packed
from fathom.data.sources import catalog
from fathom.errors import UsageError
from fathom.files import expand_home
from fathom.settings.config import DataConfig
from fathom.settings.settings import Settings

# what people try; a clear message instead of a decoding error
_NOT_READ = (".xls", ".ods", ".sav", ".dta", ".pkl", ".pickle", ".npy", ".pdf")


def refuse_foreign(settings: Settings) -> None:
    """Refuse what no kind of data can read.

    Raises:  UsageError
    """
    name, options = settings.get("data.name", "digits"), settings.get("data.options", {})  # the default data set
    path = expand_home(name)
    if path.suffix.lower() in _NOT_READ and path.is_file():
        # names without such a file may be a data set's
        raise UsageError(f"{name}: {path.suffix} files are not supported; save it as CSV or as text")
    for address in remote_addresses(name, options):
        check_address(address)
    if options.get("images") is not None and (path.is_dir() or name in catalog.names()):
        raise UsageError(f"--images belongs to a label file (--data labels.csv), which {name} is not")


def refuse_file_options(settings: Settings) -> None:
    """Refuse options that are only for image files.

    Raises:  UsageError
    """
    name = settings.get("data.name", "digits")
    for option in ("cache", "max_broken"):
        # the catalog's arrays cannot be broken or need a cache
        if settings.get(f"data.{option}") not in (None, *_NEUTRAL[option]):
            shown = option.replace("_", "-")
            raise UsageError(f"--{shown} is for image files; {name} is held in memory")


# The defaults of these options, which a settings file may spell out.
_NEUTRAL = {"cache": ("auto",), "max_broken": (0.5,)}


def check_file(place: str) -> None:
    """Refuse a missing file; a remote one is checked later.

    Raises:  UsageError
    """
    if not is_remote(place) and not expand_home(place).is_file():
        raise UsageError(f"no such file: {place}; `fathom data` lists the data sets known by name")


def is_folder(place: str) -> bool:
    """Whether there is a folder, packed or not."""
    path = expand_home(place)
    return path.is_dir() or (is_packed(path) and path.is_file())


def pin_data(data: DataConfig, options: Sequence[str] = ()) -> DataConfig:
    """Return the same data by absolute paths and pinned versions.

    Args:
        options: those of ``data.options`` that hold paths too.
    Raises:  UsageError, FathomError if remote data cannot be fetched or an archive not unpacked
    """
    places = {name: _absolute(str(data.options[name])) for name in options if data.options.get(name) is not None}
    return pin_versions(msgspec.structs.replace(data, name=_absolute(data.name), options={**data.options, **places}))


def _absolute(place: str) -> str:
    return place if is_remote(place) else str(expand_home(place).absolute())


def place_name(name: str) -> str:
    """Return the last part of a path or an address; a data set's name stays as it is."""
    return base_name(name) if is_remote(name) else Path(name).name

"""Remote and packed data in settings: addresses, pinned versions, local copies. Torch-free."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from fathom.address import is_remote, split_address
from fathom.data.fetch.archives import is_packed
from fathom.errors import FathomError, UsageError, missing_library
from fathom.settings.config import DataConfig

if TYPE_CHECKING:
    from fathom.data.fetch.copies import LocalCopy


_READ_PACKED = ("tables", "texts")  # kinds whose files are read as they are, packed or not


def remote_addresses(name: str, options: Mapping[str, Any]) -> list[str]:
    """Return every address among the name of the data and its options, such as the test file of a table."""
    # numbers and lists among the options are no addresses
    return [value for value in (name, *options.values()) if isinstance(value, str) and is_remote(value)]


def check_address(address: str) -> None:
    """Refuse, without asking the network, an invalid address or one that needs a library that is not installed.

    Raises:  UsageError
    """
    parts = split_address(address)
    # find_spec: for the answer nothing is imported
    if parts.scheme == "s3" and not (importlib.util.find_spec("fsspec") and importlib.util.find_spec("s3fs")):
        raise UsageError(str(missing_library(address, "fsspec s3fs", "remote")))


def _copied(data: DataConfig) -> list[str]:
    """Name what is read from a copy in the cache: remote data, and archives on this machine."""
    places = (None if data.kind in _READ_PACKED else data.name, data.options.get("images"))
    packed = (value for value in places if isinstance(value, str) and is_packed(value))
    return [*remote_addresses(data.name, data.options), *packed]


def _find_copies(data: DataConfig) -> dict[str, LocalCopy]:
    """Return the local copies by address, fetched or unpacked if need be."""
    places = _copied(data)
    if not places:  # the usual case must import nothing of the network
        return {}
    from fathom.data.fetch.copies import local_copy
    from fathom.data.fetch.packed import unpacked_copy

    copies, encoding = {}, data.options.get("archive_encoding")
    for place in places:
        version = data.versions.get(place)  # None in a new run: the newest will do
        if is_remote(place):
            unpacks = place == data.options.get("images") or data.kind not in _READ_PACKED
            copies[place] = local_copy(place, version=version, unpacks=unpacks, encoding=encoding)
        else:
            # label files may name anything in it, class folders only images
            whole = place == data.options.get("images")
            copies[place] = unpacked_copy(place, version=version, whole=whole, encoding=encoding)
    return copies


def pin_versions(data: DataConfig) -> DataConfig:
    """Fetch or unpack remote and packed data, and pin its version, so that resuming and evaluating a run read the same.

    Raises:  UsageError, FathomError as ``local_copy`` and ``unpacked_copy``
    """
    copies = _find_copies(data)
    if not copies:
        return data
    return msgspec.structs.replace(data, versions={place: copy.version for place, copy in copies.items()})


def has_versions(data: DataConfig) -> bool:
    """Whether a version of everything read from a copy is pinned."""
    return all(place in data.versions for place in _copied(data))  # vacuously true for plain local files


def localize(data: DataConfig) -> DataConfig:
    """Return the same data by its paths on this machine.

    Raises:  UsageError, FathomError as ``local_copy`` and ``unpacked_copy``
    """
    place = {name: str(copy.path) for name, copy in _find_copies(data).items()}
    if not place:
        return data
    # lists and numbers name no place
    options = {key: place.get(value, value) if isinstance(value, str) else value for key, value in data.options.items()}
    return msgspec.structs.replace(data, name=place.get(data.name, data.name), options=options)


def display_names(given: DataConfig, local: DataConfig) -> dict[str, str]:
    """Return the name the user gave for each copy, by the path of the copy."""
    # (path of the copy, what the user wrote)
    pairs = ((local.name, given.name), (local.options.get("images"), given.options.get("images")))
    return {str(here): str(there).rstrip("/") for here, there in pairs if here != there}


@contextlib.contextmanager
def original_names(given: DataConfig, local: DataConfig) -> Iterator[None]:
    """Let errors name what the user named, not its copy."""
    try:
        yield
    except FathomError as error:
        text = str(error)
        for here, there in display_names(given, local).items():
            text = text.replace(here, there)
        if text == str(error):  # nothing to rename: the error stays itself, with its traceback
            raise
        raise type(error)(text) from error  # of the same class, so that the exit code stays

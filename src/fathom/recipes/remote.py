"""Remote data in settings: which addresses, which version of each, where its copy lies. Loads without torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from fathom.address import is_remote, split_address
from fathom.config import DataConfig
from fathom.errors import UsageError


def addresses_of(data: DataConfig) -> list[str]:
    """Give every address among the data and their options, such as the test file of a table."""
    return [value for value in (data.name, *data.options.values()) if isinstance(value, str) and is_remote(value)]


def check_address(address: str) -> None:
    """Refuse, without asking the network, an address that cannot be or needs what is not installed.

    Raises:  UsageError
    """
    parts = split_address(address)
    if parts.scheme == "s3" and not (importlib.util.find_spec("fsspec") and importlib.util.find_spec("s3fs")):
        raise UsageError(f"{address} needs the extra remote; install it with: pip install 'fathom[remote]'")


def pin_versions(data: DataConfig) -> DataConfig:
    """Fetch what is remote, and settle on that version of it: a run that goes on, or is judged, sees the same.

    Raises:  UsageError, FathomError as ``local_copy``
    """
    addresses = addresses_of(data)
    if not addresses:
        return data
    from fathom.data.remote.copies import local_copy

    copies = {address: local_copy(address, version=data.versions.get(address)) for address in addresses}
    return msgspec.structs.replace(data, versions={address: copy.version for address, copy in copies.items()})


def is_pinned(data: DataConfig) -> bool:
    """Whether a version of everything remote is settled."""
    return all(address in data.versions for address in addresses_of(data))


def localize(data: DataConfig) -> DataConfig:
    """Give the same data by their places on this machine.

    Raises:  UsageError, FathomError as ``local_copy``
    """
    addresses = addresses_of(data)
    if not addresses:
        return data
    from fathom.data.remote.copies import local_copy

    place = {address: str(local_copy(address, version=data.versions.get(address)).path) for address in addresses}
    options = {key: place.get(value, value) if isinstance(value, str) else value for key, value in data.options.items()}
    return msgspec.structs.replace(data, name=place.get(data.name, data.name), options=options)


def fetch_input(source: str | Path) -> Path:
    """Give the place on this machine of a file that is to be read once.

    Raises:  as ``local_copy``
    """
    if not is_remote(source):
        return Path(source)
    from fathom.data.remote.copies import local_copy

    return local_copy(str(source)).path

"""The kind of data that a name means: a data set known by name, a folder of images, a table, a text. Torch-free.

The adapters beside this file are imported when they are needed; further ones are registered.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Literal

from fathom.address import base_name, is_remote, split_address
from fathom.build.kinds.base import Kind
from fathom.data.fetch.archives import ARCHIVES, is_archive, is_packed
from fathom.data.images.formats import EXTENSIONS
from fathom.data.row_files import CONVERTED, PACKED, row_ending
from fathom.data.sources import catalog
from fathom.errors import FathomError, UsageError, unknown
from fathom.files import expand_home
from fathom.settings.config import Config, DataConfig
from fathom.settings.settings import Settings

BuiltIn = Literal["arrays", "array_files", "given_loaders", "images", "tables", "texts"]

_ADAPTERS: dict[BuiltIn, str] = {
    "arrays": "ArraysKind",
    "array_files": "ArrayFilesKind",
    "given_loaders": "GivenLoadersKind",
    "images": "ImagesKind",
    "tables": "TablesKind",
    "texts": "TextsKind",
}
_SUFFIXES: dict[str, BuiltIn] = {
    # .dat, .data: as the UCI repository names tables
    **dict.fromkeys((".csv", ".tsv", ".tab", ".dat", ".data", *CONVERTED), "tables"),
    **dict.fromkeys((".txt", ".md"), "texts"),
    ".npz": "array_files",
}
# ending: whose format it is, for the message
_UNREAD = {".xls": "Excel before 2007", ".ods": "OpenDocument", ".sav": "SPSS", ".dta": "Stata"}
_registered: dict[str, Kind] = {}  # by name; the user's, before the built-in ones
_loaded: dict[str, Kind] = {}  # built-in ones already imported


def register_kind(kind: Kind) -> None:
    """Register a further kind of data; it may claim data before the built-in ones do."""
    _registered[kind.name] = kind


def find_kind(settings: Settings) -> Kind:
    """Return the kind of the data that settings name; ``data.kind`` overrides the guess from the name.

    Raises:  UsageError for a kind that does not exist, or an address with an unknown ending
    """
    chosen = settings.get("data.kind")
    if chosen is not None:
        return get_kind(chosen)
    for kind in _registered.values():
        if kind.claims(settings):
            return kind
    name, has_images = settings.get("data.name", "digits"), settings.get("data.options.images") is not None
    # with a target even rows.txt is a table
    if settings.get("data.options.target") is not None and not has_images and _may_be_rows(name):
        return get_kind("tables")
    return get_kind(_look(name, has_images))


def kind_of(config: Config | DataConfig) -> Kind:
    """Return the kind of the data of a closed configuration."""
    return get_kind(config.data.kind if isinstance(config, Config) else config.kind)


def get_kind(name: str) -> Kind:
    """Return a kind by its name.

    Raises:  UsageError for a name that does not exist
    """
    if name in _registered:
        return _registered[name]
    if name not in _loaded:
        # a loop, so that the key has the literal's type
        adapter = next((cls for known, cls in _ADAPTERS.items() if known == name), None)
        if adapter is None:
            raise unknown("kind of data", name, [*_ADAPTERS, *_registered])
        _loaded[name] = getattr(importlib.import_module(f"fathom.build.kinds.{name}"), adapter)()
    return _loaded[name]


def _look(name: str, has_images: bool) -> BuiltIn:
    """Guess the kind from a name; one that does not look like a path counts as that of a data set, known or not.

    A file of rows is a table, unless ``data.options.images`` says where the images named in it are.
    """
    if name in catalog.names():  # before paths: a folder called "digits" needs ./
        return "texts" if catalog.is_text(name) else "arrays"
    if has_images:
        return "images"
    if is_remote(name):
        return _look_at_address(name)
    path = expand_home(name)
    kind = None if path.is_dir() else _of_suffix(path)  # a folder photos.csv/ is still a folder
    if kind is not None:
        return kind
    if path.is_dir() or is_packed(name):
        return (None if path.is_dir() else _of_zip(path)) or "images"
    # a file of no known ending is read as text; an image alone is refused later
    if path.is_file() and path.suffix.lower() not in EXTENSIONS:
        return "texts"
    separators = [separator for separator in (os.sep, os.altsep) if separator]  # altsep is None outside Windows
    is_path = name in (".", "..") or any(separator in name for separator in separators)
    return "images" if is_path else "arrays"  # "arrays": the catalog then lists the names it knows


def _may_be_rows(name: str) -> bool:
    """Return whether a name, of whatever ending, is that of a file that may hold the rows of a table.

    Raises:  UsageError for a file of rows in a form that is not read
    """
    if name in catalog.names() or (is_remote(name) and name.endswith("/")):
        return False
    path = Path(base_name(name)) if is_remote(name) else expand_home(name)
    if path.suffix.lower() in _UNREAD:
        raise UsageError(f"{name}: {_UNREAD[path.suffix.lower()]} is not read; save it as CSV or as .xlsx")
    if is_archive(path.name) and not path.is_dir() and path.suffix.lower() != ".zip":  # .zip may hold a single table
        raise UsageError(f"{name}: an archive holds images here; unpack the table, or pack it as .csv.gz or .csv.zip")
    return (is_remote(name) or path.is_file()) and path.suffix.lower() not in EXTENSIONS


def _look_at_address(address: str) -> BuiltIn:
    """Guess from the address alone: asking the network would take long."""
    path = Path(base_name(address))
    if path.suffix.lower() in EXTENSIONS:
        raise UsageError(f"{address} is one image; training takes a folder of class folders, or an archive of one")
    kind = _of_suffix(path)
    if kind is not None:
        return kind
    if split_address(address).scheme == "s3" or is_archive(path.name):  # a bucket can be listed, unlike http
        return "images"
    if address.endswith("/"):
        raise UsageError(
            f"{address}: a folder cannot be listed over http; give a file, or an archive such as photos.zip"
        )
    endings = ", ".join([*_SUFFIXES, *ARCHIVES])
    raise UsageError(f"{address}: its ending does not say what it is; known endings: {endings}")


def _of_zip(path: Path) -> BuiltIn | None:
    """Return the kind of the one file in a zip archive, as data sets of one table are packed; None of any other."""
    if path.suffix.lower() != ".zip" or not path.is_file():
        return None
    try:
        return _SUFFIXES.get(row_ending(path))
    except FathomError:  # several files, or damaged: told by what reads it
        return None


def _of_suffix(path: Path) -> BuiltIn | None:
    """Return the kind that an ending means, under a packing too: of rows.csv.zip, but not of images.zip."""
    ending = path.suffix.lower()
    return _SUFFIXES.get(path.with_suffix("").suffix.lower() if ending in PACKED else ending)

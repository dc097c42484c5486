"""What ``data.name`` means: a data set known by name, a folder of images, a table, a text. Loads without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fathom.address import base_name, is_remote, split_address
from fathom.settings.config import Config, DataConfig
from fathom.data.sources import catalog
from fathom.data.fetch.archives import ARCHIVES, is_archive, is_packed
from fathom.data.images.formats import EXTENSIONS
from fathom.errors import UsageError, unknown
from fathom.files import expand_home
from fathom.build.remote import remote_addresses, check_address, has_versions, localize, original_names, pin_versions

if TYPE_CHECKING:
    from fathom.data.arrays import Arrays
    from fathom.data.images.folder_listing import ImageFiles
    from fathom.data.tables.reading import Table

    Contents = Arrays | Table | ImageFiles | str | None  # what can be read before torch is there

Kind = Literal["named", "images", "table", "text"]

_TABLE_OPTIONS = (
    *("target", "task", "log_target", "test", "fill", "one_hot_max", "categories", "drop", "keep"),
    *("header", "separator"),
)
_IMAGE_OPTIONS = ("channels", "size")
_COLUMN_OPTIONS = ("file_column", "label_column", "split_column")
TEXT_OPTIONS = ("level", "lower", "clean", "reserved", "min_freq", "steps", "partition", "test", "encoding")
_NOT_READ = (".xlsx", ".xls", ".ods", ".parquet", ".feather", ".sav", ".dta", ".pkl", ".pickle", ".npy", ".npz", ".pdf")
_KIND_OF_SUFFIX: dict[str, Kind] = {".csv": "table", ".tsv": "table", ".dat": "table", ".txt": "text", ".md": "text"}


def data_kind(data: DataConfig) -> Kind:
    """Return which kind of data it is; what looks like no path is taken for a name, known or not.

    A file of rows is a table, unless ``options.images`` says where the images are that it names.
    """
    name = data.name
    if name in catalog.names():
        return "text" if catalog.is_text(name) else "named"
    path = expand_home(name)
    if data.options.get("images") is not None:
        return "images"
    if is_remote(name):
        return _remote_kind(name)
    if path.is_dir() or is_packed(name):
        return "images"
    kind = _kind_of_suffix(path)
    if kind is not None:
        return kind
    if path.is_file() and path.suffix.lower() not in EXTENSIONS:
        return "text"
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    is_path = name in (".", "..") or any(separator in name for separator in separators)
    return "images" if is_path else "named"


def _remote_kind(address: str) -> Kind:
    """Return by the address alone: asking the network takes long."""
    path = Path(base_name(address))
    suffix = path.suffix.lower()
    if suffix in EXTENSIONS:
        raise UsageError(f"{address} is one image; training takes a folder of class folders, or an archive of one")
    kind = _kind_of_suffix(path)
    if kind is not None:
        return kind
    if split_address(address).scheme == "s3" or is_archive(path.name):
        return "images"
    if address.endswith("/"):
        raise UsageError(
            f"{address}: a folder cannot be listed over http; give a file, or an archive such as photos.zip"
        )
    endings = ", ".join([*_KIND_OF_SUFFIX, *ARCHIVES])
    raise UsageError(f"{address}: its ending does not say what it is; there are {endings}")


def _kind_of_suffix(path: Path) -> Kind | None:
    return _KIND_OF_SUFFIX.get(path.with_suffix("").suffix.lower() if path.suffix == ".gz" else path.suffix.lower())


def check_data(data: DataConfig) -> None:
    """Refuse, before anything heavy is imported, a name that is not known and a path where nothing is.

    Raises:  UsageError
    """
    kind = data_kind(data)
    path = expand_home(data.name)
    images = data.options.get("images")
    if path.suffix.lower() in _NOT_READ and path.is_file():
        raise UsageError(f"{data.name}: {path.suffix} files are not read; save it as CSV, or as a text, and give that")
    for address in remote_addresses(data):
        check_address(address)
    if images is not None and (path.is_dir() or data.name in catalog.names()):
        raise UsageError(f"--images belongs to a file of labels (--data labels.csv); {data.name} is none")
    if kind != "images" and (data.cache != "auto" or data.max_broken != DataConfig().max_broken):
        option = "--max-broken" if data.cache == "auto" else "--cache"
        raise UsageError(f"{option} is for images in files; {data.name} is held in memory as it is")
    if kind == "named":
        catalog.describe(data.name)
    elif kind == "images" and images is not None:
        check_image_options(data)
        if not is_remote(data.name) and not path.is_file():
            raise UsageError(f"there is no file {data.name} of labels")
        if not is_remote(str(images)) and not _is_folder(str(images)):
            raise UsageError(f"there is no folder {images} for the images of {data.name}")
    elif is_packed(data.name) and not path.is_file():
        raise UsageError(f"there is no archive {data.name}")
    elif kind == "images" and path.is_file() and not is_packed(data.name):
        raise UsageError(f"{data.name} is one image; training takes a folder of class folders")
    elif kind == "images" and not is_remote(data.name) and not _is_folder(data.name):
        raise UsageError(f"there is no folder {data.name}; `fathom data` lists the data sets known by name")
    elif kind == "table":
        check_table_options(data)
        for place in (data.name, data.options.get("test")):
            if place is not None and not is_remote(place) and not expand_home(str(place)).is_file():
                raise UsageError(f"there is no file {place}; `fathom data` lists the data sets known by name")
    elif kind == "text":
        for option in data.options:
            if option not in TEXT_OPTIONS:
                raise unknown("option of a text", option, TEXT_OPTIONS)
        if not (catalog.is_text(data.name) or is_remote(data.name) or path.is_file()):
            raise UsageError(f"there is no file {data.name}; `fathom data` lists the data sets known by name")


def _is_folder(place: str) -> bool:
    """Whether there is a folder of images, packed or not."""
    path = expand_home(place)
    return path.is_dir() or (is_packed(path) and path.is_file())


def read_contents(data: DataConfig) -> Contents:
    """Read what can be read while torch is being imported; of images that is the list of files.

    Of remote and packed data there is nothing before a version of them is settled, see ``locate_data``.

    Raises:  UsageError, FathomError as the reader of that kind
    """
    if not has_versions(data):
        return None
    local = localize(data)
    kind = data_kind(local)
    with original_names(data, local):
        if kind == "named":
            return catalog.load_arrays(local.name, **local.options)
        if kind == "text":
            return read_text(local)
        return read_file(local.name, local.options) if kind == "table" else list_images(local)


def list_images(data: DataConfig) -> ImageFiles:
    """List the images of a folder of classes, or of a file of labels, without opening one."""
    check_image_options(data)
    place, images = expand_home(data.name), data.options.get("images")
    if images is None:
        from fathom.data.images.folder_listing import list_image_folder

        return list_image_folder(place)
    from fathom.data.images.label_file import read_image_table

    columns = {option: str(data.options[option]) for option in _COLUMN_OPTIONS if data.options.get(option) is not None}
    return read_image_table(place, expand_home(str(images)), **columns)


def read_text(data: DataConfig) -> str:
    """Read a text known by name, or a file in the encoding that its options say."""
    from fathom.data.texts import reading as text_file

    if catalog.is_text(data.name):
        return catalog.load_text(data.name)
    return text_file.read_text(expand_home(data.name), data.options.get("encoding", "utf-8"))


def read_file(path: str, options: Mapping[str, Any]) -> Table:
    """Read a table as its options say."""
    from fathom.data.tables.reading import read_table

    return read_table(expand_home(path), header=options.get("header"), separator=options.get("separator"))


def check_image_options(data: DataConfig) -> None:
    """Refuse options that images do not have."""
    is_table = data.options.get("images") is not None
    known = (*_IMAGE_OPTIONS, "images", *_COLUMN_OPTIONS) if is_table else _IMAGE_OPTIONS
    for option in data.options:
        if not is_table and option in _COLUMN_OPTIONS:
            raise UsageError(f"data.options.{option} is for a file of labels; say where its images are with --images")
        if option not in known:
            raise unknown(f"option of {'images' if is_table else 'a folder of images'}", option, known)


def check_table_options(data: DataConfig) -> None:
    """Refuse options that tables do not have."""
    for option in data.options:
        if option not in _TABLE_OPTIONS:
            raise unknown("option of a table", option, _TABLE_OPTIONS)
    if data.options.get("header") not in (None, True, False):
        raise UsageError(f"data.options.header is true or false; got {data.options['header']!r}")


def locate_data(config: Config) -> Config:
    """Make paths absolute and settle the versions of what is read from a copy, so that a run can go on anywhere.

    Raises:  UsageError, FathomError if remote data cannot be fetched, or an archive not be unpacked
    """
    data = config.data
    if data.name in catalog.names() or data_kind(data) == "named":
        return config
    options = dict(data.options)
    for option in ("test", "images"):
        if options.get(option) is not None and (option == "images" or data_kind(data) == "table"):
            options[option] = _absolute(str(options[option]))
    data = msgspec.structs.replace(data, name=_absolute(data.name), options=options)
    return msgspec.structs.replace(config, data=pin_versions(data))


def _absolute(place: str) -> str:
    return place if is_remote(place) else str(expand_home(place).absolute())


def place_name(name: str) -> str:
    """Return the last part of a path or an address; a name known to Fathom stays as it is."""
    return base_name(name) if is_remote(name) else Path(name).name

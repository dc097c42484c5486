"""The book's data sets by name: found on this machine, or downloaded over https, and checked."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fathom.data.fetch.archives import read_members
from fathom.data.fetch.download import fetch
from fathom.data.fetch.paths import cache_root, data_roots, make_folder
from fathom.errors import FathomError, unknown

DATA_URL = "https://d2l-data.s3-accelerate.amazonaws.com/"
DATA_HUB: dict[str, tuple[str, str]] = {
    name: (DATA_URL + file, sha1)
    for name, file, sha1 in (
        ("kaggle_house_train", "kaggle_house_pred_train.csv", "585e9cc93e70b39160e7921475f9bcd7d31219ce"),
        ("kaggle_house_test", "kaggle_house_pred_test.csv", "fa19780a7b011d9b009e8bff8e99922a8ee2eb90"),
        ("time_machine", "timemachine.txt", "090b5e7e70c295757f55df93cb0a180b9691891a"),
        ("fra-eng", "fra-eng.zip", "94646ad1522d915e7b0f9296181140edcf86a4f5"),
        ("airfoil", "airfoil_self_noise.dat", "76e5be1548fd8222e5074cf0faae75edff8cf93f"),
        ("hotdog", "hotdog.zip", "fba480ffa8aa7e0febbb511d181409f899b9baa5"),
        ("banana-detection", "banana-detection.zip", "5de26c8fce5ccdea9f91267273464dc968d20d72"),
        ("voc2012", "VOCtrainval_11-May-2012.tar", "4e443f8a2eca6b1dac8a6c57641b67dd40621a49"),
        ("cifar10_tiny", "kaggle_cifar10_tiny.zip", "2068874e4b9a9f0fb07ebe0ad2b29754449ccacd"),
        ("dog_tiny", "kaggle_dog_tiny.zip", "0cb91d09b814ecdc07b50f31f8dcad3e81d6a86d"),
    )
}
"""Name -> (address, SHA-1 of the file). Add your own: ``d2l.DATA_HUB["pets"] = (address, sha1)``."""

DEFAULT_FOLDER = os.path.join("..", "data")
_BOOK_FOLDERS = (DEFAULT_FOLDER, "data")  # where the book's code and its readers keep their data
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")  # suffixes of zip and tar files
_MAX_FILE_BYTES = 16 << 30  # 16 GiB: what is longer is none of the book's
_MAX_UNPACKED_BYTES = 64 << 30  # 64 GiB, against archives that unpack without end
_MAX_MEMBERS = 1_000_000


def default_root() -> str:
    """Return the folder for data where none was named: ../data or ./data if there is one, else the cache."""
    # the reader's own folder before the cache
    return next((folder for folder in _BOOK_FOLDERS if os.path.isdir(folder)), str(_cache()))


def download(
    url: str | None = None,
    folder: str | os.PathLike[str] = DEFAULT_FOLDER,
    sha1_hash: str | None = None,
    *,
    name: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> str:
    """Return the path of one of the book's files, downloading it if it is nowhere on this machine.

    It is looked for in ``folder``, in ../data and ./data, in the folder that ``FATHOM_DATA`` names and its subfolders,
    and in the cache. It is downloaded to ``folder``; if that is left at its default, to the cache. An archive found
    elsewhere is copied to a ``folder`` that was named, because the book unpacks it in place.

    Args:
        url: a name in ``DATA_HUB``, or an address; http is replaced by https.
        folder: where to look first and to put what is downloaded.
        sha1_hash: what the SHA-1 of the file must be; ``DATA_HUB`` has it for its names.
        name, cache_dir: what earlier editions call ``url`` and ``folder``.
    Raises:  UsageError for a name that is not in ``DATA_HUB``; FathomError, one line with the address and the place to
        put the file by hand, if it cannot be had
    """
    address, sha1_hash = _look_up(url if url is not None else name, sha1_hash)
    own = Path(folder if cache_dir is None else cache_dir).expanduser()
    is_default = own == Path(DEFAULT_FOLDER)  # nobody chose it: then the cache is the better place
    file_name = PurePosixPath(address.split("?")[0]).name  # without a query behind the name

    there = [path for path in _candidates(own, file_name) if path.is_file()]
    found = next((path for path in there if _is_right(path, sha1_hash)), None)  # the first copy whose SHA-1 fits
    target = (_cache() if is_default else own) / file_name
    if found is None:
        try:
            fetch(
                [address],
                target,
                checksum=f"sha1:{sha1_hash}" if sha1_hash else None,
                max_bytes=_MAX_FILE_BYTES,
                replace=target.exists(),
            )
        except FathomError as error:
            if not there:
                raise
            raise FathomError(f"{error}; {there[0]} is another file: its SHA-1 is not {sha1_hash}") from error
        found = target
    elif not is_default and found != target and found.suffix in _ARCHIVES:
        make_folder(own)  # a folder that was named gets the archive, to be unpacked there
        found = Path(shutil.copyfile(found, target))
    return str(found)


def _look_up(name: str | None, sha1: str | None) -> tuple[str, str | None]:
    """Return address and SHA-1 of a name in ``DATA_HUB``, or of an address."""
    if name is None:
        raise TypeError("download() needs the name or the address of a file")
    if name in DATA_HUB:
        return DATA_HUB[name]
    if "://" not in name:
        raise unknown("data set", name, DATA_HUB)
    # https alone: nothing is read over an open line
    return ("https://" + name.removeprefix("http://") if name.startswith("http://") else name), sha1


def extract(filename: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> None:
    """Unpack a zip or tar archive into ``folder``, or else where it lies.

    What is in it appears whole or not at all, and replaces files of the same name.

    Raises:  FathomError for a damaged archive, or one with links or with paths that lead out of the folder
    """
    archive = Path(filename)
    base = archive.parent if folder is None else Path(folder)
    if not archive.is_file():
        raise FathomError(f"there is no archive {archive} to unpack")
    if archive.suffix not in _ARCHIVES:
        raise FathomError(f"cannot unpack {archive}: only zip and tar archives can be, {', '.join(_ARCHIVES)}")
    make_folder(base)
    from filelock import FileLock

    partial = base / f".{archive.name}.part"
    with FileLock(base / f".{archive.name}.lock"):  # two processes that unpack at once: the second waits
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
        try:
            partial.mkdir()
            for path, content in read_members(archive, max_bytes=_MAX_UNPACKED_BYTES, max_members=_MAX_MEMBERS):
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_bytes(content)
            for entry in partial.iterdir():
                _move(entry, base / entry.name)  # last, so that half an archive is never taken for a data set
        except OSError as error:
            raise FathomError(
                f"cannot unpack {archive} to {base} ({error.strerror or error}); free some space"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def download_extract(name: str, folder: str | None = None) -> str:
    """Return the path of an unpacked data set of ``DATA_HUB``, downloading and unpacking it if needed.

    A folder unpacked by hand is found as well, in the places where ``download`` looks.

    Args:
        folder: its name, if it is not that of the archive without its ending.
    Raises:  what ``download`` and ``extract`` raise
    """
    if name not in DATA_HUB:
        raise unknown("data set", name, DATA_HUB)
    # the archive's name without its last suffix
    inside = folder or os.path.splitext(PurePosixPath(DATA_HUB[name][0]).name)[0]
    for path in _candidates(Path(DEFAULT_FOLDER), inside):
        if path.is_dir():
            return str(path)
    archive = Path(download(name))
    base = archive.parent if os.access(archive.parent, os.W_OK) else _cache()  # a shared data folder may be read-only
    extract(archive, base)
    return str(base / inside)


def download_all() -> None:
    """Bring every file of ``DATA_HUB`` onto this machine."""
    for name in DATA_HUB:
        download(name)


def _cache() -> Path:
    return cache_root() / "data"


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    for base in (folder, *map(Path, _BOOK_FOLDERS)):
        yield base / name
    for root in data_roots():
        yield root / name
        if root.is_dir():
            # one level deeper: data sets in folders of their own
            yield from (entry / name for entry in sorted(root.iterdir()) if entry.is_dir())


def _is_right(path: Path, sha1: str | None) -> bool:
    if sha1 is None:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest() == sha1


def _move(source: Path, target: Path) -> None:
    if source.is_dir() and target.is_dir():
        for entry in source.iterdir():
            _move(entry, target / entry.name)
    else:  # a rename within one file system: at once
        os.replace(source, target)

"""Objects of an S3 bucket, through fsspec. Credentials, region and endpoint are those of the AWS tools."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from fathom.address import base_name, split_address
from fathom.data.fetch.source import TIMEOUT_S, ByteStream, Listing, RemoteFile, SourceChanged, check_path
from fathom.data.fetch.web import TransferFailed
from fathom.data.images.formats import EXTENSIONS
from fathom.errors import FathomError, UsageError, missing_library

_PIECE_BYTES = 4 << 20
_PIECES = 4  # of a large file, requested at once
_CONNECTIONS = 64
_ATTEMPTS = 2  # of a request; the caller resumes after what has arrived


class Bucket:
    """The objects at ``s3://bucket/key``: one file, or the images below a prefix."""

    def __init__(self, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = split_address(address)
        self.address = address
        self._path = f"{parts.netloc}/{_key_of(address)}".rstrip("/")
        self._asks_for_folder = address.endswith("/") or not parts.path.strip("/")
        self._timeout_s = timeout_s
        self._files = _connect(timeout_s, anonymous=False)

    def list_files(self) -> Listing:
        """List the folder, or ask for the object; an object takes precedence over a folder of the same name."""
        if not self._asks_for_folder:
            with self._explained():
                info = self._call(lambda: self._files.info(self._path))
            if info["type"] == "file":
                return Listing((_remote_file(base_name(self.address), info),), is_folder=False)
        with self._explained():
            found = self._call(lambda: self._files.find(self._path, detail=True))
        return self._list(found)

    def _list(self, found: dict[str, Any]) -> Listing:
        items, skipped = [], 0
        for key, info in sorted(found.items()):  # by name: the order of a listing is the server's
            path = key.removeprefix(f"{self._path}/")
            if path == key or path.endswith("/"):  # the placeholder of the folder itself
                continue
            is_image = os.path.splitext(path)[1].lower() in EXTENSIONS
            if not is_image or any(part.startswith(".") for part in check_path(path, self.address).split("/")):
                skipped += 1
                continue
            items.append(_remote_file(path, info))
        _check_tree(items, self.address)
        if not items:
            more = f", only {skipped:,} other files" if skipped else ""
            raise FathomError(f"{self.address}: no images below this prefix{more}")
        return Listing(tuple(items), is_folder=True, skipped=skipped)

    @contextlib.contextmanager
    def open(self, item: RemoteFile, start: int) -> Iterator[ByteStream]:
        """Read pieces from ``start`` on; if there are several, check that all are of one version."""
        key = self._path if item.path == base_name(self.address) and not self._asks_for_folder else None
        yield ByteStream(start, self._pieces(key or f"{self._path}/{item.path}", item, start))

    def _pieces(self, key: str, item: RemoteFile, start: int) -> Iterator[bytes]:
        assert item.size is not None
        is_one = start == 0 and item.size <= _PIECE_BYTES
        while start < item.size:
            stop = min(item.size, start + _PIECE_BYTES * _PIECES)  # a few pieces at once: memory holds no whole file
            starts = list(range(start, stop, _PIECE_BYTES))
            ends = [min(stop, first + _PIECE_BYTES) for first in starts]
            with self._explained():
                pieces = self._files.cat_ranges([key] * len(starts), starts, ends, on_error="raise")
            yield from pieces
            start = stop
        if not is_one:
            with self._explained():
                # ranges name no version: an object replaced meanwhile is a mix
                if _remote_file(item.path, self._files.info(key)) != item:
                    raise SourceChanged

    def _call(self, ask: Any) -> Any:
        """Call ``ask`` with the credentials found; without any, anonymously."""
        try:
            return ask()
        except Exception as error:
            if type(error).__name__ != "NoCredentialsError":  # by name: botocore is not imported here
                raise
        self._files = _connect(self._timeout_s, anonymous=True)
        try:
            return ask()
        except PermissionError as error:
            raise FathomError(
                f"{self.address}: access denied without credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY"
            ) from error

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (FathomError, SourceChanged, TransferFailed):
            raise
        except Exception as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> Exception:
        text = " ".join(str(error).split())
        names = {kind.__name__ for kind in type(error).__mro__}
        bucket = self._path.partition("/")[0]
        if isinstance(error, FileNotFoundError):
            if "specified bucket" in text:
                return FathomError(f"{self.address}: no such bucket: {bucket}")
            return FathomError(f"{self.address}: no such object, and none below it")
        if isinstance(error, PermissionError):
            return FathomError(f"{self.address}: access denied ({text}); check the credentials and the region")
        if names & {"ProfileNotFound", "PartialCredentialsError", "InvalidRegionError", "ParamValidationError"}:
            return UsageError(f"{self.address}: {text}")
        if names & {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"}:
            where = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "S3"
            how = "does not answer in time" if any("Timeout" in name for name in names) else "cannot be reached"
            return TransferFailed(f"{where} {how}", is_retryable="EndpointConnectionError" not in names)
        if isinstance(error, OSError) or "HTTPClientError" in names or "BotoCoreError" in names:
            return TransferFailed(text or type(error).__name__, is_retryable=True)
        return error


def _key_of(address: str) -> str:
    """Return the key as typed: neither "?" nor "#" splits it."""
    return address.partition("://")[2].partition("/")[2]


def _remote_file(path: str, info: dict[str, Any]) -> RemoteFile:
    # listing and head of an object agree on the size; the time is that of writing, even of the same bytes
    return RemoteFile(path, int(info["size"]), str(info.get("ETag") or info.get("LastModified") or "").strip('"'))


def _check_tree(items: list[RemoteFile], address: str) -> None:
    """Refuse names that cannot coexist in a file system."""
    paths = {item.path for item in items}  # in S3 "a" and "a/b" may both be objects
    folders = {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/"}
    both = sorted(paths & folders)
    if both:
        raise FathomError(f"{address}: {both[0]!r} is both a file and a folder, which a file system cannot hold")


def _connect(timeout_s: float, *, anonymous: bool) -> Any:
    try:
        import fsspec
        import s3fs  # noqa: F401
    except ImportError:
        raise missing_library("s3://", "fsspec s3fs", "remote") from None
    files = fsspec.filesystem(
        "s3",
        anon=anonymous,
        # A listing from before a change would hide it, within one process.
        use_listings_cache=False,
        skip_instance_cache=True,
        config_kwargs={
            "connect_timeout": min(10.0, timeout_s),
            "read_timeout": timeout_s,
            "retries": {"max_attempts": 1},  # botocore's own; s3fs repeats instead, see below
            "max_pool_connections": _CONNECTIONS,
        },
    )
    files.retries = _ATTEMPTS
    return files

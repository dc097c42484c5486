"""A file at an http(s) address, read with range requests if the server supports them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from fathom.address import base_name, reveal
from fathom.data.fetch.source import TIMEOUT_S, ByteStream, Listing, RemoteFile, SourceChanged
from fathom.data.fetch.web import TransferFailed, open_url, read_chunk
from fathom.errors import FathomError

_WHOLE, _PART, _BEYOND = 200, 206, 416


class WebFile:
    """One file of a web server. User and password come from the address, else from ``~/.netrc``."""

    def __init__(self, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self.timeout_s = timeout_s
        typed = urlsplit(reveal(address))
        self._login = _find_login(typed)
        self._url = typed._replace(netloc=typed.netloc.rpartition("@")[2], fragment="").geturl()

    def list_files(self) -> Listing:
        """Ask for the first byte: HEAD is refused by many servers, and by every signed address."""
        try:
            with self._get({"Range": "bytes=0-0"}) as response:
                return Listing((self._describe(response),), is_folder=False)
        except TransferFailed as error:
            if error.status != _BEYOND:  # the answer for an empty file
                raise
        with self._get({}) as response:
            return Listing((self._describe(response),), is_folder=False)

    @contextlib.contextmanager
    def open(self, item: RemoteFile, start: int) -> Iterator[ByteStream]:
        """Read on from ``start``.

        Raises:  SourceChanged if the file has changed
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            response = self._get(headers)
        except TransferFailed as error:
            if error.status == _BEYOND:
                raise SourceChanged from error
            raise
        with response:
            found = self._describe(response)
            sizes = {found.size, item.size} - {None}  # the answer to a range gives the full size more often
            if item.tag and (found.tag != item.tag or len(sizes) > 1):
                raise SourceChanged
            first = _first_byte(response)
            if first not in (0, start):  # 0: the server ignored the range and sends the whole file
                raise TransferFailed(f"sends bytes from {first} instead of {start}")
            yield ByteStream(first, iter(lambda: read_chunk(response), b""))

    def _get(self, headers: dict[str, str]) -> Any:
        try:
            response = open_url(
                self._url,
                timeout_s=self.timeout_s,
                may_redirect=self._may_redirect,
                # byte ranges and sizes of a compressed answer are those of its packing
                headers={"Accept-Encoding": "identity", **headers},
                login=self._login,
            )
        except TransferFailed as error:
            raise self._explain(error) from error
        encoding = response.headers.get("Content-Encoding", "identity")
        # servers report a .gz file as gzip-encoded; it is stored as it comes
        if encoding != "identity" and not base_name(self.address).endswith(".gz"):
            response.close()
            raise FathomError(f"{self.address} arrives compressed ({encoding}), which was not requested")
        if response.headers.get_content_type() == "text/html" and not _is_text(self.address):
            response.close()
            raise FathomError(f"{self.address} is a web page; give the address of the file itself")
        return response

    def _explain(self, error: TransferFailed) -> Exception:
        match error.status:
            case 401:
                why = "access denied; put user and password into ~/.netrc, or into the address"
            case 403:
                why = "access denied"
            case 404 | 410:
                why = "no such file"
            case _:
                return error
        return FathomError(f"{self.address}: {why} (the server {error})")

    def _may_redirect(self, target: str) -> bool:
        scheme = urlsplit(target).scheme
        return scheme == "https" or (scheme == "http" and urlsplit(self._url).scheme == "http")

    def _describe(self, response: Any) -> RemoteFile:
        headers = response.headers
        part = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", headers.get("Content-Range", ""))
        length = part[1] if part else "" if response.status == _PART else headers.get("Content-Length", "")
        # a proxy may put W/ before the tag of the same version
        tag = headers.get("ETag", "").removeprefix("W/") or headers.get("Last-Modified", "")
        return RemoteFile(base_name(self.address), int(length) if length.isdigit() else None, tag)


def _first_byte(response: Any) -> int:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found and response.status == _PART else 0


def _is_text(address: str) -> bool:
    return base_name(address).lower().endswith((".txt", ".htm", ".html"))


def _find_login(typed: Any) -> tuple[str, str] | None:
    if typed.username is not None:
        return unquote(typed.username), unquote(typed.password or "")
    import netrc

    try:
        # the variable of requests; None reads ~/.netrc
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(typed.hostname)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2]) if found else None

"""Fetch a file over https: several mirrors, retries, checksum, one process at a time, all or nothing. Torch-free."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fathom.data.fetch.offline import refuse_offline
from fathom.data.fetch.paths import make_folder
from fathom.data.fetch.web import TransferFailed, open_url, read_chunk
from fathom.errors import FathomError
from fathom.progress import Progress, bytes_of

# name first: several files may be under way
OnReceive = Callable[[str, int, int | None], None]
"""Called with (file name, bytes done, bytes in all or None if unknown); done equals all exactly once, at the end."""

# by file name
_shown: dict[str, Progress] = {}  # of files being downloaded
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def report(name: str, done: int, total: int | None) -> None:
    """Show progress on standard error, and one line per finished file."""
    if done == total:
        _stop_showing(name)
        print(f"downloaded {name} ({done / 1e6:.1f} MB)", file=sys.stderr, flush=True)
        return
    if name not in _shown:
        _shown[name] = Progress(f"downloading {name}", total, amount=bytes_of)
    _shown[name].update(done)


def _stop_showing(name: str) -> None:
    if name in _shown:
        _shown.pop(name).close()


@dataclass(frozen=True)
class RequestPolicy:
    """How often and how long servers are asked for a file.

    Attributes:
        attempts: per mirror, after temporary faults (time-outs, broken connections, server errors).
        backoff_s: before the second attempt; twice as long before each further one.
        timeout_s: for the next bytes.
        allow_http_loopback: also accept plain http from this machine itself.
    """

    attempts: int = 3  # in a row for each mirror
    backoff_s: float = 1.0
    timeout_s: float = 30.0
    allow_http_loopback: bool = False  # for tests with a server of their own


def fetch(
    urls: Sequence[str],
    destination: Path,
    *,
    checksum: str | None,
    max_bytes: int,
    gunzip: bool = False,
    replace: bool = False,
    progress: OnReceive = report,
    policy: RequestPolicy | None = None,
) -> Path:
    """Download a file from the first mirror that has it to ``destination``; do nothing if it exists.

    The bytes go to a temporary file beside ``destination``, are checked, synced and renamed, so that ``destination``
    is complete whenever it exists. A lock lets processes that start together fetch once. The remains of a
    killed process are overwritten by the next one.

    Args:
        urls: the same file on several mirrors, tried in order; https only.
        checksum: of the content as it will lie at ``destination``: "sha256:…", "sha1:…" or "md5:…", in hexadecimal.
            None accepts anything.
        max_bytes: no more content than this is written.
        gunzip: the mirrors hold the file gzipped; it is stored uncompressed.
        replace: fetch even if a file is there; it stays until the new one is complete.
        policy: how servers are asked.
    Raises:  FathomError, one line, if every mirror fails, the checksum is wrong or the disk refuses
    """
    policy = policy or RequestPolicy()
    for url in urls:
        _check_url(url, policy.allow_http_loopback)  # all are checked before any is asked
    if destination.exists() and not replace:
        return destination
    make_folder(destination.parent, "set FATHOM_HOME to a writable folder")
    from filelock import FileLock

    download = _Download(destination, checksum, max_bytes, gunzip, progress, policy)
    try:
        with FileLock(destination.with_name(f".{destination.name}.lock")):
            if replace or not destination.exists():  # another process may have fetched it while this one waited
                _try_mirrors(download, urls)
    except OSError as error:
        raise FathomError(
            f"cannot write {destination} ({error.strerror or error}); free some space or set FATHOM_HOME elsewhere"
        ) from error
    return destination


def _try_mirrors(download: _Download, urls: Sequence[str]) -> None:
    from urllib.parse import urlsplit

    path, policy = download.destination, download.policy
    place = f"place it{', uncompressed,' if download.gunzip else ''} at {path}"
    refuse_offline(urls[:1], place)
    failures: dict[str, list[str]] = {}  # reason -> hosts: without network it is the same for all
    for url in urls:
        for attempt in range(1, policy.attempts + 1):
            try:
                return download.from_mirror(url)
            except TransferFailed as error:
                if not error.is_retryable or attempt == policy.attempts:
                    # grouped by reason: five mirrors that are unreachable make one line
                    failures.setdefault(str(error), []).append(urlsplit(url).netloc)
                    break  # the next mirror
                time.sleep(policy.backoff_s * 2 ** (attempt - 1))  # 1, 2, 4 … s with the defaults
    reasons = "; ".join(f"{', '.join(hosts)}: {reason}" for reason, hosts in failures.items())
    raise FathomError(f"cannot download {path.name} ({reasons}); download {urls[0]} by hand and {place}")


@dataclass(frozen=True)
class _Download:
    destination: Path
    checksum: str | None
    max_bytes: int
    gunzip: bool
    progress: OnReceive
    policy: RequestPolicy

    def from_mirror(self, url: str) -> None:
        """Fetch, check, sync and rename; OSError comes from the disk, everything else becomes TransferFailed."""
        name = self.destination.name
        temporary = self.destination.with_name(f".{name}.part")
        try:
            with (
                open_url(
                    url,
                    timeout_s=self.policy.timeout_s,
                    # a redirect must not lead to plain http
                    may_redirect=lambda target: _is_safe(target, self.policy.allow_http_loopback),
                ) as response,
                temporary.open("wb") as file,
            ):
                received = self._copy(response, file)
                file.flush()
                os.fsync(file.fileno())  # the rename may reach the disk before the bytes do
            os.replace(temporary, self.destination)
        finally:
            temporary.unlink(missing_ok=True)  # gone already after the rename
            _stop_showing(name)
        self.progress(name, received, received)

    def _copy(self, response: Any, file: IO[bytes]) -> int:
        # sha256 without a value: nothing to compare with
        algorithm, _, wanted = (self.checksum or "sha256:").partition(":")
        # md5 of old data sets, which FIPS builds refuse otherwise
        digest = hashlib.new(algorithm, usedforsecurity=False)
        inflate = zlib.decompressobj(wbits=31) if self.gunzip else None  # 15 of window + 16: a gzip header, not zlib's
        length = response.headers.get("Content-Length") or ""  # chunked answers have none
        total = int(length) if length.isdigit() else None
        received = written = 0
        while chunk := read_chunk(response):
            received += len(chunk)
            try:
                content = inflate.decompress(chunk) if inflate else chunk
            except zlib.error as error:
                raise TransferFailed(f"not a gzip file ({error})") from error
            written += len(content)
            if written > self.max_bytes:  # checked while it grows: a small file may inflate to terabytes
                raise TransferFailed(f"has more than the expected {self.max_bytes:,} bytes")
            digest.update(content)
            file.write(content)
            if received != total:  # the last report is made once the file stands
                self.progress(self.destination.name, received, total)
        # http.client ends a cut body without an error
        if (total is not None and received != total) or (inflate and not inflate.eof):
            raise TransferFailed(f"broke off after {received:,} bytes", is_retryable=True)
        if wanted and digest.hexdigest() != wanted:
            raise TransferFailed(f"wrong checksum, {algorithm} {digest.hexdigest()} instead of {wanted}")
        return received


def _check_url(url: str, allow_http_loopback: bool) -> None:
    if not _is_safe(url, allow_http_loopback):
        raise FathomError(f"refusing to download {url}: use https, which protects against tampering")


def _is_safe(url: str, allow_http_loopback: bool) -> bool:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme == "https" or (allow_http_loopback and parts.scheme == "http" and parts.hostname in _LOOPBACK)

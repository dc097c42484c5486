"""Addresses of remote data: told from paths, and kept free of what gives access to them. Standard library alone.

What a user types may hold a password (``https://user:secret@host/a.csv``) or a signature (``?X-Amz-Signature=…``). Such
parts are taken out before an address reaches settings, logs or run folders; this process alone remembers them.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from fathom.errors import UsageError, unknown

# what fetch can read; http only where the user typed it
SCHEMES = ("http", "https", "s3")

# the bound on a scheme keeps a long text from taking the square of its letters
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s'\"<>]+")
_SECRET = re.compile(
    r"x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|signature|sig"
    r"|((access|auth|api|private)[_-]?)?(token|key)|auth|password|passwd|pwd|secret",
    re.IGNORECASE,
)
# What goes with a signature: of CloudFront and S3, of Azure.
_SIGNED = re.compile(r"policy|key-pair-id|expires|se|sp|sv|sr|st|spr|skoid|sktid", re.IGNORECASE)
_whole: dict[str, str] = {}  # address without secrets -> as it was typed


def is_remote(name: object) -> bool:
    """Return an address from a path or a name.

    >>> is_remote("s3://bucket/photos/"), is_remote("photos/"), is_remote("C:/photos")
    (True, False, False)
    """
    return _ADDRESS.match(str(name)) is not None


def conceal(text: str) -> str:
    """Take passwords and signatures out of every address in a text; ``reveal`` gives them back in this process.

    >>> conceal("--data=https://me:hunter2@example.org/a.csv?v=2&token=abc")
    '--data=https://example.org/a.csv?v=2'
    """
    return _ADDRESS.sub(lambda found: _conceal(found[0]), text)


def reveal(address: str) -> str:
    """Return an address as it was typed, for opening it."""
    return _whole.get(address, address)


def split_address(address: str) -> SplitResult:
    """Take an address apart.

    Raises:  UsageError for another scheme or without a host
    """
    parts = _take_apart(address)
    if parts.scheme not in SCHEMES:
        raise unknown("kind of address", f"{parts.scheme}://", [f"{scheme}://" for scheme in SCHEMES])
    if not parts.hostname:
        what = "bucket" if parts.scheme == "s3" else "host"
        raise UsageError(f"{address} names no {what}; an address looks like {parts.scheme}://{what}/folder/house.csv")
    return parts


def _take_apart(address: str) -> SplitResult:
    """Return the parts of an address.

    Raises:  UsageError for a host in brackets that is none, or such a port
    """
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  it is looked at when it is asked for
    except ValueError as error:
        raise UsageError(f"{address} is not an address ({error})") from None
    return parts


def base_name(address: str) -> str:
    """Return the name that a copy has on this machine, safe on every system.

    >>> base_name("https://example.org/a%20b/..%2Fhouse.csv?v=2"), base_name("s3://bucket/photos/"), base_name("s3://b")
    ('_house.csv', 'photos', 'b')
    """
    parts = _take_apart(address)
    last = parts.path.rstrip("/").rpartition("/")[2] or parts.hostname or ""
    # keys of a bucket may hold % as itself
    if parts.scheme != "s3":  # keys of a bucket are taken as they are typed
        last = unquote(last)
    # 100 characters: file systems take 255 bytes, and endings are added
    return re.sub(r"[^\w.+-]+", "_", last).lstrip(".")[-100:] or "data"


def _conceal(typed: str) -> str:
    try:
        parts = urlsplit(typed)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:  # a port or bracket that is none; nothing will be fetched from there
        return re.sub(r"//[^/@]*@", "//", typed)
    if not parts.netloc:
        return typed
    # "expires" and the like are secret only beside a signature
    is_signed = any(name.lower() in ("sig", "signature") for name, _ in pairs)
    kept = [
        (name, value)
        for name, value in pairs
        if not _SECRET.fullmatch(name) and not (is_signed and _SIGNED.fullmatch(name))
    ]
    # keys of s3 hold no query; rewriting one would change the name
    query = parts.query if len(kept) == len(pairs) or parts.scheme == "s3" else urlencode(kept, quote_via=quote)
    # user:password@ stands before the host
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))
    if address == typed:
        return typed
    _whole[address] = typed
    return address

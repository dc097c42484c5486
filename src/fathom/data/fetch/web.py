"""One request over http(s), with every failure explained in a few words. Torch-free."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Mapping
from typing import Any

CHUNK_BYTES = 1 << 18  # 256 KiB: few calls, and progress still moves on a slow line


class TransferFailed(Exception):
    """A transfer over the network failed.

    Attributes:
        is_retryable: whether a retry may help.
        status: the server's answer, None without one.
    """

    def __init__(self, reason: str, is_retryable: bool = False, status: int | None = None) -> None:
        super().__init__(reason)
        self.is_retryable = is_retryable
        self.status = status


def open_url(
    url: str,
    *,
    timeout_s: float,
    may_redirect: Callable[[str], bool],
    headers: Mapping[str, str] | None = None,
    login: tuple[str, str] | None = None,
) -> Any:
    """Send a GET request; certificates are always checked.

    Args:
        may_redirect: whether to follow a redirect to an address.
        login: user and password, never sent to another host.
    Returns: the response, to be read by ``read_chunk`` and closed
    Raises:  TransferFailed
    """
    import urllib.error
    import urllib.request
    from urllib.parse import urlsplit

    class CheckedRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if not may_redirect(newurl):
                raise TransferFailed(f"redirects to {newurl.partition('?')[0]}, which is not https")
            following = super().redirect_request(req, fp, code, msg, headers, newurl)
            if following is not None and urlsplit(newurl)[:2] == urlsplit(url)[:2]:  # scheme and host
                _sign(following, login)
            return following

    try:
        request = urllib.request.Request(url, headers={"User-Agent": "fathom", **(headers or {})})
        _sign(request, login)
        return urllib.request.build_opener(CheckedRedirects()).open(request, timeout=timeout_s)
    except TransferFailed:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        is_retryable = error.code >= 500 or error.code in (408, 429)  # request timeout, too many requests
        raise TransferFailed(f"answers {error.code} {error.reason}".rstrip(), is_retryable, error.code) from error
    except urllib.error.URLError as error:
        # a name that does not resolve means no network: a retry would only delay the message
        is_retryable = not isinstance(error.reason, socket.gaierror)
        raise TransferFailed(explain_failure(error.reason), is_retryable) from error
    except Exception as error:  # http.client, ssl and socket each have their own
        raise TransferFailed(explain_failure(error), is_retryable=True) from error


def read_chunk(response: Any) -> bytes:
    """Read the next bytes; b"" at the end.

    Raises:  TransferFailed
    """
    try:
        return response.read1(CHUNK_BYTES)  # read1 returns what has come; read would wait for all of it
    except Exception as error:
        raise TransferFailed(explain_failure(error), is_retryable=True) from error


def explain_failure(error: object) -> str:
    """Explain a network failure in a few words."""
    if isinstance(error, socket.gaierror):
        return "no network, the name does not resolve"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def _sign(request: Any, login: tuple[str, str] | None) -> None:
    if login is not None:
        token = base64.b64encode(":".join(login).encode()).decode()
        # a header added otherwise follows a redirect to any host
        request.add_unredirected_header("Authorization", f"Basic {token}")

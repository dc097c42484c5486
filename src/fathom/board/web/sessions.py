"""The token in the printed address, and the cookie that it is swapped for."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie


class Sessions:
    """One token and one cookie for the life of the server.

    The token stands behind the # of the address, which browsers send to nobody and write into no log of a server; the
    page reads it, swaps it for the cookie, and takes it out of the address.

    Args:
        port: part of the cookie's name, because browsers share cookies between the ports of a host.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self._cookie, self._secret = f"fathom-board-{port}", secrets.token_urlsafe(24)

    def open(self, token: object) -> str | None:
        """Return the Set-Cookie line for the right token, None for any other."""
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self.token.encode()):
            return None
        # no Secure: loopback is plain http
        return f"{self._cookie}={self._secret}; HttpOnly; SameSite=Strict; Path=/"

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request carries the cookie."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self._secret.encode())

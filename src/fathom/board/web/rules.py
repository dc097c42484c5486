"""What the board asks of a request beyond ``fathom.web.guard``: its cookie, of writes our Origin and JSON."""

from __future__ import annotations

from fathom.board.web.sessions import Sessions
from fathom.web.guard import Bucket, Headers, Refusal, Scope

LOGIN = "/api/session"
WRITES_PER_S, WRITE_BURST = 20.0, 60.0  # a person's clicks stay far below
TOKENS_PER_S, TOKEN_BURST = 1.0, 10.0  # guesses at the token, which has 192 bits


class BoardRules:
    """Called with every request that names one of our hosts.

    Args:
        read_only: nothing but opening a session is taken as a POST.
    """

    def __init__(self, sessions: Sessions, *, read_only: bool) -> None:
        self.sessions, self.read_only = sessions, read_only
        self.writes, self.logins = Bucket(WRITES_PER_S, WRITE_BURST), Bucket(TOKENS_PER_S, TOKEN_BURST)

    def __call__(self, scope: Scope, headers: Headers) -> None:
        """Check a request.

        Raises:  Refusal
        """
        path = scope["path"]
        if scope["method"] == "POST":
            self._check_write(headers, is_login=path == LOGIN)
        if path.startswith("/api/") and path != LOGIN and not self.sessions.knows(headers):
            raise Refusal(401, "open the address that was printed in the terminal, with its token")

    def _check_write(self, headers: Headers, *, is_login: bool) -> None:
        if "origin" not in headers:  # the guard has seen that one that is there is ours
            raise Refusal(403, "a write must say where it comes from (Origin)")
        # no form of another site can send this without asking first, which is answered with 405
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "a write must be application/json")
        if not headers.get("content-length", "").isdecimal():
            raise Refusal(411, "a write must say its length")
        if self.read_only and not is_login:
            raise Refusal(403, "the board is read-only")
        if not (self.logins if is_login else self.writes).take():
            raise Refusal(429, "too many requests; wait a moment", {"retry-after": "1"})

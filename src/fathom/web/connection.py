"""Connections that do not wait for ever for a request to arrive."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0  # seconds for the first request's head: a browser takes milliseconds


class PatientProtocol(H11Protocol):
    """Uvicorn's own, but a client that opens a connection and sends its request by drops is hung up on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_S, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._deadline.cancel()
        super().connection_lost(exc)

    def _hang_up(self) -> None:
        # a cycle is made when a request's head is complete; later ones are bounded by uvicorn's keep-alive
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

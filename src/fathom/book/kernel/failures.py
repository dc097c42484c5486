"""The description of a failed cell: the error, its line, its traceback, the requested address."""

from __future__ import annotations

import sys
import traceback


class Requests:
    """Remembers the last requested address: errors of ``urllib`` do not name it."""

    def __init__(self) -> None:
        self._latest = ""
        sys.addaudithook(self._on_audit_event)  # audit hooks cannot be removed: one a process

    def _on_audit_event(self, event: str, arguments: tuple) -> None:
        if event == "urllib.Request":
            self._latest = str(arguments[0])

    def explain(self, error: BaseException) -> str:
        """Return the address that could not be reached; "" for any other error."""
        kind = getattr(sys.modules.get("urllib.error"), "URLError", ())  # imported by nobody: it cannot be its error
        return self._latest if isinstance(error, kind) else ""


def describe(error: BaseException, cell: int, url: str) -> dict:
    """Return an error's name, message, line in the cell, and traceback from the cell's code on."""
    name = f"<cell {cell}>"
    summary = traceback.TracebackException.from_exception(error)
    # the last frame in the cell: the nearest to the error
    lines = [frame.lineno for frame in summary.stack if frame.filename == name]
    line = lines[-1] if lines else None
    if isinstance(error, SyntaxError) and error.filename == name:
        line = error.lineno
        summary = traceback.TracebackException(type(error), error, None)  # code that does not parse has no frames
    part: traceback.TracebackException | None = summary
    while part is not None:  # frames above the user's code are the shell's
        frames = list(part.stack)
        first = next((i for i, frame in enumerate(frames) if frame.filename.startswith("<cell ")), 0)
        part.stack[:] = frames[first:]
        part = part.__cause__ or part.__context__  # an explicit cause before the context
    return {
        "name": type(error).__name__,
        "message": str(error),
        "url": url,
        "line": line,
        "traceback": "".join(summary.format()),
    }

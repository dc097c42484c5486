"""The files of a form, as ``curl -F file=@photo.jpg`` and browsers send them (RFC 7578)."""

from __future__ import annotations

from email.message import Message

from fathom.errors import UsageError

_MOST_BOUNDARY = 70  # characters, as RFC 2046 has it


def read_parts(kind: str, body: bytes) -> list[bytes]:
    r"""Return the contents of the parts of a form.

    >>> read_parts("multipart/form-data; boundary=x", b'--x\r\ncontent-type: image/png\r\n\r\nabc\r\n--x--\r\n')
    [b'abc']

    Args:
        kind: the content type, with the boundary.
    Raises:  UsageError if it has none, or a part breaks off
    """
    header = Message()
    header["content-type"] = kind
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= _MOST_BOUNDARY:
        raise UsageError("the form has no boundary")
    # every part begins behind a boundary at the start of a line, and the last boundary ends in --
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise UsageError("the form breaks off before its end")
    parts = []
    for piece in pieces[1:-1]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        if not blank or not (head + b"\r\n").startswith(b"\r\n"):
            raise UsageError("a part of the form has no content")
        parts.append(content)
    return parts

"""Messages between processes: a line of JSON that describes arrays, then their bytes. Nothing in one can run code.

Layout:  4 bytes, length of the header (big-endian) | header, JSON | the arrays' bytes, one after another
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_HEADER_BYTES = 1 << 20  # 1 MiB: what claims more is no message of ours
MAX_ARRAY_BYTES = 1 << 31  # 2 GiB
_DTYPES = ("<f4", "<f8", "<i8")  # little-endian on every machine; nothing that could be an object
_LENGTH = struct.Struct(">I")  # 4 bytes, big-endian


class Closed(Exception):
    """The other side is gone."""


class Late(Exception):
    """The other side did not answer in time."""


class Malformed(Exception):
    """What came is no message."""


@dataclass(frozen=True)
class Message:
    """A kind, a few plain facts, and arrays."""

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    arrays: tuple[np.ndarray, ...] = ()


def send(connection: socket.socket, kind: str, arrays: Sequence[np.ndarray] = (), **facts: Any) -> int:
    """Send one message; return the bytes it took.
    Shape:   array (…) -> ()

    Raises:  Closed if the other side is gone, Late if it takes nothing within the connection's timeout
    """
    # contiguous and little-endian, whatever the array was
    plain = [np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for array in arrays]
    described = [{"dtype": array.dtype.str, "shape": array.shape} for array in plain]
    # Plain facts only: nothing that could run
    header = json.dumps({"kind": kind, "facts": facts, "arrays": described}).encode()
    # length of the header, header, arrays one after another
    packet = b"".join([_LENGTH.pack(len(header)), header, *(array.tobytes() for array in plain)])
    try:
        connection.sendall(packet)
    except TimeoutError:
        raise Late("took no message in time") from None
    except OSError as error:
        raise Closed(str(error)) from None
    return len(packet)


def receive(connection: socket.socket, timeout_s: float) -> Message:
    """Wait for one whole message.

    Raises:  Closed if the other side is gone, Late if the message is not whole in time, Malformed if it is none
    """
    deadline_s = time.monotonic() + timeout_s  # for the whole message, not for each piece
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size, deadline_s))  # first 4 bytes: how long the header is
    if length > MAX_HEADER_BYTES:
        raise Malformed(f"a header of {length} bytes")
    try:
        header = json.loads(_read(connection, length, deadline_s))
        kind, facts, described = header["kind"], dict(header["facts"]), list(header["arrays"])
        plan = [(str(each["dtype"]), tuple(int(size) for size in each["shape"])) for each in described]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Malformed(f"a header that cannot be read ({type(error).__name__})") from None
    if any(dtype not in _DTYPES or any(size < 0 for size in shape) for dtype, shape in plan):
        raise Malformed("an array of unknown kind")
    # 8: the widest number; checked before any memory is taken
    if sum(8 * math.prod(shape) for _, shape in plan) > MAX_ARRAY_BYTES:
        raise Malformed("arrays too large")
    arrays = []
    for dtype, shape in plan:
        num_bytes = np.dtype(dtype).itemsize * math.prod(shape)
        # no copy: the array lies over the bytes that came
        arrays.append(np.frombuffer(_read(connection, num_bytes, deadline_s), dtype).reshape(shape))
    return Message(str(kind), facts, tuple(arrays))


def _read(connection: socket.socket, num_bytes: int, deadline_s: float) -> bytearray:
    content = bytearray(num_bytes)  # filled in place
    view, filled = memoryview(content), 0
    while filled < num_bytes:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise Late("sent no whole message in time")
        connection.settimeout(left_s)  # what is left, so that a slow drip cannot go on for ever
        try:
            count = connection.recv_into(view[filled:])
        except TimeoutError:
            raise Late("sent no whole message in time") from None
        except OSError as error:
            raise Closed(str(error)) from None
        if count == 0:  # the other side has closed
            raise Closed("closed its connection")
        filled += count
    return content

"""TensorBoard's event files: scalars by step, read record by record with their checksums.

A file is a sequence of records (length, its CRC, content, its CRC), each holding one protocol buffer ``Event``. What is
read of it are numbers and names; nothing in such a file can run, and what does not parse is passed over.

Source:  tensorflow/core/lib/io/record_writer.h; tensorboard/compat/proto/{event,summary,tensor}.proto
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.board.foreign.rows import Summary, merge_by_step, summarise
from fathom.board.index.discovery import Place
from fathom.board.index.following import MOST_BYTES, Chunk, read_all
from fathom.inference.protobuf import fields as protobuf_fields

PREFIX = "events.out.tfevents."
_MOST_RECORD = 1 << 20  # 1 MiB: a scalar has a hundred bytes, what is larger is an image or a graph
_DOUBLE, _FLOAT = 2, 1  # of tensor.proto's DataType


class EventFiles:
    """Folders of event files; all files of one are one run, in the order of their names, which begin with the time."""

    name = "TensorBoard"

    def stamp(self, place: Place, row: Mapping[str, Any] | None) -> object:
        """Return sizes and times of the files."""
        return Summary.stamp([place.path / name for name in _names(place)])

    def describe(self, place: Place) -> dict[str, Any]:
        """Return the run's line."""
        records = read_all(lambda offset: self.follow(place, offset))
        return summarise(records, [place.path / name for name in _names(place)])

    def follow(self, place: Place, offset: int) -> Chunk:
        """Return the scalars written since an offset, which counts through all files as if they were one."""
        start = 0
        for name in _names(place):
            path = place.path / name
            size = _size(path)
            if offset < start + size:
                with path.open("rb") as file:
                    file.seek(max(0, offset - start))
                    content = file.read(MOST_BYTES)
                used, events = read_records(content)
                if used:
                    records = merge_by_step(list(events))
                    return Chunk(records, max(offset, start) + used, has_more=True)
                if name != _names(place)[-1]:  # a torn end, behind which another file begins
                    offset = start + size
            start += size
        return Chunk([], min(offset, start), is_new_file=offset > start)


def _names(place: Place) -> list[str]:
    return sorted(name for name in place.names if name.startswith(PREFIX))


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def read_records(content: bytes) -> tuple[int, list[tuple[int, float, str, float]]]:
    """Return how many bytes whole records take, and the scalars in them as (step, time, tag, value).

    Records stop at the first whose checksum is wrong: what lies behind cannot be found.
    """
    found: list[tuple[int, float, str, float]] = []
    at = 0
    while at + 12 <= len(content):
        length, check = struct.unpack_from("<QI", content, at)
        if _masked(crc32c(content[at : at + 8])) != check:
            break
        end = at + 12 + length + 4
        if end > len(content):
            if length > MOST_BYTES - 16 and len(content) == MOST_BYTES:  # longer than what is read at once
                return len(content), found
            break  # still being written
        if length <= _MOST_RECORD:
            data = content[at + 12 : at + 12 + length]
            if _masked(crc32c(data)) == struct.unpack_from("<I", content, end - 4)[0]:
                found += _scalars(data)
        at = end
    return at, found


def _scalars(data: bytes) -> list[tuple[int, float, str, float]]:
    """Return the scalars of one ``Event``."""
    try:
        fields: list[tuple[int, Any]] = list(protobuf_fields(data))
        time = next((struct.unpack("<d", value)[0] for number, value in fields if number == 1), 0.0)
        step = next((value for number, value in fields if number == 2), 0)
        summaries = [value for number, value in fields if number == 5 and isinstance(value, bytes)]
        found = []
        for summary in summaries:
            for number, value in protobuf_fields(summary):
                if number == 1 and isinstance(value, bytes):
                    tag, scalar = _value(value)
                    if tag and scalar is not None:
                        found.append((int(step), float(time), tag, scalar))
        return found
    except (ValueError, IndexError, struct.error, TypeError):  # damaged
        return []


def _value(data: bytes) -> tuple[str, float | None]:
    """Return tag and number of one ``Summary.Value``; of what is no scalar, None."""
    tag, scalar = "", None
    for number, value in protobuf_fields(data):
        if number == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif number == 2 and isinstance(value, bytes):
            scalar = struct.unpack("<f", value)[0]
        elif number == 8 and isinstance(value, bytes):
            scalar = _tensor(value)
    return tag, scalar


def _tensor(data: bytes) -> float | None:
    """Return the one number of a ``TensorProto``, which newer writers use."""
    fields = list(protobuf_fields(data))
    kind = next((value for number, value in fields if number == 1), 0)
    for number, value in fields:
        if isinstance(value, bytes) and value:
            if number in (4, 5) and kind == _FLOAT and len(value) == 4:  # tensor_content, or float_val packed
                return float(struct.unpack("<f", value)[0])
            if number in (4, 6) and kind == _DOUBLE and len(value) == 8:
                return float(struct.unpack("<d", value)[0])
    return None


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli's polynomial, reversed
        table.append(byte)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _masked(value: int) -> int:
    """Return a checksum as the format stores it: turned, and moved by a constant."""
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF

"""Protocol buffers as the fields they are made of, without their schemas. Loads without anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

Content = TypeVar("Content", bytes, memoryview)


def fields(content: Content) -> Iterator[tuple[int, int | Content]]:
    """Return number and value of each field of a message; of one with a length, its bytes, a view of a view.

    Raises:  ValueError if it breaks off or is no such message
    """
    place = 0
    while place < len(content):
        tag, place = _read_number(content, place)
        number, form = tag >> 3, tag & 7  # protocol buffers' wire format: 0 varint, 1 fixed64, 2 bytes, 5 fixed32
        if form == 0:
            value, place = _read_number(content, place)
            yield number, value
            continue
        if form == 2:
            length, place = _read_number(content, place)
        elif form in (1, 5):
            length = 8 if form == 1 else 4
        else:
            raise ValueError(f"a field of form {form}")
        if place + length > len(content):
            raise ValueError("a field ends beyond the end")
        yield number, content[place : place + length]
        place += length


def _read_number(content: bytes | memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(content) or shift > 63:
            raise ValueError("a number breaks off")
        byte = content[place]
        value |= (byte & 127) << shift  # a varint: seven bits a byte, the lowest first
        place, shift = place + 1, shift + 7
        if byte < 128:  # the top bit says that more follow
            return value, place

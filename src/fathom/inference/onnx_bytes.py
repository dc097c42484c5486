"""Checks of an ONNX file before a runtime parses it: that it is complete, and that it is a single file.

The file ends with an entry of its own metadata, the SHA-256 of everything before it: a valid field of an ONNX model,
since the fields of a protocol buffer may stand in any order.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from fathom.inference.protobuf import fields

MAX_BYTES = (1 << 31) - 1  # the limit of a protocol buffer

_KEY = b"fathom_sha256"
_ENTRY_BYTES = 4 + len(_KEY) + 2 + 64  # two heads of two bytes, the key, one head more, 64 hex digits
# ModelProto.metadata_props: a pair of texts, key and value
# field 14, length, field 1, length, key, field 2, length; form 2 is "bytes"
_HEAD = bytes((14 << 3 | 2, _ENTRY_BYTES - 2, 1 << 3 | 2, len(_KEY))) + _KEY + bytes((2 << 3 | 2, 64))

_Message = Literal["model", "training", "graph", "function", "node", "attribute", "tensor", "sparse"]
# Where tensors can be, by the field numbers in onnx.proto.
_PARTS: dict[_Message, dict[int, _Message]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor
_MOST_NESTED = 64  # subgraphs of If and Loop; without a bound a file could exhaust Python's stack


def append_checksum(model: bytes) -> bytes:
    """Append the checksum."""
    return model + _HEAD + hashlib.sha256(model).hexdigest().encode()


def has_checksum(content: bytes) -> bool:
    """Return whether there is a checksum at the end, right or wrong."""
    return content[-_ENTRY_BYTES:].startswith(_HEAD)


def checksum_matches(content: bytes) -> bool:
    """Return whether the checksum at the end is that of everything before it."""
    return content == append_checksum(content[:-_ENTRY_BYTES])


def has_external_data(content: bytes) -> bool:
    """Return whether a tensor's values would be read from another file, whose path the model chooses.

    Raises:  ValueError if these bytes are not a protocol buffer
    """
    return _has_external_data(memoryview(content), "model", 0)


def _has_external_data(content: memoryview, message: _Message, depth: int) -> bool:
    if depth > _MOST_NESTED:
        raise ValueError("nested too deeply")
    for number, value in fields(content):
        # data_location 1 is EXTERNAL
        if message == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            return True
        part = _PARTS[message].get(number)
        if part is not None and isinstance(value, memoryview) and _has_external_data(value, part, depth + 1):
            return True
    return False

"""Messages between processes: arrays come through whole, and nothing malformed does."""

import json
import socket
import struct

import numpy as np
import pytest

from fathom.scratch.devices.messages import Closed, Late, Malformed, receive, send


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def raw(content):
    header = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack(">I", len(header)) + header


def test_arrays_come_through_whole(ends):
    arrays = [np.arange(6.0).reshape(2, 3), np.float32([]), np.array(7, dtype=np.int64), np.eye(3).T[::2]]
    size = send(ends[0], "work", arrays, step=3, note="é")
    message = receive(ends[1], 5)
    assert (message.kind, message.facts) == ("work", {"step": 3, "note": "é"})
    for sent, got in zip(arrays, message.arrays, strict=True):
        assert got.dtype == sent.dtype
        np.testing.assert_array_equal(got, sent)
    assert size > sum(array.nbytes for array in arrays)


def test_silence_and_the_end_of_a_connection_are_noticed(ends):
    with pytest.raises(Late, match="in time"):
        receive(ends[1], 0.01)
    ends[0].sendall(raw({"kind": "x", "facts": {}, "arrays": [{"dtype": "<f8", "shape": [3]}]}) + b"half")
    ends[0].close()
    with pytest.raises(Closed):
        receive(ends[1], 5)
    ends[1].close()
    with pytest.raises(Closed):
        send(ends[1], "x")


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        [1, 2],
        {"kind": "x"},
        {"kind": "x", "facts": 1, "arrays": []},
        {"kind": "x", "facts": {}, "arrays": [{"dtype": "|O", "shape": [1]}]},
        {"kind": "x", "facts": {}, "arrays": [{"dtype": "<f8", "shape": [-1]}]},
        {"kind": "x", "facts": {}, "arrays": [{"dtype": "<f8", "shape": [1 << 40]}]},
        {"kind": "x", "facts": {}, "arrays": [{"dtype": "<f8", "shape": "abc"}]},
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(ends, content):
    ends[0].sendall(raw(content))
    with pytest.raises(Malformed):
        receive(ends[1], 5)


def test_an_endless_header_is_refused_before_it_is_read(ends):
    ends[0].sendall(struct.pack(">I", 1 << 31))
    with pytest.raises(Malformed, match="a header of 2147483648 bytes"):
        receive(ends[1], 5)

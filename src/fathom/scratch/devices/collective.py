"""All-reduce: every device holds a buffer; afterwards each holds the sum of all. Twice: the naive way and the ring.

A device here is one NumPy array, and sending is copying from one to another; what is counted is who sends how much.

Equals:  torch.distributed.all_reduce
Source:  notes N1 §3.2.2 (naive); Patarasuk & Yuan 2009, J. Parallel Distrib. Comput. 69 (2) (ring)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# How many numbers each device sent
Traffic = list[int]
AllReduce = Callable[[Sequence[np.ndarray]], Traffic]


def naive_all_reduce(buffers: Sequence[np.ndarray]) -> Traffic:
    """Send every buffer to device 0, add there, send the sum back. Device 0 is the bottleneck.

    With D devices and n numbers device 0 receives and sends (D - 1) n, all others n each: adding devices makes
    device 0 slower.

    Shape:   buffer (…) ->; D arrays of one shape, changed in place
    Raises:  ValueError if there is none or the shapes differ
    """
    _check("naive_all_reduce", buffers)
    sent = [0] * len(buffers)
    for device in range(1, len(buffers)):
        buffers[0][...] += buffers[device]
        sent[device] += buffers[device].size  # D − 1 messages arrive at device 0 …
    for device in range(1, len(buffers)):
        buffers[device][...] = buffers[0]
        sent[0] += buffers[0].size  # … and D − 1 leave it
    return sent


def ring_all_reduce(buffers: Sequence[np.ndarray]) -> Traffic:
    """Cut every buffer into D chunks and pass chunks to the right-hand neighbour only, all devices at the same time.

    D - 1 rounds of adding (reduce-scatter) leave each device with one chunk that is summed up; D - 1 rounds of
    copying (all-gather) carry these once around. Every device sends 2 (D - 1) / D · n numbers: almost the same for
    any number of devices, and no device more than another. Each chunk is summed once, so all get the same bits.

    Shape:   buffer (…) ->; D arrays of one shape, changed in place
    Raises:  ValueError if there is none or the shapes differ
    """
    _check("ring_all_reduce", buffers)
    num = len(buffers)
    # views where the buffer is contiguous: written in place below
    flat = [np.array_split(buffer.reshape(-1), num) for buffer in buffers]  # flat[device][chunk]
    sent = [0] * num
    for adding in (True, False):  # reduce-scatter, then all-gather
        for number in range(num - 1):
            # In the last round of adding, device i completes chunk i + 1; that is the first it passes on.
            chunk_of = [(device - number + (0 if adding else 1)) % num for device in range(num)]
            # copies: all send before any receives
            messages = [flat[device][chunk_of[device]].copy() for device in range(num)]
            for device, message in enumerate(messages):
                target = flat[(device + 1) % num][chunk_of[device]]  # the neighbour's chunk of the same number
                target[...] = target + message if adding else message
                sent[device] += message.size  # 2(D − 1)/D of a buffer in all, whatever D
    for buffer, chunks in zip(buffers, flat, strict=True):
        buffer[...] = np.concatenate(chunks).reshape(buffer.shape)  # chunks of a buffer that is no view were copies
    return sent


def _check(where: str, buffers: Sequence[np.ndarray]) -> None:
    if not buffers:
        raise ValueError(f"{where}: expected at least one buffer, got none")
    shapes = {buffer.shape for buffer in buffers}
    if len(shapes) > 1:
        raise ValueError(f"{where}: all buffers must have one shape, got {', '.join(map(str, sorted(shapes)))}")

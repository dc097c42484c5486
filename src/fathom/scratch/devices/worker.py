"""The worker's process: ``python -m fathom.scratch.devices.worker``, started by ``ParameterServer``.

It waits for weights and the numbers of samples, computes gradients on its own devices, adds them up, sends the sum.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress

import numpy as np

from fathom.scratch.devices.data_parallel import gradient_of, replicate, split_batch
from fathom.scratch.devices.messages import Closed, Message, receive, send
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module
from fathom.scratch.learning.losses import cross_entropy
from fathom.scratch.networks import create

_PATIENCE_S = 600.0  # without a word from the server; it closes the connection when it ends, however it ends


def main() -> int:
    """Work until the server closes the connection."""
    job = json.loads(sys.stdin.readline())  # over the pipe, not the command line, where others could read the token
    with socket.create_connection(("127.0.0.1", job["port"]), timeout=_PATIENCE_S) as connection, suppress(Closed):
        # small messages go at once: no waiting for more to send
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # the token shows that it is the process that was started
        send(connection, "hello", number=job["number"], token=job["token"])
        try:
            _work(connection)
        except (ValueError, TypeError, ArithmeticError, LookupError, MemoryError) as error:
            send(connection, "error", text=f"{type(error).__name__}: {error}")
            return 1
    return 0


def _work(connection: socket.socket) -> None:
    setup = receive(connection, _PATIENCE_S)
    X, y = setup.arrays
    # by name: the network is built here, not sent
    devices = replicate(create(setup.facts["network"], **setup.facts["options"]), setup.facts["num_devices"])
    while True:
        request = receive(connection, _PATIENCE_S)
        loss, gradients = _answer(request, devices, X, y)
        if setup.facts["local_sum"]:
            # over the devices: one list for the server to receive
            gradients = [[np.add.reduce(parts) for parts in zip(*gradients, strict=True)]]
        flat = [array for device in gradients for array in device]  # device after device, parameter after parameter
        send(connection, "gradients", flat, loss=loss, step=request.facts["step"])


def _answer(
    request: Message, devices: list[Module], X: np.ndarray, y: np.ndarray
) -> tuple[float, list[list[np.ndarray]]]:
    """Compute sums over the samples asked for: of the loss, and on each device of the gradients."""
    *weights, chosen = request.arrays  # weights in the order of parameters(), then the samples' numbers
    total, gradients = 0.0, []
    shards = split_batch(chosen, min(len(devices), len(chosen)))  # a device without a sample has nothing to do
    for device, shard in zip(devices, shards, strict=False):
        for parameter, value in zip(device.parameters(), weights, strict=True):
            parameter.data = value.copy()  # the server's weights, which may be newer
        device.zero_grad()
        # mean times samples: a sum, so that shards add up
        loss = cross_entropy(device(Tensor(X[shard])), Tensor(y[shard])) * len(shard)
        loss.backward()
        total += loss.item()
        gradients.append([gradient_of(parameter) for parameter in device.parameters()])
    return total, gradients


if __name__ == "__main__":
    sys.exit(main())

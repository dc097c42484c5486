"""Many clients at once against ``fathom serve``: errors, requests a second, latency. ``python -m bench.serve RUN``."""

from __future__ import annotations

import argparse
import http.client
import io
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

_TOKEN = "only-for-this-measurement"


@dataclass
class Tally:
    """What all clients saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def main() -> int:
    """Measure, print, and fail if a request did."""
    parser = argparse.ArgumentParser(prog="python -m bench.serve", description=__doc__)
    parser.add_argument("run", help="a run or an .onnx file")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=50, help="of each client")
    args = parser.parse_args()
    command = [sys.executable, "-m", "fathom", "serve", args.run, "--port", "0", "--token", _TOKEN]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = _read_port(server)
        kind, body = _request(port)
        tally, began = Tally(), time.perf_counter()
        clients = [
            threading.Thread(target=_client, args=(port, kind, body, args.requests, tally)) for _ in range(args.clients)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        _report(tally, args.clients, time.perf_counter() - began)
        health = json.loads(_ask(_connect(port), "GET", "/health", "", b"")[1])
        print(f"batches   {health['batches']:,}, of {health['samples'] / health['batches']:.1f} samples on average")
    finally:
        server.terminate()
        server.wait()
    return 1 if tally.errors else 0


def _read_port(server: subprocess.Popen[str]) -> int:
    """Wait until the server listens; return its port."""
    assert server.stdout is not None
    for line in server.stdout:
        print(line, end="")
        if line.startswith("page"):
            port = int(line.rpartition(":")[2].partition("/")[0])
        if line.startswith("stop"):  # the last line
            break
    else:
        raise SystemExit("the server did not start")
    while True:  # the socket is bound, and answers as soon as the app is ready
        try:
            _ask(_connect(port), "GET", "/health", "", b"")
            return port
        except OSError:
            time.sleep(0.05)


def _request(port: int) -> tuple[str, bytes]:
    """Return content type and body of a request that the model takes."""
    model = json.loads(_ask(_connect(port), "GET", "/model", "", b"")[1])
    if model["takes"] != "images":
        return "application/json", json.dumps({model["takes"]: [model["example"]]}).encode()
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return "image/png", file.getvalue()


def _client(port: int, kind: str, body: bytes, requests: int, tally: Tally) -> None:
    connection = _connect(port)
    for _ in range(requests):
        began = time.perf_counter()
        try:
            status, answer = _ask(connection, "POST", "/predict", kind, body)
        except (OSError, http.client.HTTPException) as error:
            tally.errors.append(repr(error))
            connection = _connect(port)
            continue
        tally.seconds.append(time.perf_counter() - began)
        if status != 200 or b"error" in answer:
            tally.errors.append(answer.decode())


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _ask(connection: http.client.HTTPConnection, method: str, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {_TOKEN}"} | ({"content-type": kind} if kind else {})
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _report(tally: Tally, clients: int, wall_s: float) -> None:
    cuts = statistics.quantiles(tally.seconds, n=100)
    print(f"requests  {len(tally.seconds):,} by {clients} clients at once, {len(tally.errors)} errors")
    print(f"rate      {len(tally.seconds) / wall_s:,.0f} a second")
    print(
        f"latency   p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, longest {max(tally.seconds) * 1e3:.1f} ms"
    )
    for error in tally.errors[:3]:
        print(f"error     {error}")


if __name__ == "__main__":
    raise SystemExit(main())

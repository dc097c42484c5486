"""TensorBoard and trackio on the same curves as the board, each as its own users start it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.board.folders import write_events
from bench.board.pages import Page, watch_page

_LONGEST_S = 300.0
# the events of TensorBoard become trackio's own store
_IMPORT = "import sys, trackio; trackio.import_tf_events(sys.argv[1], project='bench')"


def measure_others(root: Path, work: Path, seconds: float, trackio: str | None) -> dict[str, Any]:
    """Return what their pages cost; of one that is not installed, that it is missing.

    Args:
        root: the run folders.
        work: a folder for their copies.
        trackio: a Python that has ``trackio[tensorboard]``; its libraries do not go with ours.
    """
    if importlib.util.find_spec("tensorboard") is None:
        missing = {"missing": "tensorboard is not installed"}
        return {"tensorboard": missing, "trackio": missing}
    events, run = work / "events", max(path.name for path in root.iterdir())
    write_events(root, events)
    port = _free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(events), "--port", str(port)]
    with _served([*command, "--host", "127.0.0.1"], port) as (process, started_s):
        first = min(path.name for path in root.iterdir())  # its list begins with the first
        page = Page(f"http://127.0.0.1:{port}/", process.pid, first)
        found = {"tensorboard": {"started_s": started_s} | watch_page(page, seconds)}
    if trackio is None:
        return found | {"trackio": {"missing": "no --trackio PYTHON was given"}}
    return found | {"trackio": _measure_trackio(trackio, events, run, work / "trackio", seconds)}


def _measure_trackio(python: str, events: Path, run: str, store: Path, seconds: float) -> dict[str, Any]:
    port = _free_port()
    environment = os.environ | {"TRACKIO_DIR": str(store), "GRADIO_SERVER_PORT": str(port), "PYTHONPATH": ""}
    subprocess.run([python, "-c", _IMPORT, str(events)], check=True, env=environment, stdout=subprocess.DEVNULL)
    command = [str(Path(python).with_name("trackio")), "show", "--project", "bench"]
    with _served(command, port, environment) as (process, started_s):
        page = Page(f"http://127.0.0.1:{port}/?project=bench", process.pid, run)
        return {"started_s": started_s} | watch_page(page, seconds)


@contextlib.contextmanager
def _served(
    command: Sequence[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Start a server; yields it, and the seconds until it answered."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        while time.perf_counter() - began < _LONGEST_S:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30):
                break
            time.sleep(0.05)
        yield process, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

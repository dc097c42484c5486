"""The measurements, each on a server of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.board.pages import FLAGS, Page, watch_page
from bench.board.process import cpu_s

_EVERY_S = 0.5  # between two records of the live run
_EPOCHS = 100_000  # of the playground: more than there is time for


@dataclass
class Served:
    """A running server, with its cookie."""

    process: subprocess.Popen[str]
    address: str
    started_s: float
    cookie: str = ""

    @property
    def port(self) -> int:
        return int(self.address.split(":")[2].split("/")[0])

    def log_in(self) -> None:
        token = self.address.partition("#token=")[2].partition("/")[0]
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        headers = {"content-type": "application/json", "origin": f"http://127.0.0.1:{self.port}"}
        connection.request("POST", "/api/session", json.dumps({"token": token}), headers)
        answer = connection.getresponse()
        self.cookie = str(answer.headers["set-cookie"]).partition(";")[0]
        connection.close()

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path, headers={"cookie": self.cookie})
        content = connection.getresponse().read()
        connection.close()
        return json.loads(content)

    def open_stream(self, path: str) -> socket.socket:
        stream = socket.create_connection(("127.0.0.1", self.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Cookie: {self.cookie}", "", ""]
        stream.sendall("\r\n".join(lines).encode())
        return stream

    def cpu_s(self) -> float:
        """Processor time so far, user and system."""
        return cpu_s(self.process.pid)


@contextlib.contextmanager
def serve(*arguments: str) -> Iterator[Served]:
    began = time.perf_counter()
    command = [sys.executable, "-m", "fathom", *arguments, "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        served = Served(process, address, time.perf_counter() - began)
        while True:
            try:
                served.log_in()
                break
            except OSError:
                time.sleep(0.01)
        served.started_s = time.perf_counter() - began
        yield served
    finally:
        process.terminate()
        process.wait()


def measure_start(root: Path) -> float:
    """Return seconds from the command to the first answer."""
    with serve("board", str(root)) as served:
        return served.started_s


def measure_page(root: Path, seconds: float) -> dict[str, Any]:
    """Return what the board's page costs, measured as that of the others."""
    with serve("board", str(root)) as served:
        return watch_page(Page(served.address, served.process.pid, max(path.name for path in root.iterdir())), seconds)


def measure_first_paint(root: Path) -> dict[str, float]:
    """Return seconds from navigating to the first paint and to the first screenful of runs; the server is new."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with serve("board", str(root)) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page()
        page.add_init_script(_WATCH_ROWS)
        page.goto("about:blank")
        page.goto(served.address)
        page.wait_for_selector(".runs-table tbody tr")
        page.wait_for_timeout(300)
        painted, listed = page.evaluate(
            "[performance.getEntriesByName('first-contentful-paint')[0].startTime, window.listed]"
        )
        browser.close()
        return {"paint_s": painted / 1000, "runs_s": listed / 1000}


# the frame after the one in which the rows came: they are on the screen
_WATCH_ROWS = """
new MutationObserver((_, watch) => {
  if (!document.querySelector('.runs-table tbody tr')) return;
  watch.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.listed = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""


def measure_bytes(root: Path, seconds: float, *, live: bool) -> dict[str, float]:
    """Return bytes a minute and the share of one core that a tab's stream costs, while a run grows or nothing does."""
    run = next(iter(sorted(root.iterdir())))
    with serve("board", str(root)) as served:
        rows = served.get("/api/runs")
        run_id = next(row["id"] for row in rows["rows"] if row["name"] == run.name)
        history = served.get(f"/api/runs/{run_id}/history")
        stream = served.open_stream(f"/api/stream?at={rows['at']},{run_id}:{history['offset']}")
        counted = _Counter(stream)
        time.sleep(4.0)  # until all runs are described
        before, cpu, began = counted.bytes, served.cpu_s(), time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            if live:
                with (run / "metrics.jsonl").open("a") as file:
                    step = 1000 + int(passed / _EVERY_S)
                    record = {"event": "step", "step": step, "epoch": 50.0, "train_loss": 0.5, "lr": 0.1}
                    file.write(json.dumps(record) + "\n")
            time.sleep(_EVERY_S)
        passed = time.perf_counter() - began
        result = {
            "bytes_per_minute": 60 * (counted.bytes - before) / passed,
            "keep_alive_bytes_per_minute": 60 * counted.kept_alive / passed,
            "cpu_share": (served.cpu_s() - cpu) / passed,
        }
        stream.close()
        return result


class _Counter:
    """Reads a stream in a thread and counts."""

    def __init__(self, stream: socket.socket) -> None:
        self.bytes = self.kept_alive = 0
        self._stream = stream
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while content := self._stream.recv(1 << 16):
                alive = sum(len(found) for found in re.findall(rb": still here\n\n", content))
                self.kept_alive += alive
                self.bytes += len(content)


def measure_slow_down(root: Path, pairs: int) -> dict[str, Any]:
    """Return seconds of trainings with an open board and without, in turn, and the median of their ratios."""
    root.mkdir()
    alone, beside = [], []
    for _ in range(pairs):
        alone.append(_train(root))
        with serve("board", str(root)) as served:
            rows = served.get("/api/runs")
            stream = served.open_stream(f"/api/stream?at={rows['at']}")
            counter = _Counter(stream)
            beside.append(_train(root))
            stream.close()
            assert counter.bytes
    ratios = [b / a for a, b in zip(alone, beside, strict=True)]
    return {"alone_s": alone, "beside_s": beside, "slow_down": statistics.median(ratios) - 1}


def _train(root: Path) -> float:
    before = set(root.iterdir())
    command = ["train", "mlp", "--data", "digits", "--epochs", "40", "--out", str(root)]
    subprocess.run([sys.executable, "-m", "fathom", *command], check=True, capture_output=True)
    (run,) = set(root.iterdir()) - before
    return float(json.loads((run / "run.json").read_text())["train_s"])


def measure_frames(seconds: float) -> float:
    """Return frames a second of the playground, as they arrive at a client."""
    with serve("play") as served:
        slot = "0123456789abcdef"
        stream = served.open_stream(f"/api/play/{slot}").makefile("rb")
        headers = {
            "content-type": "application/json",
            "origin": f"http://127.0.0.1:{served.port}",
            "cookie": served.cookie,
        }
        for line in stream:
            if b'"event": "frame"' in line:  # it stands at its first step
                break
        for command in ({"do": "settings", "query": f"epochs={_EPOCHS}"}, {"do": "run"}):
            connection = http.client.HTTPConnection("127.0.0.1", served.port)
            connection.request("POST", f"/api/play/{slot}", json.dumps(command), headers)
            connection.getresponse().read()
            connection.close()
        count, began = 0, time.perf_counter()
        for line in stream:
            count += b'"event": "frame"' in line
            if time.perf_counter() - began > seconds:
                break
        return count / (time.perf_counter() - began)

"""A page of a running server in Chromium: until the runs are listed, and what it costs while nothing changes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import Any

from bench.board.process import cpu_s

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_SETTLES_S = 12.0  # after the first look: what is fetched or computed once is over
_LONGEST_S = 120.0


@dataclass(frozen=True)
class Page:
    """Where a page is, which process serves it, and one of the runs that it lists."""

    address: str
    pid: int
    run: str


def watch_page(page: Page, seconds: float) -> dict[str, Any]:
    """Return seconds until the run is listed, then bytes and requests a minute and the server's share of a core, idle.

    ``listed_s`` is None where it was not listed within two minutes.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        network = tab.context.new_cdp_session(tab)
        network.send("Network.enable")
        counts = {"bytes": 0, "requests": 0}

        def count(name: str, event: dict[str, Any]) -> None:
            counts[name] += event.get("encodedDataLength", 0) if name == "bytes" else 1

        network.on("Network.dataReceived", lambda event: count("bytes", event))
        network.on("Network.requestWillBeSent", lambda event: count("requests", event))
        began = time.perf_counter()
        tab.goto(page.address, wait_until="commit")
        listed = None
        while listed is None and time.perf_counter() - began < _LONGEST_S:
            if tab.evaluate("run => document.body?.innerText.includes(run)", page.run):
                listed = time.perf_counter() - began
            tab.wait_for_timeout(10)
        tab.wait_for_timeout(1000 * _SETTLES_S)
        before, cpu, since = dict(counts), cpu_s(page.pid), time.perf_counter()
        tab.wait_for_timeout(1000 * seconds)
        passed = time.perf_counter() - since
        result = {
            "listed_s": listed,
            "bytes_per_minute": 60 * (counts["bytes"] - before["bytes"]) / passed,
            "requests_per_minute": 60 * (counts["requests"] - before["requests"]) / passed,
            "cpu_share": (cpu_s(page.pid) - cpu) / passed,
        }
        browser.close()
        return result


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")

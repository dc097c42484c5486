"""Make the images of the documentation: `python docs/make_figures.py [NAME …]`, with FATHOM_DATA set.

Needs tmux, Chromium and the dev extra. The terminal is a real one: tmux runs `fathom train`, its screen is taken while
the bar moves and drawn with its colours. The report is that of LeNet on Fashion-MNIST with the default settings.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

FIGURES = Path(__file__).parent / "figures"
COLUMNS, ROWS = 116, 21
WIDTH = 1100  # of a page, in its own pixels
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FONT = "DejaVu Sans Mono"


def make_terminal(
    command: str = "fathom train", shown: str = r"epoch 16/30 ·.*epoch 17/30 .*samples/s.*loss.*ETA +\d"
) -> None:
    """Run a command in tmux and draw the screen of the moment at which it matches ``shown``."""
    with tempfile.TemporaryDirectory() as folder:
        screen = _watch(command, shown, Path(folder))
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"\x1b[1;32m$\x1b[0m {command}\n{screen}"))
    svg = console.export_svg(title="", font_aspect_ratio=0.602)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)
    _save(_shoot(lambda page: page.set_content(f"<body style='margin:0'>{svg}</body>"), ["svg"]), "terminal")


def _watch(command: str, shown: str, folder: Path) -> str:
    """Return the first screen of ``command`` that matches, with its escape sequences."""
    tmux = ["tmux", "-L", f"fathom-{os.getpid()}", "-f", "/dev/null"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = f"cd {shlex.quote(str(folder))} && PATH={shlex.quote(path)} {command}; sleep 9"
    subprocess.run([*tmux, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), program], check=True)
    plain = ""
    try:
        for _ in range(2000):
            screen = subprocess.run(
                [*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True, check=True
            ).stdout
            plain = re.sub(r"\x1b\[[\d;]*m", "", screen)
            if re.search(shown, plain, re.DOTALL):
                return screen.rstrip()
            time.sleep(0.02)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
    raise SystemExit(f"the screen never showed {shown!r}; at last it was:\n{plain}")


def make_report() -> None:
    """Train LeNet and take two parts of its report: down to the curves, and the confusion matrix with the mistakes."""
    with tempfile.TemporaryDirectory() as folder:
        _fathom("train", "lenet", "--data", "fashion_mnist", "--out", folder)
        (report,) = Path(folder).glob("*/report.html")

        def open_report(page: Page) -> None:
            page.goto(report.as_uri())

        _save(_shoot(open_report, ["nav", "#summary", "#curves figure:nth-of-type(2)"]), "report")
        _save(_shoot(open_report, ["#confusion h2", "#mistakes"], margin=20), "report-mistakes")


def make_schedules() -> None:
    """Draw the thirteen schedules."""
    _fathom("schedules", "--out", str(FIGURES / "schedules.png"))


def make_augmented() -> None:
    """Draw augmented samples of Fashion-MNIST."""
    with tempfile.TemporaryDirectory() as folder:
        _fathom("data", "fashion_mnist", "--augment", "flip,crop:padding=2,cutout:size=6", "--out", folder)
        page = Path(folder) / "fashion_mnist-samples.html"
        taken = _shoot(lambda browser: browser.goto(page.as_uri()), ["#augmented .samples"], margin=10)
        _save(taken, "augmented")


def make_board() -> None:
    """Train LeNet twice and an MLP on digits, and take the board's table, curves and errors; then the playground."""
    with tempfile.TemporaryDirectory() as folder:
        for model, *options in (("lenet", "--lr", "0.01"), ("lenet", "--lr", "0.003"), ("mlp",)):
            _fathom("train", model, "--data", "digits", "--epochs", "12", *options, "--out", folder)
        command = [sys.executable, "-m", "fathom", "board", folder, "--port", "0", "--no-browser", "--lang", "en"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            _save(
                _shoot(lambda page: _open_board(page, address, ".runs-table tbody tr:nth-child(3)"), ["main"]), "board"
            )
            first = ".runs-table tbody tr:last-child a"
            _save(_shoot(lambda page: _open_run(page, address, first, "curves"), ["main"]), "board-curves")
            play = "/play/points=spiral&layers=8,8&features=x,y,sin x,sin y&optimizer=adam&lr=0.03&noise=0.02"
            _save(_shoot(lambda page: _play(page, address + play), ["main"]), "playground")
        finally:
            server.terminate()
            server.wait()


def _open_board(page: Page, address: str, awaited: str) -> None:
    page.goto(address)
    page.wait_for_selector(awaited)
    page.wait_for_timeout(1500)  # until all rows are read


def _open_run(page: Page, address: str, link: str, view: str) -> None:
    _open_board(page, address, link)
    run = str(page.locator(link).get_attribute("href")).split("/")[2]
    page.evaluate("address => { location.hash = address }", f"#/run/{run}/{view}")
    page.wait_for_selector(".chart .value")
    page.wait_for_timeout(500)


def _play(page: Page, address: str) -> None:
    _open_board(page, address, ".network dd")
    page.locator(".bar-of-tools button.strong").click()
    page.wait_for_timeout(15_000)  # the spiral takes some hundred epochs
    page.locator(".bar-of-tools button.strong").click()
    page.wait_for_timeout(700)


def _fathom(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "fathom", *arguments], check=True)


def _shoot(open_page: Callable[[Page], object], selectors: list[str], margin: int = 0) -> Image.Image:
    """Take what lies between the first and the last of the elements, in the light scheme."""
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light", device_scale_factor=1.5)
        open_page(page)
        boxes = [page.locator(selector).first.bounding_box() for selector in selectors]
        found = [box for box in boxes if box is not None]
        assert len(found) == len(selectors), f"not all of {selectors} are on the page"
        left, top = min(box["x"] for box in found), min(box["y"] for box in found)
        right = max(box["x"] + box["width"] for box in found)
        bottom = max(box["y"] + box["height"] for box in found)
        left, top = max(0, left - margin), max(0, top - margin)
        clip = {"x": left, "y": top, "width": right + margin - left, "height": bottom + margin - top}
        taken = page.screenshot(clip=clip, full_page=True)  # type: ignore[arg-type]
        browser.close()
    return Image.open(BytesIO(taken)).convert("RGB")


def _save(image: Image.Image, name: str) -> None:
    """Write a PNG of 256 colours, which is a third of the size and looks the same."""
    image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        FIGURES / f"{name}.png", optimize=True
    )


if __name__ == "__main__":
    FIGURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or ["terminal", "schedules", "augmented", "report", "board"]:
        globals()[f"make_{name}"]()

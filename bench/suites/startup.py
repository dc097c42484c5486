"""From the shell to where work begins: importing, helping, and the first training step."""

from __future__ import annotations

import compileall
import importlib.util
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.harness import rotated, say
from bench.machine import installed_version
from bench.results import Comparison, Result, Suite
from bench.settings import ROOT, Settings
from fathom.data.sources.catalog import describe

BASELINE = "torch_and_data"
_READY = "print('ready', flush=True)"
_READ_DATA = """
import gzip, os, numpy as np
for name, offset in ('images-idx3', 16), ('labels-idx1', 8):
    for part in 'train', 't10k':
        path = f'{FOLDER}/{part}-{name}-ubyte'
        with open(path, 'rb') if os.path.exists(path) else gzip.open(path + '.gz') as file:
            np.frombuffer(file.read(), np.uint8, offset=offset)
"""
_PEERS = {
    "torchvision": "import torchvision",
    "lightning": "import lightning",
    "keras": "import keras",
    "skorch": "import skorch",
    "fastai": "import fastai.vision.all",
    "pytorch-ignite": "import ignite.engine, ignite.metrics",
    "d2l": "from d2l import torch",
}


@dataclass(frozen=True)
class Command:
    """A command and the moment up to which it is timed: "exit", "ready" (a line on its output) or "first step"."""

    name: str
    label: str
    group: str
    arguments: tuple[str, ...]
    until: str = "ready"


def run(settings: Settings, suite: Suite) -> None:
    """Run all commands alternately; the first round only warms the disk and writes byte code."""
    _compile_package()
    commands = list(_commands(settings))
    baseline = BASELINE if any(command.name == BASELINE for command in commands) else "torch"
    comparison = Comparison("startup", "seconds from the shell", unit="s", work=1, per="runs", baseline=baseline)
    comparison.results = [Result(command.name, command.label, command.group) for command in commands]
    if baseline != BASELINE:
        comparison.skipped[BASELINE] = "Fashion-MNIST is neither in FATHOM_DATA nor in the cache"
    by_name = {command.name: command for command in commands}
    for number in range(1 + settings.rounds):
        for result in rotated(list(comparison.results), number):
            try:
                elapsed = _time(by_name[result.name], settings)
            except RuntimeError as error:
                comparison.skipped[result.name] = str(error)
                comparison.results.remove(result)
                say(f"startup: {result.label} skipped: {error}")
                continue
            if number == 0:
                result.first = elapsed
            else:
                result.values.append(elapsed)
        say(f"startup: round {number}/{settings.rounds}")
    suite.comparisons.append(comparison)


def _commands(settings: Settings) -> list[Command]:
    python = (sys.executable, "-c")
    script = Path(sys.executable).with_name("fathom")
    fathom = (str(script),) if script.exists() else (sys.executable, "-m", "fathom")
    folder = describe("fashion_mnist").found
    name = "fashion_mnist" if folder is not None and not settings.quick else "digits"
    commands = [
        Command("python", "`python -c pass`", "baseline", (*python, "pass"), "exit"),
        Command("torch", "`import torch`", "baseline", (*python, f"import torch; {_READY}")),
        Command("import_fathom", "`import fathom`", "fathom", (*python, f"import fathom; {_READY}")),
        Command("help", "`fathom --help`", "fathom", (*fathom, "--help"), "exit"),
        Command(
            "first_step",
            f"`fathom train --data {name}` to its first step",
            "fathom",
            (*fathom, "train", "--data", name, "--device", "cpu", "--set", "training.log_every=1"),
            "first step",
        ),
    ]
    if folder is not None:
        read = f"import torch\nFOLDER = {str(folder)!r}\n{_READ_DATA}\n{_READY}"
        commands.insert(2, Command(BASELINE, "`import torch`, then read Fashion-MNIST", "baseline", (*python, read)))
    if settings.peers:
        commands += [
            Command(name, f"`{code}`", "peer", (*python, f"{code}; {_READY}"))
            for name, code in _PEERS.items()
            if installed_version(name) is not None
        ]
    wanted = settings.contenders
    return [c for c in commands if not wanted or c.name in (BASELINE, "torch") or c.name.startswith(wanted)]


def _time(command: Command, settings: Settings) -> float:
    """Return the seconds from starting the process to the moment that counts; what it does after is cut off."""
    out = settings.folder / "startup-runs"
    extra = ("--out", str(out)) if command.until == "first step" else ()
    log = settings.folder / f"startup-{command.name}.log"
    with log.open("wb") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command.arguments, *extra],
            cwd=ROOT,
            env=settings.environment(),
            stdout=subprocess.PIPE if command.until == "ready" else subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        if command.until == "ready":
            assert process.stdout is not None
            reached = process.stdout.readline().startswith(b"ready")
        elif command.until == "exit":
            reached = process.wait() == 0
        else:
            reached = _wait_for_step(process, out)
        elapsed = time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(out, ignore_errors=True)
    if not reached:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"it failed with code {process.returncode}")
    return elapsed


def _wait_for_step(process: subprocess.Popen[bytes], out: Path) -> bool:
    """Watch the run folder until the record of the first step lies in it."""
    while process.poll() is None:
        if any(path.stat().st_size for path in out.glob("*/metrics.jsonl")):
            return True
        time.sleep(0.002)
    return False


def _compile_package() -> None:
    """Write Fathom's byte code, as an installer would."""
    specification = importlib.util.find_spec("fathom")
    assert specification is not None
    for folder in specification.submodule_search_locations or ():
        compileall.compile_dir(folder, quiet=1)

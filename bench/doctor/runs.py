"""Runs the doctor over a program, and a program without it, and keeps what they said and cost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.doctor.programs import Program
from bench.settings import Settings

_TIMEOUT_S = 300.0  # a hundred times what a program takes on a machine at rest
_LOOK_S = 0.02  # between two looks at a process: small beside the seconds it takes


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds on the clock, seconds of processor time, the peak of its memory in MiB."""

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    last_line: str = ""
    loop_s: float = 0.0  # of the training alone, where the script says so


@dataclass(frozen=True)
class Visit:
    """What the doctor said about a program with one seed.

    Args:
        findings: code, severity and place of each.
        not_checked: codes of the checks that could not run.
        failure: why there is no answer; empty where there is one.
    """

    program: str
    seed: int
    findings: tuple[dict[str, str], ...] = ()
    not_checked: tuple[str, ...] = ()
    failure: str = ""
    cost: Cost | None = field(default=None, compare=False)


def default_command() -> tuple[str, ...]:
    """Return the command that is followed by ``--json FILE PROGRAM``."""
    return (sys.executable, "-m", "fathom", "doctor")


def visit(program: Program, seed: int, command: Sequence[str]) -> Visit:
    """Run the doctor over a program.

    The exit code is no failure: 1 stands for a finding of severity error as well as for a script that raised.
    """
    with tempfile.TemporaryDirectory(prefix="bench-doctor-") as folder:
        answer = Path(folder) / "findings.json"
        cost = run([*command, "--json", str(answer), str(program.path)], seed, Path(folder))
        return read_answer(program, seed, answer, cost)


def read_answer(program: Program, seed: int, answer: Path, cost: Cost) -> Visit:
    """Return what stands in the file that the doctor wrote, or that there is none."""
    try:
        return _visit_of(program, seed, json.loads(answer.read_text(encoding="utf-8")), cost)
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = cost.last_line or f"exit code {cost.exit_code}"
        return Visit(program.name, seed, failure=f"{type(error).__name__}: {said}", cost=cost)


def _visit_of(program: Program, seed: int, content: dict[str, Any], cost: Cost) -> Visit:
    here = f"{program.path.parent}{os.sep}"  # of this machine, and so not for the results
    findings = tuple(
        {"code": item["code"], "severity": item["severity"], "place": str(item.get("place") or "").replace(here, "")}
        for item in content["findings"]
    )
    left_out = tuple(sorted({item["code"] for item in content.get("not_checked", ())}))
    return Visit(program.name, seed, findings, left_out, cost=cost)


def run(command: Sequence[str], seed: int, folder: Path) -> Cost:
    """Run a command in ``folder`` with one thread and its seed in ``SEED``, and measure it."""
    log = folder / "output.txt"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of(seed, folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        usage, process.returncode = wait(process.pid, began)  # set, so that Popen does not wait again
    return cost_of(usage, process.returncode, began, log)


def environment_of(seed: int, folder: Path) -> dict[str, str]:
    """Return the environment of a measured process."""
    own = {"SEED": str(seed), "PYTHONPATH": _path(), "LOOP_FILE": str(folder / "loop.txt")}
    return Settings(folder, threads=1).environment() | own


def cost_of(usage: Any, code: int, began: float, log: Path) -> Cost:
    """Return the cost of a process that has just ended, with the last line that it printed."""
    wall_s = time.perf_counter() - began
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    mib = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB here
    loop = log.with_name("loop.txt")
    loop_s = float(loop.read_text(encoding="utf-8")) if loop.exists() else 0.0
    return Cost(code, wall_s, usage.ru_utime + usage.ru_stime, mib, lines[-1][:300] if lines else "", loop_s)


def wait(child: int, began: float) -> tuple[Any, int]:
    """Wait for a process, or end it with its children when its time is over; return its usage and exit code."""
    stopped = False
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return usage, os.waitstatus_to_exitcode(status)
        if not stopped and time.perf_counter() - began > _TIMEOUT_S:
            os.killpg(child, signal.SIGKILL)
            stopped = True
        time.sleep(_LOOK_S)


def _path() -> str:
    """Return where the package under measurement lies, for programs that start in a folder of their own."""
    import fathom

    return str(Path(fathom.__file__).resolve().parents[1])

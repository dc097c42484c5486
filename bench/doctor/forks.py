"""Runs the doctor over many programs from one process that holds PyTorch: each in a fork of it.

``python -m bench.doctor.forks`` reads a line of JSON for each program, ``{"program", "answer", "folder", "seed"}``, and
prints one with what it cost. The child does what ``python -m fathom.doctor.runner ANSWER PROGRAM`` does, in the folder
and the environment of the real command, without the seconds that Python takes to import PyTorch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.doctor.programs import Program
from bench.doctor.runs import Cost, Visit, cost_of, environment_of, read_answer, wait
from bench.settings import ROOT


class Server:
    """The process that is forked; one for each job."""

    def __init__(self) -> None:
        folder = Path(tempfile.gettempdir())
        environment = environment_of(0, folder)
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment["PYTHONPATH"]])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.doctor.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            bufsize=1,
        )

    def visit(self, program: Program, seed: int) -> Visit:
        """Return what the doctor says of a program.

        Raises:  RuntimeError if the server has ended
        """
        with tempfile.TemporaryDirectory(prefix="bench-doctor-") as folder:
            answer = Path(folder) / "findings.json"
            return read_answer(program, seed, answer, self.ask(program, seed, answer))

    def ask(self, program: Program, seed: int, answer: Path) -> Cost:
        """Let the doctor write what it says of a program into a file; the program runs in the folder of that file.

        Raises:  RuntimeError if the server has ended
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"program": str(program.path), "answer": str(answer), "folder": str(answer.parent), "seed": seed}
        self._process.stdin.write(json.dumps(asked) + "\n")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that is forked for each program has ended")
        return Cost(**json.loads(line))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    """Load what all need once; then a fork for each line."""
    import sklearn.datasets
    import sklearn.model_selection  # noqa: F401
    import torch

    from fathom.doctor import runner

    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.sum().backward()
    torch.optim.Adam([parameter]).step()  # the first optimiser imports a second's worth of modules
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(asdict(_run(asked, runner.main))), flush=True)


def _run(asked: dict[str, Any], runner: Callable[[list[str]], int]) -> Cost:
    folder = Path(asked["folder"])
    log = folder / "output.txt"
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()  # so that it can be ended with all that it starts
            _redirect(log)
            os.chdir(folder)
            os.environ["SEED"] = str(asked["seed"])
            # os.path: the settings of this run, such as where caches lie
            os.environ.update({k: v for k, v in environment_of(asked["seed"], folder).items() if k != "PYTHONPATH"})
            code = runner([asked["answer"], asked["program"]])
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    usage, code = wait(child, began)
    return cost_of(usage, code, began, log)


def _redirect(log: Path) -> None:
    """Send output to the log, and read nothing: standard input belongs to the server."""
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)


if __name__ == "__main__":
    main()

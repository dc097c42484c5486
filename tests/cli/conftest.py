"""Running the command line inside the test's process, and a finished run to look at."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from fathom.cli.main import main


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def error(self):
        """The one line on standard error, without the program's name."""
        lines = [line for line in self.err.splitlines() if not line.startswith(("exporting: ", "last is "))]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("fathom: ")
        return lines[0].removeprefix("fathom: ")


def run_main(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture
def fathom(tmp_path, monkeypatch):
    """Run ``fathom …`` in an empty folder; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    return run_main


@pytest.fixture
def start_fathom(tmp_path):
    """Start ``fathom …`` as a process of its own in an empty folder."""
    started = []

    def start(*arguments, **options):
        command = [sys.executable, "-m", "fathom", *map(str, arguments)]
        # As many threads as this process: sums in another number of parts differ in their last bits.
        environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path} | options
        process = subprocess.Popen(command, env=environment, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@dataclass
class Trained:
    path: Path
    result: Result


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained") / "runs"
    result = run_main("train", "--epochs", 2, "--seed", 3, "--set", "training.log_every=10", "--out", root)
    assert result.code == 0, result.err
    (path,) = root.iterdir()
    return Trained(path, result)


@pytest.fixture
def trained(_trained):
    """A finished run of LeNet on digits, two epochs; not to be changed."""
    return _trained


@pytest.fixture
def trained_copy(_trained, tmp_path):
    """The same run, to be damaged."""
    return Path(shutil.copytree(_trained.path, tmp_path / "copies" / _trained.path.name))

"""Peak memory of training LeNet for one epoch, each time in a new process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace

from bench import field
from bench.harness import Contender, Worker, WorkerError, chosen, rotated, say
from bench.problems import LENET, make_quick
from bench.results import Comparison, Result, Suite
from bench.settings import ROOT, Settings

_COMMAND = "fathom_command"
_REPEATS = 3


def run(settings: Settings, suite: Suite) -> None:
    """Measure the loops up to the end of the epoch, and the whole command with all that it writes after it."""
    problem = make_quick(LENET) if settings.quick else LENET
    catalog = not settings.quick
    contenders = (
        field.handwritten(),
        field.fathom("fathom_equal", "Fathom, equal settings", field.EQUAL, catalog=catalog),
        field.fathom("fathom_auto", "Fathom", {}, catalog=catalog),
        Contender(_COMMAND, "`fathom train`, report included", "", "fathom"),
        *field.FED_TENSORS,
    )
    comparison = Comparison(
        "memory", "LeNet on Fashion-MNIST, batch 256", unit="MiB", work=1, per="runs", baseline=field.BASELINE
    )
    taking_part = list(chosen(contenders, settings, field.BASELINE, comparison.skipped))
    values: dict[str, list[float]] = {contender.name: [] for contender in taking_part}
    for number in range(1 if settings.quick else _REPEATS):
        for contender in rotated(taking_part, number):
            try:
                if contender.name == _COMMAND:
                    peak = _measure_command(settings)
                else:
                    with Worker(contender, replace(problem, epochs_per_round=1), settings, 1) as worker:
                        reply = worker.run_round()
                        assert reply is not None
                        peak = reply["peak_mib"]
            except WorkerError as error:
                comparison.skipped[contender.name] = str(error)
                continue
            values[contender.name].append(round(peak, 1))
            say(f"memory: {contender.label} {peak:.0f} MiB")
    comparison.results += [
        Result(c.name, c.label, c.group, values[c.name]) for c in taking_part if c.name not in comparison.skipped
    ]
    suite.comparisons.append(comparison)


def _measure_command(settings: Settings) -> float:
    data = "digits" if settings.quick else "fashion_mnist"
    out = settings.folder / "memory-runs"
    command = [sys.executable, "-m", "fathom", "train", "lenet_sigmoid", "--data", data, "--epochs", "1"]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--out", str(out)],
        cwd=ROOT,
        env=settings.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read().decode(errors="replace").strip().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    shutil.rmtree(out, ignore_errors=True)
    if process.returncode:
        raise WorkerError(errors[-1] if errors else f"fathom train ended with code {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20

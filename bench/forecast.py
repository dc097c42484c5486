"""``python -m bench.forecast``: what ``fathom forecast`` says of ten trainings, beside what they then take.

Each is forecast, then trained, in processes of their own; time is that from the shell to the shell, memory the peak of
the process. Writes a table and the numbers behind it. About five minutes on two cores; the machine should be idle.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.machine import describe_machine
from bench.settings import ROOT

BOUND = 0.2  # the largest error that a forecast may have, of time and of memory
_OUT = ROOT / "docs" / "benchmarks" / "forecast.json"
_DATA = os.environ.get("FATHOM_DATA", "")
# networks of every family, all kinds of data, short and long, with what the loop can be asked to do besides
RUNS: Mapping[str, str] = {
    "LeNet, Fashion-MNIST": "lenet --data fashion_mnist --epochs 5",
    "MLP, Fashion-MNIST": "mlp --data fashion_mnist --epochs 10",
    "softmax regression, Fashion-MNIST": "softmax --data fashion_mnist --epochs 8",
    "LeNet, digits": "lenet --data digits --epochs 30",
    "compact network, batches of 64": "compact --data fashion_mnist --epochs 1 --batch-size 64",
    "LeNet, augmented, clipped, in fp32": (
        "lenet --data mnist --epochs 3 --augment crop:padding=2 --clip-norm 1 --optimizer sgd --precision fp32"
    ),
    "ResNet-9, a folder of JPEGs": f"resnet9 --data {_DATA}/folders/cifar10_small --epochs 1",
    "MLP, house prices": f"--data {_DATA}/tables/kaggle_house_pred_train.csv --target SalePrice --epochs 100",
    "GRU, characters": f"gru --data {_DATA}/text/timemachine.txt --level char --epochs 3",
    "GPT, characters": f"gpt --data {_DATA}/text/timemachine.txt --level char --epochs 1",
}


def main() -> int:
    """Measure, print a line each, write the numbers; 1 if an error passes the bound."""
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__)
    parser.add_argument("--out", type=Path, default=_OUT, help="where the numbers go (default: docs/benchmarks)")
    parser.add_argument("--only", metavar="TEXT", default="", help="only trainings whose title has this in it")
    args = parser.parse_args()
    machine = describe_machine(os.cpu_count() or 1)
    rows = [measure(title, shlex.split(line)) for title, line in RUNS.items() if args.only in title]
    args.out.write_text(json.dumps({"machine": machine, "runs": rows}, indent=1) + "\n")
    args.out.with_suffix(".md").write_text("\n".join(_table(rows)) + "\n")
    worst = max(max(abs(row["time_error"]), abs(row["memory_error"])) for row in rows)
    print(f"largest error {worst:.1%}; the bound is {BOUND:.0%}")
    return 0 if worst <= BOUND else 1


def measure(title: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Forecast a training, train, and return both.

    Raises:  SystemExit with the last line of a command that failed
    """
    fathom = [sys.executable, "-m", "fathom"]
    with tempfile.TemporaryDirectory(prefix="bench-forecast-") as folder:
        said, _, _ = _run([*fathom, "forecast", *arguments, "--json"])
        _, seconds, peak = _run([*fathom, "train", *arguments, "--out", folder])
    found = json.loads(said)
    low, high, total = (found["time_s"][name] for name in ("low", "high", "total"))
    row = {
        "title": title,
        "command": shlex.join(arguments).replace(_DATA + "/", ""),
        "forecast_s": total,
        "interval_s": [low, high],
        "took_s": seconds,
        "time_error": total / seconds - 1,
        "forecast_bytes": found["memory_bytes"]["total"],
        "peak_bytes": peak,
        "memory_error": found["memory_bytes"]["total"] / peak - 1,
    }
    print(f"{title}: {total:.1f} s forecast, {seconds:.1f} s taken ({row['time_error']:+.1%});", end=" ")
    print(f"{row['forecast_bytes'] / 1e6:.0f} MB, {peak / 1e6:.0f} MB ({row['memory_error']:+.1%})", flush=True)
    return row


def _run(command: Sequence[str]) -> tuple[str, float, float]:
    """Return what a command printed, its seconds, and the bytes of its peak."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, cwd=ROOT)
        # this process is small, so that what the child inherits of its peak does not count
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            raise SystemExit((errors.read().strip().splitlines() or ["failed"])[-1])
        return out.read(), seconds, float(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["| training | forecast | took | error | memory forecast | peak | error |", "|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        cells = (
            row["title"],
            f"{row['forecast_s']:.1f} s",
            f"{row['took_s']:.1f} s",
            f"{row['time_error']:+.1%}",
            f"{row['forecast_bytes'] / 1e6:.0f} MB",
            f"{row['peak_bytes'] / 1e6:.0f} MB",
            f"{row['memory_error']:+.1%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())

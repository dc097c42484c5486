"""Measure the board. ``python -m bench.board [--quick] [--out FILE]``; needs Linux (/proc) and Chromium.

Timings of pairs are interleaved, with and without, so that a machine that grows slower does so for both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.board.folders import make_runs
from bench.board.measures import (
    measure_bytes,
    measure_first_paint,
    measure_frames,
    measure_page,
    measure_slow_down,
    measure_start,
)
from bench.board.others import measure_others


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.board", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs, few seconds: whether it works")
    parser.add_argument("--out", help="JSON file")
    parser.add_argument("--trackio", metavar="PYTHON", help="a Python that has trackio[tensorboard]")
    args = parser.parse_args()
    runs, seconds, pairs = (50, 5.0, 1) if args.quick else (1000, 60.0, 7)
    found: dict[str, Any] = {"runs": runs}
    with tempfile.TemporaryDirectory(prefix="fathom-board-") as folder:
        os.environ["FATHOM_HOME"] = str(Path(folder) / "home")  # a cache of its own: the first start is a first one
        root = make_runs(Path(folder) / "runs", runs)
        found["start_s"] = statistics.median(measure_start(root) for _ in range(1 if args.quick else 5))
        paints = [measure_first_paint(root) for _ in range(2 if args.quick else 6)]
        # the first start reads all runs, later ones only those that changed
        found["first_start"], found["later_start"] = paints[0], _medians(paints[1:])
        found["board"] = measure_page(root, seconds)
        found["idle"] = measure_bytes(root, seconds, live=False)
        found["live"] = measure_bytes(root, seconds, live=True)
        found["training"] = measure_slow_down(Path(folder) / "trained", pairs)
        found["playground_frames_per_s"] = measure_frames(3.0 if args.quick else 10.0)
        found |= measure_others(root, Path(folder), seconds, args.trackio)
    text = json.dumps(found, indent=2)
    print(text)
    if args.out:
        Path(args.out).write_text(text + "\n", encoding="utf-8")
    return 0


def _medians(measured: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in measured) for name in measured[0]}


if __name__ == "__main__":
    sys.exit(main())

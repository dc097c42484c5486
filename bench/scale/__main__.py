"""Measure training in several processes beside one process and beside hand-written DDP; ``python -m bench.scale``.

Every round runs all contenders once, in turns, so that a slow minute of the machine falls on all of them; medians of
the rounds count. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.scale.model import Link, step_time
from bench.scale.worker import NETWORKS

_PARTS = ("ways", "sizes", "memory", "deaths", "forecast")
# bytes a second and seconds a message: one NVLink machine, 400 Gb/s InfiniBand, 25 Gb/s Ethernet
LINKS = {"NVLink": Link(450e9, 3e-6), "InfiniBand 400": Link(50e9, 5e-6), "Ethernet 25": Link(3.1e9, 30e-6)}


def main() -> int:
    """Measure what is asked for and print it; ``--out`` keeps the numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("parts", nargs="*", default=_PARTS, help=f"of {', '.join(_PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of each measurement, behind a warm-up of a sixth")
    parser.add_argument("--networks", default="mlp,lenet,resnet18")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    args = parser.parse_args()
    networks = args.networks.split(",")
    if unknown := [n for n in [*args.parts, *networks] if n not in (*_PARTS, *NETWORKS)]:
        parser.error(f"unknown: {unknown[0]}")
    found: dict[str, Any] = {"cores": os.cpu_count(), "rounds": args.rounds, "steps": args.steps}
    if "ways" in args.parts:
        found["ways"] = {name: compare_ways(name, args.rounds, args.steps) for name in networks}
    if "sizes" in args.parts:
        found["sizes"] = compare_sizes(args.rounds, args.steps)
    if "memory" in args.parts:
        found["memory"] = compare_memory(args.steps)
    if "deaths" in args.parts:
        found["deaths"] = time_deaths(args.rounds)
    if "forecast" in args.parts:
        forecast(networks)
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def compare_ways(network: str, rounds: int, steps: int) -> dict[str, float]:
    """Print and return medians, in milliseconds a step: one process, two processes, two by hand-written DDP."""
    ways = {"one process": ("fathom", 1, 2), "two processes": ("fathom", 2, 1), "two by hand": ("hand", 2, 1)}
    times: dict[str, list[float]] = {way: [] for way in ways}
    shares: list[float] = []
    for number in range(rounds):
        # another one begins each time
        order = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
        for way in order:
            told = run(*ways[way], network, steps)
            times[way].append(told["ms"])
            if way == "two by hand":
                shares.append(told["communication"])
    medians = {way: statistics.median(values) for way, values in times.items()}
    overhead = statistics.median(a / b - 1 for a, b in zip(times["two processes"], times["two by hand"], strict=True))
    print(f"{network}: " + ", ".join(f"{way} {ms:.2f} ms a step" for way, ms in medians.items()))
    print(
        f"  two processes are {medians['one process'] / medians['two processes']:.2f} × as fast as one of two threads"
    )
    print(f"  over hand-written DDP {overhead:+.1%}; {statistics.median(shares):.0%} of a step is communication")
    return medians | {"overhead": overhead, "communication": statistics.median(shares)}


def compare_sizes(rounds: int, steps: int) -> dict[int, float]:
    """Print and return the milliseconds of a step of the MLP, each process with its own 64 samples, to 8 processes."""
    found = {}
    for size in (1, 2, 4, 8):
        found[size] = statistics.median(
            run("fathom", size, 1, "mlp", steps, per_process=64)["ms"] for _ in range(rounds)
        )
        print(f"{size} processes: {found[size]:.2f} ms a step, 64 samples each")
    return found


def compare_memory(steps: int) -> dict[str, float]:
    """Print and return the peak memory of a process, of a wide MLP in two processes: ddp and fsdp."""
    found = {way: run(way, 2, 1, "wide", steps) for way in ("fathom", "fsdp")}
    for way, told in found.items():
        name = "ddp" if way == "fathom" else way
        print(f"{name}: {told['peak'] / 2**20:,.0f} MiB at most, checkpoint in {told['checkpoint_s']:.2f} s")
    return {way: told["peak"] for way, told in found.items()}


def time_deaths(rounds: int) -> float:
    """Print and return how long the others take to notice that a process was killed, in seconds."""
    seconds = [run("death", 2, 1, "mlp", 10_000)["noticed_s"] for _ in range(rounds)]
    median = statistics.median(seconds)
    print(f"a killed process is noticed and named after {median:.1f} s (at most {max(seconds):.1f})")
    return median


def forecast(networks: list[str]) -> None:
    """Print what a ring of 8 to 1,024 GPUs would take, after checking the model against two to eight processes here."""
    local = Link(*run("link", 2, 1, "mlp", 20)["link"])
    print(f"loopback: {local.bandwidth / 1e9:.2f} GB/s, {1e6 * local.latency:.0f} µs a message")
    for size in (2, 4, 8):
        told = run("ring", size, 1, "mlp", 20)
        model = step_time(0.0, told["bytes"], size, local) * 1e3
        print(f"  an all-reduce of {told['bytes']:,} bytes over {size}: {told['ms']:.2f} ms, {model:.2f} by the model")
    for name in networks:
        size = NETWORKS[name].parameters() * 4
        for link, rate in LINKS.items():
            times = [step_time(0.1, size, number, rate) for number in (8, 64, 256, 1024)]
            shares = ", ".join(f"{0.1 / t:.0%}" for t in times)
            print(f"{name}, {size / 1e6:.1f} MB, a step of 100 ms, {link}: {shares} of the ideal at 8, 64, 256, 1,024")


def run(way: str, size: int, threads: int, network: str, steps: int, per_process: int = 0) -> dict[str, Any]:
    """Run one contender in processes of its own; return what its first process measured."""
    with tempfile.TemporaryDirectory(prefix="fathom-scale-") as folder:
        out = Path(folder) / "told.json"
        options = [way, network, str(steps), str(per_process), str(out)]
        command = ["-m", "bench.scale.worker", *options]
        if size > 1:
            command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size), *command]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "FATHOM_PROGRESS": "off"}
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=900)
        if not out.exists():
            raise SystemExit(f"{way}, {size} processes: {done.stderr[-2000:]}")
        told: dict[str, Any] = json.loads(out.read_text())
        return told


if __name__ == "__main__":
    sys.exit(main())

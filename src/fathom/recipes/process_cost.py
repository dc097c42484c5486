"""What a process costs besides its work: the time before and after it, and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

_LOADED_AT = time.perf_counter()
# PyTorch frees its registries as a process ends, which touches memory that was only mapped until then. A small process
# starts the one that is measured: the system counts what a process was before it became another program as its own.
_EXIT = """
import os, subprocess, sys, time
code = "import time, torch; from fathom.recipes.process_cost import peak_memory as peak; "
code += "print(time.time(), peak(), flush=True)"
process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
said = process.stdout.readline().strip()
_, _, usage = os.wait4(process.pid, 0)
print(said, time.time(), usage.ru_maxrss)
"""


def process_age() -> float:
    """Return the seconds since this process began; where the system does not say, since this file was loaded."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
        return up - int(fields[19]) / os.sysconf("SC_CLK_TCK")  # field 22 of proc(5), of which 2 stand before ")"
    except (OSError, ValueError, IndexError):
        return time.perf_counter() - _LOADED_AT


def resident_memory() -> float:
    """Return this process's resident memory, in bytes; 0 where the system does not say."""
    return _read_status("VmRSS") or 0.0


def peak_memory() -> float:
    """Return the peak of this process's resident memory, in bytes."""
    # of this program alone; getrusage may still hold the peak of the one that started it
    if (found := _read_status("VmHWM")) is not None:
        return found
    import resource  # which Windows does not have

    return _in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def measure_exit() -> tuple[float, float]:
    """Return the seconds that a process with PyTorch takes to end, and the bytes that it grows by meanwhile."""
    found = subprocess.run([sys.executable, "-c", _EXIT], stdout=subprocess.PIPE, text=True, check=False)
    said = found.stdout.split()
    if len(said) != 4:  # it could not be started: then nothing is known, and nothing added
        return 0.0, 0.0
    ready, peak, ended, largest = map(float, said)
    return max(0.0, ended - ready), max(0.0, _in_bytes(largest) - peak)


def _read_status(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(field + ":")), None)
    return None if found is None else 1024.0 * int(found.split()[1])  # in KiB


def _in_bytes(maxrss: float) -> float:
    return float(maxrss * (1 if sys.platform == "darwin" else 1024))  # bytes there, KiB elsewhere

"""Where and with what was measured. Loads without torch."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "fathom", "torch", "torchvision", "numpy", "lightning", "keras", "skorch", "fastai", "pytorch-ignite", "d2l",
)  # fmt: skip
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe_machine(threads: int) -> dict[str, Any]:
    """Return processor, cores, memory and system as plain values."""
    cpuinfo = _cpuinfo()
    flags = set(cpuinfo.get("flags", "").split())
    return {
        "cpu": cpuinfo.get("model name", platform.processor() or platform.machine()),
        "instructions": [flag for flag in _FLAGS if flag in flags],
        "cores": available_cores(),
        "threads": threads,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver()).strip()}",
        "load_before": _measure_load(),
    }


def describe_versions() -> dict[str, str]:
    """Return the versions of Python and of whatever takes part and is installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        number = installed_version(name)
        if number is not None:
            found[name] = number
    return found


def installed_version(distribution: str) -> str | None:
    """Return a distribution's version, None where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def available_cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _measure_load(during_s: float = 1.0) -> float:
    """Return how many cores others keep busy now; the load average would count work that is over."""
    path = Path("/proc/stat")
    if not path.exists():
        return round(os.getloadavg()[0], 2)

    def busy() -> float:
        user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, path.read_text().split("\n", 1)[0].split()[1:])
        return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")

    before = busy()
    time.sleep(during_s)
    return round((busy() - before) / during_s, 2)


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    lines = path.read_text(errors="replace").split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}

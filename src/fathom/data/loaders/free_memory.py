"""How much memory a process may still take. Loads without torch."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # cgroup v1 writes "no limit" as a number near 2^63


def free_memory() -> int | None:
    """Return the bytes that are free, within the limits of this process's control group; None if that is unknown.

    What the kernel would free (cached files) counts as free.
    """
    found = [_machine_memory(), *_group_memory()]
    return min((value for value in found if value is not None), default=None)


def _machine_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):  # in kB; with what the page cache would give back
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        # without /proc; macOS has no such name either, which gives None
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _group_memory() -> list[int]:
    """Return what is left within each limit that holds for this process, of both versions of control groups."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    left: list[int] = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":  # version 2, which has one hierarchy
            root, names = _CGROUPS, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root, names = _CGROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = root / path.lstrip("/")
        for place in (folder, *folder.parents):  # a limit of any group above holds here too
            left += _left_in(place, *names)
            if place == root:
                break
    return left


def _left_in(folder: Path, limit_name: str, usage_name: str) -> list[int]:
    try:
        limit = int((folder / limit_name).read_text())  # "max" where there is none
        usage = int((folder / usage_name).read_text())
        stat = (folder / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):
        return []
    # usage counts cached files; the inactive ones go when memory is short
    cached = next((int(line.split()[1]) for line in stat if line.split()[0].endswith("inactive_file")), 0)
    return [max(0, limit - usage + cached)] if limit < _UNLIMITED else []

"""The machine that a run was made on, for its records."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from fathom.training.device import Execution


def describe_machine(execution: Execution) -> dict[str, Any]:
    """Return processor, cores, device and system."""
    return {"cpu": cpu_name(), "cores": os.cpu_count(), "device": str(execution.device), "system": platform.platform()}


def cpu_name() -> str:
    """Return the name of the processor."""
    if sys.platform.startswith("linux"):
        # replace: a name may hold any bytes
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()  # empty on some systems

"""How much memory a training uses: of the device where it has its own, else of the process."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def measure_memory(device: torch.device) -> dict[str, int | str] | None:
    """Return whose memory it is (``of``: device or process), ``bytes`` now and ``peak_bytes``; None where unknown.

    Of a GPU what PyTorch holds of it: counters on the host's side, so that nothing waits for the device.
    """
    if device.type == "cuda":
        now, peak = torch.cuda.memory_reserved(device), torch.cuda.max_memory_reserved(device)
        return {"of": "device", "bytes": now, "peak_bytes": peak}
    if device.type == "mps":
        return {"of": "device", "bytes": torch.mps.driver_allocated_memory()}
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])  # resident ones
    except (OSError, ValueError, IndexError):  # not Linux
        return None
    import resource  # of Unix alone

    now, peak = pages * os.sysconf("SC_PAGE_SIZE"), 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"of": "process", "bytes": now, "peak_bytes": max(now, peak)}  # the kernel counts the peak by and by

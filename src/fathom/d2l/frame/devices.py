"""Which devices there are: GPUs of any make that PyTorch drives (CUDA, Apple's MPS, Intel's XPU), else the CPU."""

from __future__ import annotations

import torch


def cpu() -> torch.device:
    """Give the CPU."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """Give the name of GPU ``i``, whether or not it is there; ``cuda`` where there is no GPU of another make."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return torch.device(found.type if found is not None else "cuda", i)


def num_gpus() -> int:
    """Count the GPUs."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return torch.accelerator.device_count() if found is not None else 0


def try_gpu(i: int = 0) -> torch.device:
    """Give GPU ``i`` if it is there, else the CPU."""
    return gpu(i) if num_gpus() > i else cpu()


def try_all_gpus() -> list[torch.device]:
    """Give every GPU; the CPU alone where there is none, so that the list is never empty."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]

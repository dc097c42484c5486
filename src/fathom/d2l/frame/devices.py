"""The available devices: any GPU that PyTorch supports (CUDA, Apple's MPS, Intel's XPU), else the CPU."""

from __future__ import annotations

import torch


def cpu() -> torch.device:
    """Return the CPU."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """Return the name of GPU ``i``, present or not; ``cuda`` unless the machine has a GPU of another make."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return torch.device(found.type if found is not None else "cuda", i)


def num_gpus() -> int:
    """Return the number of GPUs."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return torch.accelerator.device_count() if found is not None else 0


def try_gpu(i: int = 0) -> torch.device:
    """Return GPU ``i`` if present, else the CPU."""
    return gpu(i) if num_gpus() > i else cpu()


def try_all_gpus() -> list[torch.device]:
    """Return every GPU; the CPU alone where there is none, so that the list is never empty."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]

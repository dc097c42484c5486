"""The state of every random generator a run may draw from."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch


def seed_everything(seed: int) -> None:
    """Seed torch's generators on every device, Python's and, where it is in use, NumPy's global one."""
    torch.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:  # not imported: nobody draws from it, and importing it takes time
        sys.modules["numpy"].random.seed(seed % 2**32)  # NumPy's global generator takes 32 bits


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the state of torch's, the device's, Python's and, where it is in use, NumPy's global generator."""
    state: dict[str, Any] = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if device.type != "cpu":
        state["device"] = torch.get_device_module(device).get_rng_state(*_which(device))
    if "numpy" in sys.modules:
        # of the Mersenne Twister: 624 words, position, and a Gaussian kept in reserve
        name, keys, position, has_gauss, gauss = sys.modules["numpy"].random.get_state()
        # a list: a checkpoint holds plain values and tensors
        state["numpy"] = (name, keys.tolist(), position, has_gauss, gauss)
    return state


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Bring the generators to a state given by ``random_state``."""
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    if "device" in state and device.type != "cpu":  # a run of a GPU may go on on a CPU, whose numbers differ anyway
        torch.get_device_module(device).set_rng_state(state["device"], *_which(device))
    if "numpy" in state and "numpy" in sys.modules:
        sys.modules["numpy"].random.set_state(state["numpy"])


@contextlib.contextmanager
def kept_random_state(device: torch.device) -> Iterator[None]:
    """Leave all these generators as they were, whatever happens inside."""
    state = random_state(device)
    try:
        yield
    finally:
        restore_random_state(state, device)


def _which(device: torch.device) -> tuple[torch.device, ...]:
    """There is one MPS device, whose functions take none; of other kinds the default need not be the one in use."""
    return () if device.type == "mps" else (device,)

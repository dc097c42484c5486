"""Every generator a run may draw from is seeded, kept and restored."""

import random

import numpy as np
import pytest
import torch

from fathom.training.checkpoint import load_checkpoint, save_checkpoint
from fathom.training.random_state import kept_random_state, random_state, restore_random_state, seed_everything

CPU = torch.device("cpu")


def draw() -> list[float]:
    return [torch.rand(()).item(), torch.randn(3)[1].item(), random.random(), random.gauss(0, 1), np.random.randn()]


def test_seeds_reach_every_generator():
    seed_everything(3)
    first = draw()
    assert draw() != first
    seed_everything(3)
    assert draw() == first
    torch.manual_seed(3)
    assert torch.rand(()).item() == first[0]  # as a loop written by hand would seed it
    seed_everything(2**40 + 1)  # NumPy takes 32 bits only


def test_a_state_survives_the_checkpoint(tmp_path):
    seed_everything(1)
    draw()  # half of a pair of normal numbers is now in store, in Python and in NumPy
    save_checkpoint(tmp_path / "c", random_state(CPU))
    expected = [draw() for _ in range(3)]
    seed_everything(99)
    restore_random_state(load_checkpoint(tmp_path / "c"), CPU)
    assert [draw() for _ in range(3)] == expected


def test_kept_also_after_an_error():
    seed_everything(1)
    expected = draw()
    seed_everything(1)
    try:
        with kept_random_state(CPU):
            draw()
            raise RuntimeError
    except RuntimeError:
        pass
    assert draw() == expected


@pytest.mark.parametrize(("name", "arguments"), [("cuda:1", (torch.device("cuda:1"),)), ("mps", ())])
def test_an_accelerators_own_generator_is_kept(monkeypatch, name, arguments):
    device, held = torch.device(name), {"state": torch.tensor([7], dtype=torch.uint8)}

    class Accelerator:
        @staticmethod
        def get_rng_state(*given):
            assert given == arguments
            return held["state"]

        @staticmethod
        def set_rng_state(state, *given):
            assert given == arguments
            held["state"] = state

    monkeypatch.setattr(torch, "get_device_module", lambda device: Accelerator)
    with kept_random_state(device):
        held["state"] = torch.tensor([9], dtype=torch.uint8)
    assert held["state"].item() == 7
    cpu_only = random_state(CPU)
    restore_random_state(cpu_only, device)  # a run that moved to another machine
    assert held["state"].item() == 7

"""The README's Python example gives the same numbers in two processes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fathom

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.slow
def test_the_example_is_repeatable():
    (code,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    code = code.replace("max_epochs=10", "max_epochs=2")
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert "test_accuracy" in first
    assert first == second


def test_seeded_weights_are_the_same_and_no_generator_moves():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    nets = [fathom.create_model("lenet", input_shape=(1, 28, 28), num_classes=10, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.rand(3), expected)
    a, b, c = (net.state_dict() for net in nets)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)
    torch.manual_seed(0)  # the same as seeding by hand
    by_hand = fathom.create_model("lenet", input_shape=(1, 28, 28), num_classes=10).state_dict()
    assert all(torch.equal(a[name], by_hand[name]) for name in a)

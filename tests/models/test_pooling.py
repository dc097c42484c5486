"""Average pooling with the quick gradient against torch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fathom.models.pooling import AvgPool2d


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9),
    st.sampled_from([torch.contiguous_format, torch.channels_last]),
)  # fmt: skip
def test_values_and_gradients_are_torchs(n: int, c: int, k: int, rows: int, columns: int, memory_format) -> None:
    height, width = max(rows, k), max(columns, k)  # tiling and not
    X = torch.randn(n, c, height, width, dtype=torch.float64).to(memory_format=memory_format)
    ours, theirs = X.clone().requires_grad_(), X.clone().requires_grad_()
    Y, Z = AvgPool2d(k)(ours), nn.AvgPool2d(k)(theirs)
    torch.testing.assert_close(Y, Z, rtol=0, atol=0)
    G = torch.randn_like(Y)
    Y.backward(G)
    Z.backward(G)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("options", [{"stride": 1}, {"padding": 1}, {"divisor_override": 3}, {"stride": 3}])
def test_windows_that_do_not_tile_are_torchs(options: dict[str, int]) -> None:
    X = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    Y, Z = AvgPool2d(2, **options)(X), nn.AvgPool2d(2, **options)(X)
    G = torch.randn_like(Y)
    ours, theirs = torch.autograd.grad(Y, X, G)[0], torch.autograd.grad(Z, X, G)[0]
    torch.testing.assert_close(ours, theirs)


def test_bfloat16_gradient_is_the_exact_one() -> None:
    X = torch.randn(4, 6, 28, 28).bfloat16().to(memory_format=torch.channels_last).requires_grad_()
    Y = AvgPool2d(2)(X)
    G = torch.randn_like(Y)
    (gradient,) = torch.autograd.grad(Y, X, G)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    exact = (G / 4).repeat_interleave(2, 2).repeat_interleave(2, 3)  # a quarter of a bfloat16 is one, exactly
    assert torch.equal(gradient, exact)

"""All-reduce, both ways: the sum everywhere, and who sends how much."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.scratch.devices.collective import naive_all_reduce, ring_all_reduce


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.lists(st.integers(0, 5), min_size=0, max_size=3), st.integers(0, 100))
def test_every_device_gets_the_sum(num_devices, shape, seed):
    generator = np.random.default_rng(seed)
    buffers = [generator.standard_normal(tuple(shape)) for _ in range(num_devices)]
    expected = sum(buffers)
    for all_reduce in (naive_all_reduce, ring_all_reduce):
        copies = [buffer.copy() for buffer in buffers]
        all_reduce(copies)
        for each in copies:
            np.testing.assert_allclose(each, expected, rtol=1e-12, atol=1e-14)
            assert each.tobytes() == copies[0].tobytes()  # no device may drift away


def test_views_that_are_not_contiguous_are_changed_too():
    whole = np.ones((3, 4, 4))
    ring_all_reduce([array[:, ::2].T for array in whole])
    assert (whole[:, :, ::2] == 3).all()
    assert (whole[:, :, 1::2] == 1).all()


def test_the_ring_spreads_the_traffic_evenly():
    n = 1200
    for num_devices in (2, 3, 4, 6):
        assert (
            ring_all_reduce([np.zeros(n) for _ in range(num_devices)])
            == [2 * (num_devices - 1) * n // num_devices] * num_devices
        )
        naive = naive_all_reduce([np.zeros(n) for _ in range(num_devices)])
        assert naive == [(num_devices - 1) * n] + [n] * (num_devices - 1)


@pytest.mark.parametrize("all_reduce", [naive_all_reduce, ring_all_reduce])
def test_refusals(all_reduce):
    with pytest.raises(ValueError, match="at least one buffer"):
        all_reduce([])
    with pytest.raises(ValueError, match=r"one shape, got \(2,\), \(3,\)"):
        all_reduce([np.zeros(2), np.zeros(3)])

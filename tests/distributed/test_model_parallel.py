"""A network cut over two processes learns what it learns on one device."""

import pytest

pytestmark = pytest.mark.slow


def test_layers_and_stages_equal_one_device(tmp_path, run_cases):
    found = run_cases(tmp_path, "model_parallel.py", ["tensors", "stages"], sizes=(2,))
    for losses, expected, difference, shapes in found["tensors"][2]:
        assert losses == pytest.approx(expected, abs=1e-12)
        assert difference < 1e-12
        assert [128, 784] in shapes  # half of 256 units
    first, second = found["stages"][2]
    assert first[3] == 4  # weights and biases of two convolutions
    assert second[0] == pytest.approx(second[1], abs=1e-12)
    assert max(first[2], second[2]) < 1e-12
